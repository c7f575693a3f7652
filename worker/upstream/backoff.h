// worker/upstream/backoff.h - how long to wait before something that failed is tried again.
// Runs in: worker. I/O: none; chance is an argument. Doubles from `low` to `high`; each wait is between half of that and
// all of it, so that workers that lost one peer at once do not all come back at once.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/base/clock.h"

namespace nxb::upstream {

class Backoff {
 public:
  Backoff(Duration low, Duration high) : low_(low), high_(high), step_(low) {}

  Duration next(std::uint64_t random) {
    const Duration most = std::exchange(step_, std::min(step_ * 2, high_));
    const Duration half = most / 2;
    return half + Duration(static_cast<Duration::rep>(random % static_cast<std::uint64_t>((most - half).count() + 1)));
  }
  void reset() { step_ = low_; }

 private:
  Duration low_, high_;
  Duration step_;  // the most that the next wait can be
};

}  // namespace nxb::upstream
