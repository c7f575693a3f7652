// common/log/limiter.h - at most kPerSecond lines a second of each (level, event), and what was swallowed is known.
// Runs in: every process. I/O: none; time is an argument.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/log/log.h"

namespace nxb::log {

class Limiter {
 public:
  static constexpr unsigned kPerSecond = 50;
  struct Swallowed {
    Level level;
    std::string event;
    std::uint64_t count;
  };

  bool admit(Level level, std::string_view event, Instant now);
  // Of the seconds that are over, looked up at most once a second.
  std::vector<Swallowed> take_swallowed(Instant now);
  std::vector<Swallowed> take_all_swallowed();

 private:
  struct Window {
    Instant since;
    unsigned admitted = 0;
    std::uint64_t swallowed = 0;
  };
  template <class IsOver>
  std::vector<Swallowed> take(IsOver is_over);
  // Event names are literals of the code, so this is bounded by the code.
  std::array<std::map<std::string, Window, std::less<>>, 6> windows_;
  std::uint64_t waiting_ = 0;  // swallowed and not yet reported, all together
  Instant looked_{};
};

}  // namespace nxb::log
