// worker/gateway/roster.h - the sessions that `nxbctl sessions` asks for: the first ones of those that match (O-16).
// Runs in: worker. I/O: none. Lives as long as one question: nothing that it looks at may change meanwhile.
// Bounded: twice the rows asked for.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address_range.h"
#include "common/base/clock.h"
#include "common/ipc/session_query.h"
#include "worker/gateway/links.h"
#include "worker/gateway/record.h"

namespace nxb::gateway {

class Roster {
 public:
  struct Sight {
    const Record* record;
    const Held* held;
    std::uint64_t queued;    // bytes that wait for the client
    std::string_view phase;  // a literal
  };
  Roster(const ipc::SessionQuery& query, Instant now);
  void offer(const Sight& sight);
  std::string json();  // {"sessions":[...],"matching":N}

 private:
  struct Ranked {
    std::uint64_t rank;
    Sight sight;
  };
  bool matches(const Sight& sight) const;
  std::uint64_t rank_of(const Sight& sight) const;
  void keep_first();

  const ipc::SessionQuery& query_;
  std::optional<AddressRange> range_;
  Instant now_;
  std::vector<Ranked> ranked_;
  std::uint64_t matching_ = 0;
};

}  // namespace nxb::gateway
