// tests/unit/worker/dns/resolver_rig.h - a Resolver and the only server that it asks, in one loop.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/dns_responder.h"
#include "tests/support/turns.h"
#include "worker/dns/resolver.h"

namespace nxb::test {

struct ResolverRig {
  ResolverRig() : responder(turns.loop) {
    auto made = dns::Resolver::make(turns.loop, {responder.address()}, counters);
    REQUIRE(static_cast<bool>(made));
    resolver = *std::move(made);
  }
  dns::Answer ask(const std::string& host) {
    std::optional<dns::Answer> answer;
    resolver->lookup(host, 5222, [&](dns::Answer a) { answer = std::move(a); });
    CHECK_FALSE(answer);  // never from within the call
    REQUIRE(turns.until([&] { return answer.has_value(); }, Duration{30'000}));
    CHECK(resolver->pending() == 0);
    return *answer;
  }
  dns::Services ask_services(const std::string& domain) {
    std::optional<dns::Services> answer;
    resolver->lookup_services(domain, [&](dns::Services s) { answer = std::move(s); });
    CHECK_FALSE(answer);
    REQUIRE(turns.until([&] { return answer.has_value(); }, Duration{30'000}));
    CHECK(resolver->pending() == 0);
    return *answer;
  }
  // The records of a domain's services; `direct` chooses _xmpps-client.
  Records& services(const std::string& domain, bool direct = false) {
    return responder.zone[{(direct ? "_xmpps-client._tcp." : "_xmpp-client._tcp.") + domain, kSrv}];
  }
  Turns turns;
  stats::Counters counters;
  Responder responder;
  std::unique_ptr<dns::Resolver> resolver;
};

inline std::string texts(const dns::Answer& answer) {
  std::string out;
  for (const Address& address : answer.addresses) out += address.text() + " ";
  return out;
}
// "priority weight target:port, ..."; why, if there are none.
inline std::string texts(const dns::SrvAnswer& answer) {
  if (answer.outcome == dns::Outcome::Absent) return "absent";
  if (answer.outcome == dns::Outcome::Failed) return "failed";
  std::string out;
  for (const dns::SrvRecord& r : answer.records) {
    out += (out.empty() ? "" : ", ") + std::to_string(r.priority) + " " + std::to_string(r.weight) + " " + r.target +
           ":" + std::to_string(r.port);
  }
  return out;
}

}  // namespace nxb::test
