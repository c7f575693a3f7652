// worker/dns/records.h - what a question to the DNS is, and what is known when it was answered.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "worker/dns/srv.h"

namespace nxb::dns {

enum class Type : std::uint16_t { A = 1, Aaaa = 28, Srv = 33 };  // the numbers of the protocol

struct Question {
  Type type = Type::A;
  std::string name;  // lower case
  friend auto operator<=>(const Question&, const Question&) = default;
};

struct RecordSet {
  Outcome outcome = Outcome::Failed;
  Duration ttl{0};                     // when Records: the smallest on the way, CNAMEs included
  std::vector<std::string> addresses;  // A, AAAA: 4 or 16 bytes each
  std::vector<SrvRecord> services;     // SRV
  std::string why;                     // when not Records; for the operator
};

// More are not taken from an answer; none of its size has many more.
inline constexpr std::size_t kMaxRecords = 64;

}  // namespace nxb::dns
