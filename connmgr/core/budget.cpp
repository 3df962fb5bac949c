#include "connmgr/core/budget.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "connmgr/core/check.h"
#include "connmgr/core/demand.h"

namespace connmgr {
namespace {

// Its wants for which a request waits; the others fill up a minimum.
std::uint32_t pressing(const PermitNeeds& needs) {
  const auto end = needs.waiting_since.begin() + needs.wants;
  return static_cast<std::uint32_t>(
      std::count_if(needs.waiting_since.begin(), end, [](TimePoint since) { return since != kNever; }));
}

void drop_longest(PermitNeeds& needs, std::uint32_t count) {
  count = std::min(count, needs.wants);
  const auto begin = needs.waiting_since.begin();
  std::copy(begin + count, begin + needs.wants, begin);
  needs.wants -= count;
}

std::string seconds(Duration idle) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(idle).count()) + " s";
}

}  // namespace

std::optional<std::string> mistake_in(const BudgetSettings& settings) {
  std::uint64_t floors = 0;
  for (auto service = settings.services.begin(); service != settings.services.end(); ++service) {
    const bool twice = std::any_of(settings.services.begin(), service,
                                   [&](const auto& earlier) { return earlier.name == service->name; });
    if (twice) return "the service '" + service->name + "' is named twice";
    floors += service->floor;
  }
  if (floors <= settings.limit()) return std::nullopt;
  std::string text =
      "the floors make " + std::to_string(floors) + ", above max_total " + std::to_string(settings.max_total);
  if (settings.used_elsewhere != 0) {
    text += " less used_elsewhere " + std::to_string(settings.used_elsewhere);
  }
  return text;
}

std::string describe(const BudgetSnapshot& snapshot) {
  std::uint64_t used = snapshot.used_elsewhere;
  for (const auto& service : snapshot.services) used += service.open;
  std::string text = "budget '" + snapshot.name + "': " + std::to_string(used) + " of max_total " +
                     std::to_string(snapshot.max_total) + " are used";
  if (snapshot.used_elsewhere != 0)
    text += ", " + std::to_string(snapshot.used_elsewhere) + " of them elsewhere";
  const char* before = ": ";
  for (const auto& service : snapshot.services) {
    text += before + service.name + " (floor " + std::to_string(service.floor) + ", open " +
            std::to_string(service.open) + ", idle " + std::to_string(service.idle);
    if (service.idle != 0) text += ", longest idle " + seconds(service.longest_idle);
    text += ")";
    before = ", ";
  }
  return text;
}

Budget::Budget(const BudgetSettings& settings) {
  apply(settings);
}

void Budget::apply(const BudgetSettings& settings) {
  check(!mistake_in(settings), "the settings of a budget have been validated");
  settings_ = settings;
  for (Service& service : services_) service.floor = 0;
  for (const auto& service : settings.services) services_[service_named(service.name)].floor = service.floor;
  share_out();
}

std::uint32_t Budget::service_named(std::string_view name) {
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [name](const Service& service) { return service.name == name; });
  if (found != services_.end()) return static_cast<std::uint32_t>(found - services_.begin());
  services_.push_back({std::string(name)});
  return static_cast<std::uint32_t>(services_.size() - 1);
}

// --- pools --------------------------------------------------------------------------------------------

PoolNumber Budget::join(std::string_view service) {
  Member& fresh = members_.emplace_back();
  fresh.joined = true;
  fresh.service = service_named(service);
  share_out();  // what it has idle, it has to be asked too
  return static_cast<PoolNumber>(members_.size() - 1);
}

void Budget::leave(PoolNumber pool) {
  Member& gone = member(pool);
  check(gone.held == 0, "a pool leaves its budget without permits");
  gone = {};
  share_out();
}

void Budget::report(PoolNumber pool, const PermitNeeds& needs) {
  Member& from = member(pool);
  const bool wanted = from.needs.wants != 0;
  from.needs = needs;
  drop_longest(from.needs, from.on_their_way);
  if (!wanted && from.needs.wants != 0) from.turn = ++turns_;
  from.looked_at = true;
  from.look_asked = false;
  share_out();
}

