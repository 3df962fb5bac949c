#include "connmgr/io/resolver.h"

#include <ares.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "connmgr/core/check.h"

namespace connmgr::io {

// One look-up, shared by the shard that asked and the resolver's thread.
struct Resolver::Query : std::enable_shared_from_this<Query> {
  std::string host;
  std::uint16_t port = 0;
  Resolved resolved;  // used on the shard alone

  std::mutex mutex;        // around `shard`
  Shard* shard = nullptr;  // nothing: forgotten

  // On the resolver's thread. What the shard holds after that is without a channel.
  ares_channel channel = nullptr;
  bool done = false;

  void answer(Result<Addresses> result);
  bool forgotten() {
    std::lock_guard lock(mutex);
    return !shard;
  }
};

class Resolver::Lookup {
 public:
  explicit Lookup(std::shared_ptr<Query> query) : query_(std::move(query)) {}
  ~Lookup() {
    std::lock_guard lock(query_->mutex);
    query_->shard = nullptr;
  }

 private:
  std::shared_ptr<Query> query_;
};

void Resolver::Forget::operator()(Lookup* lookup) const noexcept {
  delete lookup;
}

// Posting happens under the query's mutex: after forgetting it, nobody touches the shard any more, which may
// be gone then. The task looks again, because the look-up may be forgotten while it lies in the inbox.
void Resolver::Query::answer(Result<Addresses> result) {
  done = true;
  std::lock_guard lock(mutex);
  if (!shard) return;
  shard->post([self = shared_from_this(), answered = std::move(result)](OnShard& here) mutable {
    if (!self->forgotten()) std::exchange(self->resolved, nullptr)(here, std::move(answered));
  });
}

namespace {

Resolver::Addresses addresses_of(const ares_addrinfo& info, std::uint16_t port) {
  Resolver::Addresses addresses;
  for (const ares_addrinfo_node* node = info.nodes; node; node = node->ai_next) {
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    SocketAddress address;
    address.length = node->ai_addrlen;
    std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
    address.set_port(port);
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
      addresses.push_back(address);
  }
  return addresses;
}

Failure failure_of(const std::string& host, int status) {
  return {Errc::resolve_failed, "resolve '" + host + "': " + ares_strerror(status)};
}

}  // namespace

// Each query has an ares_channel of its own, which is c-ares' state for one configuration of name servers.
class Resolver::Thread {
 public:
  explicit Thread(std::string name_servers)
      : name_servers_(std::move(name_servers)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    ares_library_init(ARES_LIB_INIT_ALL);
    thread_ = std::thread([this] { run(); });
  }

  ~Thread() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
    ares_library_cleanup();
  }

  void add(std::shared_ptr<Query> query) {
    {
      std::lock_guard lock(mutex_);
      asked_.push_back(std::move(query));
    }
    wake();
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    if (wake_) check(::write(wake_.get(), &one, sizeof(one)) == sizeof(one), "wake of the resolver");
  }

  // A query in c-ares' hands; its channel ends with it.
  struct Asked {
    explicit Asked(std::shared_ptr<Query> asked) : query(std::move(asked)) {}
    Asked(Asked&&) noexcept = default;
    Asked& operator=(Asked&& other) noexcept {
      std::swap(query, other.query);
      return *this;
    }
    ~Asked() {
      if (query && query->channel) ares_destroy(std::exchange(query->channel, nullptr));
    }
    Query* operator->() const { return query.get(); }
    Query& operator*() const { return *query; }

    std::shared_ptr<Query> query;
  };

  void run() {
    while (take_asked()) {
      wait();
      std::erase_if(queries_, [](const Asked& query) { return query->done || query->forgotten(); });
    }
    queries_.clear();
  }

