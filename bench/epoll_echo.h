// The baseline of bench echo: an echo server written by hand, as fast as one thread with epoll goes. It
// knows no records: what comes goes back, in order.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace bench {

class EpollEcho {
 public:
  EpollEcho();   // listens on a port of the system's choice, serves on a thread of its own
  ~EpollEcho();  // closes everything
  EpollEcho(const EpollEcho&) = delete;
  EpollEcho& operator=(const EpollEcho&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  double cpu_seconds();  // of its thread, so far

 private:
  struct Client;

  void serve();
  void accept_all();
  void on_ready(Client& client, unsigned events);
  bool read_once(Client& client);
  bool write_rest(Client& client);
  void watch(Client& client, unsigned events) const;
  void drop(Client& client);

  int listener_;
  int epoll_;
  int stop_;  // an eventfd
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Client>> clients_;  // by descriptor
  std::unique_ptr<char[]> buffer_;
  std::thread thread_;
};

}  // namespace bench
