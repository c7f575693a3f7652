// common/base/check.cc - how a process ends when it finds its own mistake, and how the lesser ones are counted.
// SPDX-License-Identifier: MIT
#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

#include "common/base/clock.h"

namespace nxb {
namespace {

// One process is one thread: plain variables.
std::uint64_t broken = 0;
std::uint64_t unreported = 0;
bool fatal_expectations = false;
Instant last_report{};

}  // namespace

void die(const char* file, int line, const char* why) noexcept {
  std::fprintf(stderr, "nxb: check failed: %s:%d: %s\n", file, line, why);
  std::fflush(stderr);
  std::abort();
}

bool expectation_broken(const char* file, int line, const char* why) noexcept {
  if (fatal_expectations) die(file, line, why);
  ++broken;
  ++unreported;
  Instant now = monotonic_now();
  if (last_report == Instant{} || now - last_report >= 1s) {  // the first at once, then one line a second
    std::fprintf(stderr, "nxb: %s:%d: expectation broken: %s (%llu since the last report)\n", file, line, why,
                 static_cast<unsigned long long>(unreported));
    last_report = now;
    unreported = 0;
  }
  return false;
}

std::uint64_t broken_expectations() noexcept { return broken; }

void expectations_are_fatal(bool fatal) noexcept { fatal_expectations = fatal; }

}  // namespace nxb
