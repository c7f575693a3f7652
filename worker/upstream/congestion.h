// worker/upstream/congestion.h - watches a server that does not take what its client sends: does it take anything at all?
// Runs in: worker. I/O: none; time is an argument. Owned by: upstream::XmppConnection, from above kMaxUnsent until
// nothing is left. A slow server goes on, one that takes nothing for so long is given up (U-36, U-70).
// Only what nxb holds is seen here. The kernel's buffers of both ends take some megabytes before that.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/base/clock.h"

namespace nxb::upstream {

class Congestion final {
 public:
  static constexpr Duration kLookEvery{1'000};

  Congestion(Duration patience, std::size_t unsent, Instant now)
      : patience_(patience), unsent_(unsent), taken_at_(now), look_at_(now) {
    look_again(now);
  }

  // Before and after each write, so that what is added does not hide what was taken.
  void see(std::size_t unsent, Instant now) {
    if (unsent < unsent_) taken_at_ = now;
    unsent_ = unsent;
  }
  // At look_at().
  bool is_stalled(std::size_t unsent, Instant now) {
    see(unsent, now);
    look_again(now);
    return now - taken_at_ >= patience_;
  }
  Instant look_at() const { return look_at_; }

 private:
  void look_again(Instant now) { look_at_ = std::min(now + kLookEvery, std::max(taken_at_ + patience_, now)); }

  Duration patience_;
  std::size_t unsent_;
  Instant taken_at_;  // some of it
  Instant look_at_;
};

}  // namespace nxb::upstream
