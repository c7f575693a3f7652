// tests/bench/tally.h - what came of a run: counted, and said as one line of JSON. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/histogram.h"

namespace nxb::bench {

class Tally {
 public:
  Tally() = default;
  void begin() { *this = Tally(errors_, texts_, now_us()); }  // errors of before remain
  void operation(Micros latency) {
    latencies_.add(latency);
    ended_ = now_us();
  }
  void polled() { ++polls_; }
  void error(std::string_view why) {
    ++errors_;
    if (texts_.size() < 3) texts_.emplace_back(why);
  }

  std::uint64_t operations() const { return latencies_.total(); }
  std::uint64_t errors() const { return errors_; }
  std::string json(std::size_t sessions) const;

 private:
  Tally(std::uint64_t errors, std::vector<std::string> texts, Micros now)
      : errors_(errors), texts_(std::move(texts)), began_(now), ended_(now) {}

  Histogram latencies_;
  std::uint64_t polls_ = 0, errors_ = 0;
  std::vector<std::string> texts_;  // of the first errors
  Micros began_ = now_us(), ended_ = began_;
};

}  // namespace nxb::bench