void Budget::grant_arrived(PoolNumber pool) {
  Member& at = member(pool);
  check(at.on_their_way != 0, "only a permit that was granted arrives");
  --at.on_their_way;
}

void Budget::give_up_answered(PoolNumber pool) {
  Member& from = member(pool);
  check(from.give_ups != 0, "only who is asked to give up answers");
  --from.give_ups;
}

void Budget::give_back(PoolNumber pool) {
  Member& from = member(pool);
  check(from.held != 0, "a pool gives back what it holds");
  --from.held;
  --services_[from.service].held;
  --held_;
  ++returned_;
  share_out();
}

Budget::Member& Budget::member(PoolNumber pool) {
  const auto place = static_cast<std::size_t>(pool);
  check(place < members_.size() && members_[place].joined, "a pool has joined its budget");
  return members_[place];
}

std::uint32_t Budget::held(PoolNumber pool) const {
  return members_.at(static_cast<std::size_t>(pool)).held;
}

// --- sharing out --------------------------------------------------------------------------------------

// What floors still want to be there for their services.
std::uint32_t Budget::kept_free() const noexcept {
  return std::accumulate(services_.begin(), services_.end(), 0u,
                         [](std::uint32_t sum, const Service& service) { return sum + service.missing(); });
}

// After anything has happened: whatever can be granted is, and what cannot be makes others give up.
void Budget::share_out() {
  while (Member* const next = next_to_grant()) grant(*next);
  press();
}

Budget::Member* Budget::next_to_grant() {
  if (held_ >= settings_.limit()) return nullptr;
  const bool spare = held_ + kept_free() < settings_.limit();
  Member* best = nullptr;
  const auto rank = [this](const Member& m) {
    return std::tuple(services_[m.service].missing() == 0, m.needs.waiting_since.front(), m.turn);
  };
  for (Member& candidate : members_) {
    if (candidate.needs.wants == 0) continue;
    if (!spare && services_[candidate.service].missing() == 0) continue;
    if (best == nullptr || rank(candidate) < rank(*best)) best = &candidate;
  }
  return best;
}

void Budget::grant(Member& to) {
  drop_longest(to.needs, 1);
  to.turn = ++turns_;
  ++to.on_their_way;
  ++to.held;
  ++services_[to.service].held;
  ++held_;
  ++granted_;
  act(BudgetAction::Kind::grant, to);
}

// --- what others give up ------------------------------------------------------------------------------

// Permits for which requests of this service wait.
std::uint32_t Budget::asked_for(std::uint32_t service) const noexcept {
  std::uint32_t sum = 0;
  for (const Member& m : members_) sum += m.joined && m.service == service ? pressing(m.needs) : 0;
  return sum;
}

// Permits of this service that are about to come back.
std::uint32_t Budget::leaving(std::uint32_t service) const noexcept {
  std::uint32_t sum = 0;
  for (const Member& m : members_) sum += m.joined && m.service == service ? m.needs.closing + m.give_ups : 0;
  return std::min(sum, services_[service].held);
}

// Nothing can be granted now. As many connections as are needed for those who wait end, unless enough end
// already; which one is the longest idle is known when every pool has been asked.
void Budget::press() {
  std::uint32_t needed = missing(held_ + kept_free(), settings_.limit());
  std::uint32_t coming = 0;
  for (std::uint32_t i = 0; i < services_.size(); ++i) {
    const std::uint32_t asked = asked_for(i);
    needed += missing(asked, services_[i].missing());
    // What a service at its floor lets go stays with it.
    coming += asked != 0 ? leaving(i) : std::min(leaving(i), services_[i].above_floor());
  }
  pressed_ = needed != 0;
  if (!pressed_) {
    for (Member& m : members_) m.looked_at = false;
    return;
  }
  // What a pool said before it was asked may be long past: nothing is counted on before all have answered.
  if (!all_looked_at() || needed <= coming) return;
  Member* const giver = longest_idle();
  if (giver == nullptr) return;
  ++giver->give_ups;
  giver->looked_at = false;  // until it answers
  act(BudgetAction::Kind::give_up, *giver);
}

