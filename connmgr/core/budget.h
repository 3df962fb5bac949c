// A named limit shared by the pools of several services (SPEC L7): a tenant, a licence. A pure value, like
// the pool: what happens enters as a call, the budget changes itself and lists what its pools are to be told.
//
// A permit is the right to one connection, from before its first SYN until its descriptor is closed. A pool
// never takes one by itself: it reports what it needs, and permits come to it as events. So the budget may be
// far away, and a pool and its budget may be of different opinion for a while: a permit on its way counts as
// held, and a pool that no longer wants the permit it gets gives it back.
//
// Who gets a free permit: a service below its floor first, then whoever's request has waited longest over all
// services, and last those that only fill up a minimum. Nobody gets one that a floor keeps free. A budget
// never refuses: who waits in vain is told by its own connection_timeout (L2).
//
// While a request waits and no permit is free, the budget asks its pools what they have idle, and has the
// longest-idle connection of a service above its floor closed. A minimum alone never has anything closed:
// two pools would take turns in closing each other's connections.
//
// Not thread-safe: one leaf mutex is around it, taken after a manager's (DESIGN 3.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/core/permit_needs.h"
#include "connmgr/core/time.h"

namespace connmgr {

struct BudgetSettings {
  struct Service {
    std::string name;
    std::uint32_t floor = 0;  // so many are kept free for it

    friend bool operator==(const Service&, const Service&) = default;
  };
  std::string name;
  std::uint32_t max_total = 0;
  std::uint32_t used_elsewhere = 0;  // by programs that connmgr does not know
  std::vector<Service> services;

  std::uint32_t limit() const noexcept { return max_total > used_elsewhere ? max_total - used_elsewhere : 0; }
  friend bool operator==(const BudgetSettings&, const BudgetSettings&) = default;
};

// What is wrong with them, for people; nothing when they can be applied.
std::optional<std::string> mistake_in(const BudgetSettings& settings);

// A pool as its budget knows it: given by join(), never used again after leave().
enum class PoolNumber : std::uint32_t {};

struct BudgetAction {
  enum class Kind : std::uint8_t {
    grant,    // Pool::permit_granted, then grant_arrived and a report
    look,     // a report
    give_up,  // Pool::give_up_idle, then give_up_answered and a report
  };
  Kind kind = Kind::grant;
  PoolNumber pool{};

  friend bool operator==(const BudgetAction&, const BudgetAction&) = default;
};

// For error texts (L4) and administration.
struct BudgetSnapshot {
  struct Service {
    std::string name;
    std::uint32_t floor = 0;
    std::uint32_t open = 0;  // permits held, those on their way included
    std::uint32_t idle = 0;  // as last reported
    Duration longest_idle{};
    std::uint32_t waiting = 0;  // for a permit
  };
  std::string name;
  std::uint32_t max_total = 0;
  std::uint32_t used_elsewhere = 0;
  std::vector<Service> services;
};

// "budget 'licences': 25 of max_total 25 are used, 3 of them elsewhere: orders (floor 5, open 20, ..."
std::string describe(const BudgetSnapshot& snapshot);

class Budget {
 public:
  explicit Budget(const BudgetSettings& settings);

  // At once. Lowered: no permit until the sum is below it again, and idle connections are closed for it.
  // A service that is no longer named keeps what it has, without a floor.
  void apply(const BudgetSettings& settings);

  // One service may have several pools, one for each address; its floor is for all of them together.
  PoolNumber join(std::string_view service);
  void leave(PoolNumber pool);  // it has given back everything

  // What the pool needs and has. After each call of the pool that may have changed its wants, and after
  // every call while pressed().
  void report(PoolNumber pool, const PermitNeeds& needs);
  void grant_arrived(PoolNumber pool);
  void give_up_answered(PoolNumber pool);
  void give_back(PoolNumber pool);  // one permit: Action::Kind::return_permit of the pool

  // Somebody waits for what others have, or too many are held.
  bool pressed() const noexcept { return pressed_; }

  std::span<const BudgetAction> actions() const noexcept { return actions_; }
  void clear_actions() noexcept { actions_.clear(); }

  const BudgetSettings& settings() const noexcept { return settings_; }
  std::uint32_t held() const noexcept { return held_; }
  std::uint32_t held(PoolNumber pool) const;
  BudgetSnapshot snapshot(TimePoint now) const;
  std::uint64_t granted() const noexcept { return granted_; }  // ever
  std::uint64_t returned() const noexcept { return returned_; }

  void check_invariants() const;
  std::uint64_t fingerprint(TimePoint now) const;

 private:
  struct Service {
    std::string name;
    std::uint32_t floor = 0;
    std::uint32_t held = 0;

    std::uint32_t missing() const noexcept { return floor > held ? floor - held : 0; }
    std::uint32_t above_floor() const noexcept { return held > floor ? held - floor : 0; }
  };
  struct Member {
    bool joined = false;
    bool looked_at = false;  // its report is as of now: everything since has been reported
    bool look_asked = false;
    std::uint32_t service = 0;
    std::uint32_t held = 0;
    std::uint32_t on_their_way = 0;  // grants that have not arrived
    std::uint32_t give_ups = 0;      // asked for, not answered
    std::uint64_t turn = 0;          // who wanted first, where nobody's request waits
    PermitNeeds needs;               // wants: without those on their way
  };

  Member& member(PoolNumber pool);
  std::uint32_t service_named(std::string_view name);
  std::uint32_t kept_free() const noexcept;
  void share_out();
  Member* next_to_grant();
  void grant(Member& to);
  void press();
  std::uint32_t asked_for(std::uint32_t service) const noexcept;
  std::uint32_t leaving(std::uint32_t service) const noexcept;
  Member* longest_idle();
  bool all_looked_at();
  void act(BudgetAction::Kind kind, const Member& to);

  BudgetSettings settings_;
  std::vector<Service> services_;
  std::vector<Member> members_;  // by PoolNumber
  std::uint32_t held_ = 0;
  bool pressed_ = false;
  std::uint64_t turns_ = 0;
  std::uint64_t granted_ = 0;
  std::uint64_t returned_ = 0;
  std::vector<BudgetAction> actions_;
};

}  // namespace connmgr
