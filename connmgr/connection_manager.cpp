#include "connmgr/connection_manager.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "connmgr/manager_shard.h"

namespace connmgr {

ConnectionManager::ConnectionManager(std::string name, std::shared_ptr<const ConfigurableService> service,
                                     const PoolSettings& settings, const ManagerSurroundings& around)
    : name_(std::move(name)),
      kind_(service->kind),
      shards_(around.shards),
      network_(around.network),
      names_(around.names),
      pool_(settings, static_cast<std::uint32_t>(shards_.size()), network_.make_id_key(),
            network_.make_id_key().k0),
      service_(std::move(service)),
      sides_left_(shards_.size()) {
  for (io::Shard* shard : shards_) sides_.push_back(std::make_unique<ShardSide>(*this, *shard));
}

ConnectionManager::~ConnectionManager() {
  check(ended() || pool_.idle(), "a connection manager is destroyed while it has connections");
}

std::shared_ptr<const ConfigurableService> ConnectionManager::service() const {
  const std::lock_guard lock(mutex_);
  return service_;
}

ConnectionManager::ShardSide& ConnectionManager::side_of(OnShard& here) noexcept {
  return *sides_[here.shard().index()];
}

// --- streams -------------------------------------------------------------------------------------

Ticket ConnectionManager::acquire(OnShard& here, Ask ask, Granted done) {
  ask.shard = here.shard().index();
  Answer answer;
  std::optional<RefusalFacts> refusal;
  {
    PoolCall pool(*this, here);
    answer = pool->acquire(ask, here.now());
    switch (answer.kind) {
      case Answer::Kind::waiting: pool.park(answer.ticket, std::move(done), ask.shard); return answer.ticket;
      case Answer::Kind::refused: refusal = pool.refusal(answer.refusal, Duration::zero()); break;
      case Answer::Kind::granted:
        if (answer.grant.shard != ask.shard) {
          pool.deliver(answer.grant.shard, Delivery::Grant{answer.grant, std::move(done)});
          return {};
        }
        break;
    }
  }
  if (refusal) {
    done(here, in_words(*refusal));
  } else {
    ConnectionHome* home = side_of(here).home(answer.grant.connection);
    check(home != nullptr, "granted a connection that its shard does not have");
    done(here, StreamLease(*this, *home, answer.grant));
  }
  return {};
}

bool ConnectionManager::cancel(OnShard& here, Ticket ticket) {
  Granted forgotten;  // destroyed after the lock: it may hold anything
  PoolCall pool(*this, here);
  if (!pool->cancel(ticket, here.now())) return false;
  forgotten = pool.unpark(ticket).done;
  return true;
}

SubscriptionId ConnectionManager::subscribe(const Holder& holder,
                                            std::shared_ptr<InputSubscriber> subscriber) {
  PoolCall pool(*this);
  // Offers of streams that wait already are actions of this very call: they find the subscriber when they
  // are dispatched, at its end.
  const SubscriptionId id = pool->subscribe(holder, pool.now());
  pool.subscribe(id, std::move(subscriber));
  return id;
}

void ConnectionManager::unsubscribe(SubscriptionId subscription) {
  std::shared_ptr<InputSubscriber> gone;
  PoolCall pool(*this);
  pool->unsubscribe(subscription);
  gone = pool.unsubscribe(subscription);
}

void ConnectionManager::release(const Reservation& reservation) {
  PoolCall pool(*this);
  pool->release(reservation, pool.now());
}

std::optional<Reservation> ConnectionManager::modify(const ConnectionId& id, Direction direction,
                                                     StreamChange change) {
  PoolCall pool(*this);
  const auto connection = pool->find(id);
  if (!connection) return std::nullopt;
  return pool->modify(*connection, direction, change, pool.now());
}

Failure ConnectionManager::in_words(const RefusalFacts& facts) const {
  return explain(facts, name_, address_text_, names_);
}

// --- life ----------------------------------------------------------------------------------------

void ConnectionManager::pause() {
  PoolCall(*this)->pause();
}

void ConnectionManager::resume() {
  PoolCall pool(*this);
  pool->resume(pool.now());
}

void ConnectionManager::stop(Errc why, CloseCause cause, Duration drain_timeout) {
  stop_listening();
  PoolCall pool(*this);
  if (std::exchange(stopping_, true)) return;
  stop_sources(pool);
  pool->stop(why, cause, pool.now());
  const TimePoint force_at = deadline_after(pool.now(), drain_timeout);
  pool.deliver(0, io::ShardTask([this, force_at, cause](OnShard& here) {
                 auto& deadline = side_of(here).force_deadline;
                 deadline.emplace(io::ShardTask([this, cause](OnShard& then) {
                   PoolCall late(*this);
                   late->abort_all(cause, then.now());
                 }));
                 deadline->set(here, force_at);
               }));
}

void ConnectionManager::apply(std::shared_ptr<const ConfigurableService> service,
                              bool has_client_input_node) {
  const PoolSettings settings = pool_settings(*service, has_client_input_node);
  PoolCall pool(*this);
  service_.swap(service);
  pool->apply(settings, pool.now());
}

void ConnectionManager::side_quit() {
  if (sides_left_.fetch_sub(1) != 1) return;
  ended_.store(true);
  if (told_) told_();
}

// --- what is seen ----------------------------------------------------------------------------------

ManagerSnapshot ConnectionManager::snapshot() const {
  ManagerSnapshot s;
  s.name = name_;
  s.kind = kind_;
  s.address = address();
  s.port = port();
  for (const auto& side : sides_) {
    s.records_in += side->records_in.load(std::memory_order_relaxed);
    s.records_out += side->records_out.load(std::memory_order_relaxed);
    s.bytes_in += side->bytes_in.load(std::memory_order_relaxed);
    s.bytes_out += side->bytes_out.load(std::memory_order_relaxed);
  }
  const std::lock_guard lock(mutex_);
  s.state = pool_.state();
  s.settings = pool_.settings();
  s.counters = pool_.counters();
  s.gauges = pool_.gauges();
  s.last_failure = last_failure_;
  s.connections = pool_.connections();
  return s;
}

// A peer that is down fails every attempt alike: said when the text changes, then every 10 s with a count
// (SPEC O6).
void ConnectionManager::say_failure(const std::string& text) {
  constexpr Duration kSayAgainAfter = std::chrono::seconds(10);
  unsigned repeats = 0;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = shards_.front()->now();
    if (text == last_failure_ && now - failure_said_at_ < kSayAgainAfter) {
      ++failure_repeats_;
      return;
    }
    if (text == last_failure_) repeats = failure_repeats_;
    last_failure_ = text;
    failure_said_at_ = now;
    failure_repeats_ = 0;
  }
  if (repeats == 0) {
    spdlog::warn("{}: {}", name_, text);
  } else {
    spdlog::warn("{}: {} ({} times since it was last said)", name_, text, repeats + 1);
  }
}

void ConnectionManager::forget_failure() {
  {
    const std::lock_guard lock(mutex_);
    if (last_failure_.empty()) return;
    last_failure_.clear();
    failure_repeats_ = 0;
  }
  spdlog::info("{}: {} is reached again", name_, address());
}

}  // namespace connmgr
