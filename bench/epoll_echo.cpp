#include "bench/epoll_echo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "bench/cpu_time.h"

namespace bench {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;

int checked(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::to_string(errno));
  return result;
}

}  // namespace

struct EpollEcho::Client {
  int socket;
  std::string rest;  // what the kernel did not take; while there is some, nothing more is read
};

EpollEcho::EpollEcho()
    : listener_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      stop_(checked(::eventfd(0, EFD_CLOEXEC), "eventfd")),
      buffer_(std::make_unique<char[]>(kBuffer)) {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), "bind");
  checked(::listen(listener_, 1024), "listen");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  for (int watched : {listener_, stop_}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = watched}};
    checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, watched, &event), "epoll_ctl");
  }
  thread_ = std::thread([this] { serve(); });
}

EpollEcho::~EpollEcho() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (const auto& client : clients_) {
    if (client) ::close(client->socket);
  }
  for (int descriptor : {listener_, stop_, epoll_}) ::close(descriptor);
}

double EpollEcho::cpu_seconds() {
  return cpu_seconds_of(thread_.native_handle());
}

void EpollEcho::serve() {
  for (;;) {
    epoll_event events[128];
    const int count = ::epoll_wait(epoll_, events, 128, -1);
    for (int i = 0; i < count; ++i) {
      const int ready = events[i].data.fd;
      if (ready == stop_) return;
      if (ready == listener_) {
        accept_all();
      } else if (Client* client = clients_[static_cast<std::size_t>(ready)].get()) {
        on_ready(*client, events[i].events);
      }
    }
  }
}

void EpollEcho::accept_all() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const auto place = static_cast<std::size_t>(socket);
    if (clients_.size() <= place) clients_.resize(place + 1);
    clients_[place] = std::make_unique<Client>(Client{socket, {}});
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }
}

void EpollEcho::on_ready(Client& client, unsigned events) {
  const bool goes_on = (events & EPOLLOUT) != 0 ? write_rest(client) : read_once(client);
  if (!goes_on) drop(client);
}

bool EpollEcho::read_once(Client& client) {
  const ssize_t got = ::recv(client.socket, buffer_.get(), kBuffer, 0);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  const ssize_t sent = ::send(client.socket, buffer_.get(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent == got) return true;
  if (sent < 0 && errno != EAGAIN) return false;
  const ssize_t taken = sent > 0 ? sent : 0;
  client.rest.assign(buffer_.get() + taken, static_cast<std::size_t>(got - taken));
  watch(client, EPOLLOUT);
  return true;
}

bool EpollEcho::write_rest(Client& client) {
  const ssize_t sent = ::send(client.socket, client.rest.data(), client.rest.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN;
  client.rest.erase(0, static_cast<std::size_t>(sent));
  if (client.rest.empty()) watch(client, EPOLLIN);
  return true;
}

void EpollEcho::watch(Client& client, unsigned events) const {
  epoll_event event{.events = events, .data = {.fd = client.socket}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
}

void EpollEcho::drop(Client& client) {
  const int socket = client.socket;
  ::close(socket);
  clients_[static_cast<std::size_t>(socket)].reset();
}

}  // namespace bench
