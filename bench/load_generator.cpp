#include "bench/load_generator.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/cpu_time.h"

namespace bench {
namespace {

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

// The stream of one connection is a function of the place in it, so nothing that was sent needs to be kept.
class Stream {
 public:
  Stream(std::uint32_t connection, std::size_t record_size)
      : first_number_(std::uint64_t{connection} << 40), record_(record_size, 'x') {
    for (std::size_t i = kDigits; i < record_size; ++i)
      record_[i] = static_cast<char>('a' + (i + connection) % 26);
    record_.back() = '\n';
  }

  const std::string& record(std::uint64_t number) {
    std::uint64_t digits = first_number_ + number;
    for (std::size_t i = kDigits; i-- > 0; digits >>= 4) record_[i] = "0123456789abcdef"[digits & 15];
    return record_;
  }

 private:
  static constexpr std::size_t kDigits = 16;
  std::uint64_t first_number_;
  std::string record_;
};

struct Client {
  Client(int descriptor, std::uint32_t number, const Load& load)
      : socket(descriptor), sending(number, load.record_size), expecting(number, load.record_size) {
    sent_at.resize(static_cast<std::size_t>(load.depth));
  }
  ~Client() { ::close(socket); }

  int socket;
  Stream sending;
  Stream expecting;
  std::uint64_t begun = 0;     // records whose time of sending is noted
  std::uint64_t sent = 0;      // bytes
  std::uint64_t received = 0;  // bytes
  bool wants_output = false;
  std::vector<std::uint64_t> sent_at;  // of the records under way, by number modulo depth
};

class Generator {
 public:
  explicit Generator(const Load& load)
      : load_(load),
        bytes_each_(load.records_each * load.record_size),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~Generator() { ::close(epoll_); }

  LoadResult run();

 private:
  bool connect_all();
  void begin_measuring();
  void on_ready(Client& client, unsigned events);
  void receive(Client& client);
  bool verify(Client& client, const char* bytes, std::size_t count);
  void send(Client& client);
  void watch(Client& client, bool output);
  void fail(const std::string& what) {
    if (result_.error.empty()) result_.error = what;
  }

  const Load load_;
  const std::uint64_t bytes_each_;
  int epoll_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t unfinished_ = 0;
  std::uint64_t warm_up_left_ = 0;  // 0: what comes is measured
  std::uint64_t start_ = 0;
  double cpu_before_ = 0;
  std::string batch_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  LoadResult result_;
};

LoadResult Generator::run() {
  if (load_.record_size < 18 || load_.depth < 1) {
    fail("a record has at least 18 bytes, depth is at least 1");
    return std::move(result_);
  }
  if (!connect_all()) return std::move(result_);
  warm_up_left_ = load_.warm_up_each * clients_.size();
  if (warm_up_left_ == 0) begin_measuring();
  for (auto& client : clients_) send(*client);
  while (unfinished_ > 0 && result_.error.empty()) {
    epoll_event events[128];
    const int milliseconds = static_cast<int>(std::chrono::milliseconds(load_.time_limit).count());
    const int count = ::epoll_wait(epoll_, events, 128, milliseconds);
    if (count == 0) fail("nothing came back within " + std::to_string(load_.time_limit.count()) + " s");
    for (int i = 0; i < count; ++i) on_ready(*static_cast<Client*>(events[i].data.ptr), events[i].events);
    if (warm_up_left_ == 0 || result_.records < warm_up_left_) continue;
    warm_up_left_ = 0;
    begin_measuring();
  }
  if (load_.on_end) load_.on_end();
  result_.seconds = static_cast<double>(now_ns() - start_) * 1e-9;
  result_.cpu_seconds = cpu_seconds_of_this_thread() - cpu_before_;
  return std::move(result_);
}

void Generator::begin_measuring() {
  result_.records = 0;
  result_.latencies = {};
  cpu_before_ = cpu_seconds_of_this_thread();
  start_ = now_ns();
  if (load_.on_begin) load_.on_begin();
}

bool Generator::connect_all() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(load_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < load_.connections; ++i) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0 || ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      fail("connect to port " + std::to_string(load_.port) + ": " + std::strerror(errno));
      if (socket >= 0) ::close(socket);
      return false;
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    clients_.push_back(std::make_unique<Client>(socket, static_cast<std::uint32_t>(i), load_));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = clients_.back().get()}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }
  unfinished_ = bytes_each_ > 0 ? clients_.size() : 0;
  return true;
}