  bool take_asked() {
    std::vector<std::shared_ptr<Query>> asked;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return false;
      asked.swap(asked_);
    }
    for (auto& query : asked) start(std::move(query));
    return true;
  }

  void start(std::shared_ptr<Query> query) {
    int status = ares_init(&query->channel);
    if (status == ARES_SUCCESS && !name_servers_.empty()) {
      status = ares_set_servers_ports_csv(query->channel, name_servers_.c_str());
    }
    Query& started = *query;
    queries_.emplace_back(std::move(query));
    if (status != ARES_SUCCESS) return started.answer(failure_of(started.host, status));

    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(started.channel, started.host.c_str(), nullptr, &hints, &Thread::on_answer, &started);
  }

  // Called by c-ares, at once for a name in the hosts file.
  static void on_answer(void* asked, int status, int, ares_addrinfo* info) {
    auto& query = *static_cast<Query*>(asked);
    if (status == ARES_EDESTRUCTION) return;
    Addresses addresses;
    if (info) addresses = addresses_of(*info, query.port);
    if (info) ares_freeaddrinfo(info);
    if (status != ARES_SUCCESS) return query.answer(failure_of(query.host, status));
    if (addresses.empty()) return query.answer(failure_of(query.host, ARES_ENODATA));
    query.answer(std::move(addresses));
  }

  // Until a name server answers, c-ares wants to try again, or somebody asks.
  void wait() {
    sockets_.assign(1, {.fd = wake_.get(), .events = POLLIN, .revents = 0});
    int milliseconds = -1;
    for (const auto& query : queries_) {
      ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
      const int wanted = ares_getsock(query->channel, sockets, ARES_GETSOCK_MAXNUM);
      for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
        const short events = static_cast<short>((ARES_GETSOCK_READABLE(wanted, i) ? POLLIN : 0) |
                                                (ARES_GETSOCK_WRITABLE(wanted, i) ? POLLOUT : 0));
        if (events != 0) sockets_.push_back({.fd = sockets[i], .events = events, .revents = 0});
      }
      timeval room{};
      if (const timeval* next = ares_timeout(query->channel, nullptr, &room)) {
        const int until_retry = static_cast<int>(next->tv_sec * 1000 + next->tv_usec / 1000 + 1);
        milliseconds = milliseconds < 0 ? until_retry : std::min(milliseconds, until_retry);
      }
      if (query->done) milliseconds = 0;
    }
    ::poll(sockets_.data(), sockets_.size(), milliseconds);
    std::uint64_t wakes = 0;
    while (::read(wake_.get(), &wakes, sizeof(wakes)) > 0) {
    }
    for (const auto& query : queries_) serve(*query);
  }

  // c-ares looks at a socket only when told that it is ready, and at the time with each call.
  void serve(Query& query) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int wanted = ares_getsock(query.channel, sockets, ARES_GETSOCK_MAXNUM);
    ares_process_fd(query.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      if (!ARES_GETSOCK_READABLE(wanted, i) && !ARES_GETSOCK_WRITABLE(wanted, i)) continue;
      const auto ready = std::find_if(sockets_.begin() + 1, sockets_.end(), [&](const pollfd& one) {
        return one.fd == sockets[i] && one.revents != 0;
      });
      if (ready == sockets_.end()) continue;
      ares_process_fd(query.channel, (ready->revents & ~POLLOUT) != 0 ? sockets[i] : ARES_SOCKET_BAD,
                      (ready->revents & POLLOUT) != 0 ? sockets[i] : ARES_SOCKET_BAD);
    }
  }

  const std::string name_servers_;
  Descriptor wake_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Query>> asked_;
  bool stopping_ = false;
  std::vector<Asked> queries_;   // on the thread
  std::vector<pollfd> sockets_;  // what wait() waits for; first the wake
  std::thread thread_;
};

Resolver::Resolver(std::string name_servers) : name_servers_(std::move(name_servers)) {}
Resolver::~Resolver() = default;

Resolver::LookupPtr Resolver::resolve(OnShard& here, const std::string& host, std::uint16_t port,
                                      Resolved resolved) {
  auto query = std::make_shared<Query>();
  query->host = host;
  query->port = port;
  query->resolved = std::move(resolved);
  query->shard = &here.shard();
  LookupPtr lookup(new Lookup(query));

  std::lock_guard lock(mutex_);
  if (!thread_) thread_ = std::make_unique<Thread>(name_servers_);
  thread_->add(std::move(query));
  return lookup;
}

}  // namespace connmgr::io
