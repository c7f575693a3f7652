// worker/edge/failure_limit.h - wrong passwords by client address: after five in a minute none is looked at (H-42).
// What counts as one address is the caller's to say.
// Runs in: worker. I/O: none; time is an argument. At most kAddresses are remembered, the oldest goes first.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/base/clock.h"

namespace nxb::edge {

class FailureLimit {
 public:
  static constexpr std::uint32_t kMost = 5;
  static constexpr Duration kWindow{60'000};  // from an address's first failure
  static constexpr std::size_t kAddresses = 4096;

  void add(const std::string& address, Instant now);
  std::optional<Duration> blocked_for(const std::string& address, Instant now) const;  // nothing: it may try
  std::size_t size() const { return by_address_.size(); }

 private:
  struct Failures {
    Instant first{};
    std::uint32_t count = 0;
  };
  void make_room(Instant now);
  std::map<std::string, Failures> by_address_;  // a tree: clients choose their addresses, and could make hashes collide
};

}  // namespace nxb::edge
