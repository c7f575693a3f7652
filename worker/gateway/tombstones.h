// worker/gateway/tombstones.h - what is remembered of sessions that ended lately, for `nxbctl explain` (O-18).
// Runs in: worker. I/O: none. Owned by: gateway::Census, which puts up one for each session that ends.
// Bounded: kMost of them, ten minutes, words cut at kLongestWord: about 1 KiB each at worst, 10 MiB in a worker.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "worker/gateway/record.h"

namespace nxb::gateway {

struct Tombstone {
  Record record;
  Ending ending;
  Instant at;
};

class Tombstones {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Duration kKept{600'000};
  static constexpr std::size_t kLongestWord = 128;

  explicit Tombstones(Instant start) : start_(start), whole_since_(start) {}
  void put(const Record& record, const Ending& ending, Instant now);
  const Tombstone* find(std::string_view name, Instant now);  // the newest of this name; valid until the next call
  Instant whole_since(Instant now);                           // no session that ended since then is missing
  bool whole(Instant now) { return whole_since(now) == start_; }
  std::size_t size() const { return all_.size(); }

 private:
  void drop_old(Instant now);
  std::deque<Tombstone> all_;  // oldest first
  Instant start_;
  Instant whole_since_;
};

}  // namespace nxb::gateway
