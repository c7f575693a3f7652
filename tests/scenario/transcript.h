// tests/scenario/transcript.h - who said what, and when: two columns, clients on the left, servers on the right.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "script.h"

namespace nxb::scenario {

class Transcript {
 public:
  explicit Transcript(Instant start) : start_(start) {}
  // `what` begins with an arrow: "-> " to nxb, "<- " from it.
  void add(Instant when, Role side, std::string_view who, std::string_view what);
  std::string text() const;  // each line a comment of TAP

 private:
  struct Entry {
    Duration when;
    Role side;
    std::string said;
  };
  Instant start_;
  std::vector<Entry> entries_;
};

}  // namespace nxb::scenario
