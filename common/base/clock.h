// common/base/clock.h - time as values. The only place that reads the system's clocks.
// Runs in: every process. Protocol machines take an Instant as an argument and never call these functions.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace nxb {

using Duration = std::chrono::milliseconds;
struct MonotonicTag {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicTag, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = std::chrono::time_point<MonotonicTag, Duration>;
using namespace std::chrono_literals;

Instant monotonic_now();       // milliseconds since an arbitrary start; never goes backwards
std::int64_t wall_clock_ms();  // milliseconds since 1970, for logs and HTTP dates only

}  // namespace nxb
