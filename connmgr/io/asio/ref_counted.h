// A count of references for what an outstanding Asio handler needs to find alive: its owner may go away in
// between. One thread only, so the count is a plain integer.
#pragma once

#include <utility>

namespace connmgr::io {

template <class T>
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

 protected:
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  template <class U>
  friend class Ref;
  int references_ = 0;
};

template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) noexcept : object_(object) { ++object_->references_; }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_) ++object_->references_;
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ && --object_->references_ == 0) delete object_;
  }

  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace connmgr::io
