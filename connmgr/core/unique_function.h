// A callable that is moved, not copied, and kept in place when it is small: callbacks of this library
// capture a pointer and an iteration, and must not cost an allocation each (DESIGN 2.9).
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "connmgr/core/check.h"

namespace connmgr {

template <class Signature, std::size_t Room = 64>
class UniqueFunction;

template <class R, class... Args, std::size_t Room>
class UniqueFunction<R(Args...), Room> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}  // NOLINT

  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
                                              std::is_invocable_r_v<R, std::decay_t<F>&, Args...>>>
  UniqueFunction(F&& callable) {  // NOLINT: converts like std::function
    using Callable = std::decay_t<F>;
    if constexpr (fits<Callable>()) {
      new (room_) Callable(std::forward<F>(callable));
      verbs_ = &kInPlace<Callable>;
    } else {
      new (room_) Callable*(new Callable(std::forward<F>(callable)));
      verbs_ = &kOnHeap<Callable>;
    }
  }
  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { reset(); }

  explicit operator bool() const noexcept { return verbs_ != nullptr; }

  R operator()(Args... args) {
    check(verbs_ != nullptr, "call of an empty function");
    return verbs_->call(room_, std::forward<Args>(args)...);
  }

 private:
  struct Verbs {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;  // and end `from`
    void (*destroy)(void*) noexcept;
  };

  template <class F>
  static constexpr bool fits() {
    return sizeof(F) <= Room && alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;
  }

  template <class F>
  static constexpr Verbs kInPlace{
      [](void* room, Args&&... args) -> R { return (*static_cast<F*>(room))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        new (to) F(std::move(*static_cast<F*>(from)));
        static_cast<F*>(from)->~F();
      },
      [](void* room) noexcept { static_cast<F*>(room)->~F(); }};

  template <class F>
  static constexpr Verbs kOnHeap{
      [](void* room, Args&&... args) -> R { return (**static_cast<F**>(room))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { new (to) F*(*static_cast<F**>(from)); },
      [](void* room) noexcept { delete *static_cast<F**>(room); }};

  void take(UniqueFunction& other) noexcept {
    verbs_ = std::exchange(other.verbs_, nullptr);
    if (verbs_) verbs_->move(other.room_, room_);
  }
  void reset() noexcept {
    if (const Verbs* verbs = std::exchange(verbs_, nullptr)) verbs->destroy(room_);
  }

  const Verbs* verbs_ = nullptr;
  alignas(std::max_align_t) std::byte room_[Room];
};

}  // namespace connmgr
