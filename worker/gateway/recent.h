// worker/gateway/recent.h - the last events of all sessions of this worker, for `nxbctl session` (O-16).
// Runs in: worker. I/O: none. Owned by: gateway::Gateway.
// One ring for all sessions, not one for each: 64 KiB for a worker instead of some hundred bytes for every idle session.
// So a busy worker remembers little of each; since when it remembers all is said with them. Kinds and figures only.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/ipc/event_type.h"

namespace nxb::gateway {

class Recent {
 public:
  static constexpr std::size_t kKept = 2048;
  static constexpr std::size_t kShown = 20;  // of one session

  void note(Instant at, ipc::EventType type, std::string_view name, std::uint32_t stream = 0, std::uint64_t count = 0);
  // The last kShown of the session, oldest first, as a JSON array.
  std::string json(std::string_view name, Instant now) const;
  bool whole() const { return ring_.size() < kKept; }  // none was forgotten yet
  Instant since() const { return ring_.empty() ? Instant() : ring_[whole() ? 0 : next_].at; }

 private:
  using Name = std::array<char, 8>;  // as the log names a session
  struct Moment {
    Instant at;
    Name name;
    std::uint32_t stream;
    std::uint32_t count;
    ipc::EventType type;
  };
  static_assert(sizeof(Moment) <= 32);
  static Name key_of(std::string_view name);

  std::vector<Moment> ring_;
  std::size_t next_ = 0;  // the oldest, once it is full
};

}  // namespace nxb::gateway
