// worker/gateway/admission.h - may this address have another session: how many it has, how fast it asks (H-45, H-46).
// Runs in: worker. I/O: none; time is an argument. Owned by: gateway::Gateway.
// A client without an IP address (a unix socket's peer that is no trusted proxy) is not limited: there is nothing to
// know it by.
//
// Buckets are kept in two halves. A half is kept for as long as an empty bucket takes to become full, then one more
// time as the older one: a bucket that was not touched that long is full, and a full bucket needs no memory. Should
// more than Buckets::kMost addresses come in that time, the half used least recently is dropped early.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/network.h"
#include "common/base/token_bucket.h"

namespace nxb::gateway {

class Buckets {
 public:
  static constexpr std::size_t kMost = 65536;
  bool take(const Network& network, const Rate& rate, Instant now);
  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  void age(const Rate& rate, Instant now);
  std::map<Network, TokenBucket> young_, old_;
  Instant since_{};  // young_ is filled since then
};

class Admission {
 public:
  struct Limits {
    std::uint32_t sessions = 0;  // of one address; 0: no limit
    Rate creation;               // by one address
  };
  enum class Verdict : std::uint8_t { Welcome, TooMany, TooFast };

  // Takes a token of the address, unless it has too many sessions.
  Verdict judge(std::string_view ip, const Limits& limits, Instant now);
  bool take(std::string_view ip, const Rate& rate, Instant now);  // a token alone: for one more stream
  void opened(std::string_view ip);
  void ended(std::string_view ip);

 private:
  NetworkCounts sessions_;
  Buckets buckets_;
};

}  // namespace nxb::gateway