void Generator::on_ready(Client& client, unsigned events) {
  if ((events & EPOLLOUT) != 0) {
    watch(client, false);
    send(client);
  }
  if ((events & ~static_cast<unsigned>(EPOLLOUT)) != 0) receive(client);
}

void Generator::receive(Client& client) {
  const ssize_t got = ::recv(client.socket, buffer_.data(), buffer_.size(), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    const std::string how = got == 0 ? "closed by the server" : std::strerror(errno);
    return fail("connection ended after " + std::to_string(client.received) + " bytes of " +
                std::to_string(bytes_each_) + ": " + how);
  }
  if (!verify(client, buffer_.data(), static_cast<std::size_t>(got))) return;
  if (client.received == bytes_each_) --unfinished_;
  send(client);
}

bool Generator::verify(Client& client, const char* bytes, std::size_t count) {
  const std::uint64_t now = now_ns();
  while (count > 0) {
    const std::uint64_t number = client.received / load_.record_size;
    const std::size_t offset = client.received % load_.record_size;
    const std::size_t piece = std::min(count, load_.record_size - offset);
    const std::string& expected = client.expecting.record(number);
    if (client.received + piece > client.sent || std::memcmp(expected.data() + offset, bytes, piece) != 0) {
      fail("record " + std::to_string(number) + " came back changed, or unasked");
      return false;
    }
    client.received += piece;
    bytes += piece;
    count -= piece;
    if (offset + piece < load_.record_size) continue;
    ++result_.records;
    result_.latencies.add(now - client.sent_at[number % client.sent_at.size()]);
  }
  return true;
}

// As many records as have come back, in one write.
void Generator::send(Client& client) {
  const std::uint64_t came_back = client.received / load_.record_size;
  const std::uint64_t may_begin =
      std::min(load_.records_each, came_back + static_cast<std::uint64_t>(load_.depth));
  for (; client.begun < may_begin; ++client.begun) {
    client.sent_at[client.begun % client.sent_at.size()] = now_ns();
  }
  const std::uint64_t end = may_begin * load_.record_size;
  while (client.sent < end && !client.wants_output) {
    batch_.clear();
    std::uint64_t place = client.sent;
    while (place < end && batch_.size() < 64 * 1024) {
      const std::size_t offset = place % load_.record_size;
      batch_.append(client.sending.record(place / load_.record_size), offset, std::string::npos);
      place += load_.record_size - offset;
    }
    const ssize_t taken = ::send(client.socket, batch_.data(), batch_.size(), MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) return fail(std::string("send: ") + std::strerror(errno));
    if (taken > 0) client.sent += static_cast<std::uint64_t>(taken);
    if (taken < static_cast<ssize_t>(batch_.size())) watch(client, true);
  }
}

void Generator::watch(Client& client, bool output) {
  if (client.wants_output == output) return;
  client.wants_output = output;
  epoll_event event{
      .events = output ? static_cast<unsigned>(EPOLLIN | EPOLLOUT) : static_cast<unsigned>(EPOLLIN),
      .data = {.ptr = &client}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
}

}  // namespace

// Below 64 each value has its own bucket; above, each doubling has 64.
std::size_t Latencies::bucket_of(std::uint64_t nanoseconds) noexcept {
  if (nanoseconds < kParts) return nanoseconds;
  const unsigned doubling = static_cast<unsigned>(std::bit_width(nanoseconds)) - 7;  // 64 to 127: 0
  return (doubling + 1) * kParts + static_cast<std::size_t>(nanoseconds >> doubling) - kParts;
}

double Latencies::middle_of(std::size_t bucket) noexcept {
  if (bucket < kParts) return static_cast<double>(bucket);
  const std::size_t doubling = bucket / kParts - 1;
  const double width = static_cast<double>(std::uint64_t{1} << doubling);
  return (static_cast<double>(bucket % kParts + kParts) + 0.5) * width;
}

void Latencies::add(std::uint64_t nanoseconds) noexcept {
  ++buckets_[std::min(bucket_of(nanoseconds), buckets_.size() - 1)];
  ++count_;
}

double Latencies::percentile(double percent) const noexcept {
  const double wanted = percent / 100 * static_cast<double>(count_);
  double seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += static_cast<double>(buckets_[bucket]);
    if (seen > 0 && seen >= wanted) return middle_of(bucket);
  }
  return 0;
}

LoadResult generate(const Load& load) {
  return Generator(load).run();
}

}  // namespace bench
