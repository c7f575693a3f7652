// common/base/clock.cc - the system's clocks.
// SPDX-License-Identifier: MIT
#include "common/base/clock.h"

#include <ctime>

#include "common/base/check.h"

namespace nxb {
namespace {

std::int64_t read_ms(clockid_t clock) {
  timespec at{};
  NXB_CHECK(clock_gettime(clock, &at) == 0, "the system has no such clock");
  return std::int64_t{at.tv_sec} * 1000 + at.tv_nsec / 1'000'000;
}

}  // namespace

Instant monotonic_now() { return Instant{Duration{read_ms(CLOCK_MONOTONIC)}}; }

std::int64_t wall_clock_ms() { return read_ms(CLOCK_REALTIME); }

}  // namespace nxb
