// worker/dns/srv.h - SRV answers -> what to connect to, in which order (RFC 2782, XEP-0368; U-05..U-09).
// Runs in: worker. I/O: none; randomness is an argument.
// `_xmpp-client` and `_xmpps-client` make one list. What was asked is kept and ordered anew for each connection, so that
// weights hold however long an answer is cached.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nxb::dns {

// What a question led to.
enum class Outcome : std::uint8_t {
  Records,
  Absent,  // NXDOMAIN or NODATA: it is known that there is nothing
  Failed,  // SERVFAIL, silence, a truncated or broken answer: it is not known
};

struct SrvRecord {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string target;  // lower case, without trailing dot; "." is the root: "not offered here"
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};
struct SrvAnswer {
  Outcome outcome = Outcome::Failed;
  std::vector<SrvRecord> records;  // as the server listed them; nothing unless outcome is Records
  std::string why;                 // when Failed; for the operator
};

struct SrvTarget {
  std::string host;
  std::uint16_t port = 0;
  bool direct_tls = false;  // from _xmpps-client: TLS at once; else STARTTLS (U-45)
  friend bool operator==(const SrvTarget&, const SrvTarget&) = default;
};
struct Plan {
  enum class Verdict : std::uint8_t {
    Targets,     // these, in this order, and nothing else (U-08)
    NotOffered,  // the domain says that it has no such service: stop (U-07)
    Fallback,    // addresses of the domain itself, port 5222, STARTTLS rules (U-09)
  };
  Verdict verdict = Verdict::Fallback;
  std::vector<SrvTarget> targets;
  bool unsure = false;  // a service could not be asked about: nobody may say that the domain does not exist (U-62)
};

inline constexpr std::size_t kMaxSrvRecords = 64;  // both services together; those of lowest priority number stay

// Any number of 0 .. most, both included, each as likely as the others.
using Random = std::function<std::uint32_t(std::uint32_t most)>;

Plan plan_of(const SrvAnswer& plain, const SrvAnswer& direct, const Random& random);

}  // namespace nxb::dns
