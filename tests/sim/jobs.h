// tests/sim/jobs.h - many seeds on all cores: forked processes that take the next seed when they are done with one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>

namespace nxb::sim {

struct Report {
  std::uint64_t operations = 0, sessions = 0;
  bool good = true;
};

// Calls play(seed) for `count` seeds from `first` on, in `jobs` processes; tells how far it is. A seed that fails does
// not stop the others, but not many are begun after it.
Report play_all(std::uint64_t first, std::uint64_t count, std::uint64_t jobs,
                const std::function<Report(std::uint64_t seed)>& play);

}  // namespace nxb::sim
