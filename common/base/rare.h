// common/base/rare.h - a part that most objects of its owner never need: until it is written to it costs a pointer.
// For what reads as made by default while it is not there; where "not there" says something else, it is a unique_ptr.
// Runs in: every process. I/O: none. Copied deeply, as a member would be.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

namespace nxb {

template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(const Rare& other) : part_(other.part_ ? std::make_unique<T>(*other.part_) : nullptr) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare other) noexcept {
    part_ = std::move(other.part_);
    return *this;
  }
  ~Rare() = default;

  explicit operator bool() const { return part_ != nullptr; }  // it was written to
  const T& operator*() const {                                 // as made by default while it was not
    static const T kNothing{};
    return part_ ? *part_ : kNothing;
  }
  const T* operator->() const { return &**this; }
  T& own() {
    if (!part_) part_ = std::make_unique<T>();
    return *part_;
  }
  void reset() { part_.reset(); }

 private:
  std::unique_ptr<T> part_;
};

}  // namespace nxb