bool Budget::all_looked_at() {
  bool all = true;
  for (Member& m : members_) {
    if (!m.joined || m.looked_at) continue;
    all = false;
    if (m.look_asked || m.give_ups != 0) continue;
    m.look_asked = true;
    act(BudgetAction::Kind::look, m);
  }
  return all;
}

Budget::Member* Budget::longest_idle() {
  Member* longest = nullptr;
  for (Member& m : members_) {
    if (!m.joined || m.needs.idle_since == kNever) continue;
    const Service& service = services_[m.service];
    // Several pools of one service: what one of them lets go another may have, floor or not.
    if (asked_for(m.service) == 0 && service.held - leaving(m.service) <= service.floor) continue;
    if (longest == nullptr || m.needs.idle_since < longest->needs.idle_since) longest = &m;
  }
  return longest;
}

void Budget::act(BudgetAction::Kind kind, const Member& to) {
  actions_.push_back({kind, static_cast<PoolNumber>(&to - members_.data())});
}

// --- inspection ---------------------------------------------------------------------------------------

BudgetSnapshot Budget::snapshot(TimePoint now) const {
  BudgetSnapshot snapshot;
  snapshot.name = settings_.name;
  snapshot.max_total = settings_.max_total;
  snapshot.used_elsewhere = settings_.used_elsewhere;
  for (const Service& service : services_) {
    auto& shown = snapshot.services.emplace_back();
    shown.name = service.name;
    shown.floor = service.floor;
    shown.open = service.held;
  }
  for (const Member& m : members_) {
    if (!m.joined) continue;
    auto& shown = snapshot.services[m.service];
    shown.idle += m.needs.idle;
    shown.waiting += m.needs.wants;
    if (m.needs.idle_since != kNever) {
      shown.longest_idle = std::max(shown.longest_idle, now - m.needs.idle_since);
    }
  }
  return snapshot;
}

void Budget::check_invariants() const {
  std::uint32_t held = 0;
  std::vector<std::uint32_t> of_service(services_.size());
  const bool spare = held_ + kept_free() < settings_.limit();
  for (const Member& m : members_) {
    check(m.joined || (m.held == 0 && m.needs.wants == 0), "who has left has nothing");
    held += m.held;
    of_service[m.service] += m.held;
    check(m.on_their_way <= m.held, "a permit on its way counts as held");
    check(m.needs.wants == 0 || !spare, "nobody waits while a permit could be granted");
    check(m.needs.wants == 0 || services_[m.service].missing() == 0 || held_ >= settings_.limit(),
          "nobody waits below its floor while a permit is free");
  }
  check(held == held_ && granted_ - returned_ == held_, "held = granted - returned");
  for (std::size_t i = 0; i < services_.size(); ++i) {
    check(services_[i].held == of_service[i], "a service holds what its pools hold");
  }
}

// Equal: from here the same events lead to the same actions.
std::uint64_t Budget::fingerprint(TimePoint now) const {
  std::uint64_t digest = settings_.limit();
  const auto add = [&digest](std::uint64_t word) {
    digest = (digest ^ (word + 0x9e3779b97f4a7c15 + (digest << 6))) * 0xbf58476d1ce4e5b9;
    digest ^= digest >> 29;
  };
  const auto add_moment = [&](TimePoint moment) {
    add(moment == kNever ? ~std::uint64_t{0} : static_cast<std::uint64_t>((moment - now).count()));
  };
  for (const Service& service : services_) add(service.floor);
  for (const Member& m : members_) {
    add(std::uint64_t{m.held} << 32 | m.on_their_way << 16 | m.give_ups << 8 | m.needs.wants << 4 |
        m.joined << 2 | m.looked_at << 1 | static_cast<std::uint64_t>(m.look_asked));
    for (std::uint32_t i = 0; i < m.needs.wants; ++i) add_moment(m.needs.waiting_since[i]);
    add(m.needs.closing);
    add_moment(m.looked_at ? m.needs.idle_since : kNever);
    add(static_cast<std::uint64_t>(
        std::count_if(members_.begin(), members_.end(), [&](const Member& o) { return o.turn < m.turn; })));
  }
  return digest;
}

}  // namespace connmgr
