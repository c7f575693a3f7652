// tests/sim/world.h - virtual time, chance and the trace: everything that happens, from one seed.
// One thread, no real time. Events are ordered by (instant, insertion number), so a seed always plays the same.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "common/base/clock.h"

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

class World {
 public:
  World(std::uint64_t seed, std::uint64_t operations, bool trace);

  Dice dice;
  Instant now{Duration(1'000'000)};

  void in(Duration delay, std::function<void()> what);
  // The next thing happens; false when nothing is left or the run failed.
  bool step();

  // One thing an actor did; the world's budget of them bounds a run.
  bool operation() { return operations_done_ < operations_ && ++operations_done_ != 0; }
  bool busy() const { return operations_done_ < operations_; }
  std::uint64_t operations_done() const { return operations_done_; }

  void note(const std::string& line);  // goes into the trace and its hash
  void fail(const std::string& why);   // an oracle speaks; the first one is kept
  bool expect(bool holds, const char* why) {
    if (!holds) fail(why);
    return holds;
  }
  const std::string& failure() const { return failure_; }
  std::uint64_t hash() const { return hash_; }

 private:
  std::multimap<Instant, std::function<void()>> events_;  // equal instants stay in insertion order
  std::uint64_t operations_;
  std::uint64_t operations_done_ = 0;
  std::uint64_t hash_ = 1469598103934665603ULL;
  bool trace_;
  std::string failure_;
};

}  // namespace nxb::sim
