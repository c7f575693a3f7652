// tests/sim/world.h - virtual time, chance and the trace: everything that happens, from one seed.
// One thread, no real time. Events are ordered by (instant, insertion number), so a seed always plays the same.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "task.h"

namespace nxb::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool percent(std::uint64_t chance) { return below(100) < chance; }
  Duration upto(Duration most) {
    return Duration(static_cast<Duration::rep>(below(static_cast<std::uint64_t>(most.count()) + 1)));
  }

 private:
  std::uint64_t state_;
};

// Nothing is planned further ahead; so what was forgotten that long ago is not called any more.
constexpr Duration kFarthestPlan{1'000'000};

class World {
 public:
  World(std::uint64_t seed, std::uint64_t operations, bool trace);

  Dice dice;
  Instant now{Duration(1'000'000)};

  template <class F>
  void in(Duration delay, F what) {
    tasks_[plan(delay)].set(std::move(what));
  }
  // The next thing happens; false when nothing is left or the run failed.
  bool step();

  // One thing an actor did; the world's budget of them bounds a run, the scene's a session of it.
  bool operation() { return busy() && ++operations_done_ != 0; }
  bool busy() const { return operations_done_ < scene_end_; }
  bool used_up() const { return operations_done_ >= operations_; }
  void scene(std::uint64_t operations);  // from here on at most so many, until the next scene
  std::uint64_t operations_done() const { return operations_done_; }

  // Goes into the trace and its hash; the text, which costs, only into the trace.
  void note(std::string_view what, std::uint64_t a = 0, std::uint64_t b = 0);
  void note_text(std::string_view text);  // into the hash; traced by who knows what matters in it
  bool traced() const { return trace_; }
  void trace(const std::string& line) const;

  void fail(std::string_view why);  // an oracle speaks; the first one is kept
  bool expect(bool holds, const char* why) {
    if (!holds) [[unlikely]]
      fail(why);
    return holds;
  }
  const std::string& failure() const { return failure_; }
  bool failed() const { return failed_; }
  std::uint64_t hash() const { return hash_; }

 private:
  struct Entry {
    Instant at;
    std::uint64_t order;
    std::uint32_t task;
    // For a heap whose first is the next.
    friend bool operator<(const Entry& a, const Entry& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };
  std::uint32_t plan(Duration delay);  // a free task
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15ULL, hash_ ^= hash_ >> 29; }

  std::vector<Entry> entries_;
  std::deque<Task> tasks_;  // stay where they are
  std::vector<std::uint32_t> free_;
  std::uint64_t planned_ = 0;
  std::uint64_t operations_, scene_end_;
  std::uint64_t operations_done_ = 0;
  std::uint64_t hash_ = 1469598103934665603ULL;
  bool trace_, failed_ = false;
  std::string failure_;
};

}  // namespace nxb::sim
