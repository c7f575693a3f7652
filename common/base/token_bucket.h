// common/base/token_bucket.h - so many a second, and a burst (H-46), in eight bytes.
// Runs in: worker. I/O: none; time is an argument.
// Nothing is refilled: the bucket is known by the time at which it will be full again (GCRA, ITU-T I.371). Each token
// taken moves that time on by 1/rate; a bucket whose time is further away than `burst` tokens take is empty.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"

namespace nxb {

struct Rate {
  std::uint32_t per_second = 0;  // 0: no limit
  std::uint32_t burst = 1;       // tokens in a full bucket; at least 1

  std::int64_t token_us() const { return 1'000'000 / per_second; }
  std::int64_t full_us() const { return token_us() * burst; }  // for an empty bucket to become full
};

class TokenBucket {
 public:
  // False when it is empty; then nothing is taken.
  bool take(const Rate& rate, Instant now) {
    if (rate.per_second == 0) return true;
    const std::int64_t now_us = std::chrono::microseconds(now.time_since_epoch()).count();
    const std::int64_t full_at = std::max(full_at_us_, now_us) + rate.token_us();
    if (full_at - now_us > rate.full_us()) return false;
    full_at_us_ = full_at;
    return true;
  }
  // When there will be a token, or was.
  Instant ready_at(const Rate& rate) const {
    if (rate.per_second == 0) return {};
    return Instant(
        std::chrono::ceil<Duration>(std::chrono::microseconds(full_at_us_ + rate.token_us() - rate.full_us())));
  }

 private:
  std::int64_t full_at_us_ = 0;
};

}  // namespace nxb
