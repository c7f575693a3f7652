// tests/bench/clock.h - microseconds that never go backwards, the same for all processes of the machine: a stanza may carry
// the time it was sent. Runs in nxb-load and nxb-stub.
// SPDX-License-Identifier: MIT
#pragma once

#include <ctime>

#include <cstdint>

namespace nxb::bench {

using Micros = std::int64_t;

inline Micros now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Micros>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace nxb::bench
