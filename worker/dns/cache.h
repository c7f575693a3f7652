// worker/dns/cache.h - answers of the DNS, kept as long as they may be (RFC 1035, RFC 2308; U-15).
// Runs in: worker. I/O: none; time is an argument. Owned by: dns::Resolver.
// Records and absence are kept. Failures are not: whoever asks next is to notice at once that a server is back, and what
// asking costs meanwhile is bounded by each stream's time to be usable.
// Clients choose what is asked, so entries and bytes are bounded; what is due soonest makes room,
// and what is due goes when something new comes.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <set>
#include <utility>

#include "worker/dns/records.h"

namespace nxb::dns {

class Cache {
 public:
  static constexpr Duration kShortest{5'000}, kLongest{3'600'000};  // bounds of a TTL
  static constexpr Duration kAbsence{30'000};
  static constexpr std::size_t kMaxEntries = 4096;
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;

  void put(const Question& question, const RecordSet& answer, Instant now);
  const RecordSet* find(const Question& question, Instant now) const;  // good until the next put()
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    RecordSet answer;
    Instant until;
    std::size_t bytes = 0;
  };
  using Entries = std::map<Question, Entry>;

  void remove(Entries::iterator entry);

  Entries entries_;
  std::set<std::pair<Instant, Question>> due_;  // the same entries, soonest first
  std::size_t bytes_ = 0;
};

}  // namespace nxb::dns
