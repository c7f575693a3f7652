// tests/sim/task.h - something to do later: a move-only callable kept in place, so that planning allocates nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace nxb::sim {

class Task {
 public:
  Task() = default;
  template <class F>
  explicit Task(F what) {
    static_assert(sizeof(F) <= sizeof(room_) && alignof(F) <= alignof(std::max_align_t), "too much is captured");
    std::construct_at(reinterpret_cast<F*>(room_), std::move(what));
    run_ = [](std::byte* room) { (*reinterpret_cast<F*>(room))(); };
    end_ = [](std::byte* room) { std::destroy_at(reinterpret_cast<F*>(room)); };
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { clear(); }

  template <class F>
  void set(F what) {
    clear();
    std::construct_at(this, std::move(what));
  }
  void operator()() { run_(room_); }
  void clear() {
    if (end_) std::exchange(end_, nullptr)(room_);
  }

 private:
  void (*run_)(std::byte*) = nullptr;
  void (*end_)(std::byte*) = nullptr;
  alignas(std::max_align_t) std::byte room_[96];
};

}  // namespace nxb::sim
