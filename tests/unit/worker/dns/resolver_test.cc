// tests/unit/worker/dns/resolver_test.cc - against a small DNS server in the same loop.
// SPDX-License-Identifier: MIT
#include "worker/dns/resolver.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/unit/worker/dns/resolver_rig.h"

namespace nxb::dns {
namespace {

using test::texts;
using Rig = test::ResolverRig;

TEST_CASE("U-09 U-11 A and AAAA are asked in parallel and interleaved, IPv6 first") {
  Rig rig;
  rig.responder.zone[{"example.org", test::kA}].addresses = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
  rig.responder.zone[{"example.org", test::kAaaa}].addresses = {"2001:db8::1"};
  CHECK(texts(rig.ask("example.org")) == "[2001:db8::1]:5222 192.0.2.1:5222 192.0.2.2:5222 192.0.2.3:5222 ");
  CHECK(rig.responder.questions == 2);
}

TEST_CASE("U-09 one family is enough, and a CNAME in the answer is followed") {
  Rig rig;
  rig.responder.zone[{"example.org", test::kA}] = {0, false, false, {"192.0.2.1"}, {"real.example.net"}};
  CHECK(texts(rig.ask("example.org")) == "192.0.2.1:5222 ");
}

TEST_CASE("U-62 U-64 a name that does not exist is told from one that nobody can resolve") {
  Rig rig;
  rig.responder.zone[{"none.example", test::kA}].rcode = 3;
  rig.responder.zone[{"none.example", test::kAaaa}].rcode = 3;
  CHECK(rig.ask("none.example").failure == Code::NotFound);
  CHECK(rig.ask("nodata.example").failure == Code::NotFound);
  rig.responder.zone[{"broken.example", test::kA}].rcode = 2;
  rig.responder.zone[{"broken.example", test::kAaaa}].rcode = 2;
  Answer broken = rig.ask("broken.example");
  CHECK(broken.failure == Code::TimedOut);
  CHECK_FALSE(broken.why.empty());
  // One family does not exist, the other cannot be known: nobody may say "host unknown".
  rig.responder.zone[{"half.example", test::kAaaa}].rcode = 2;
  CHECK(rig.ask("half.example").failure == Code::TimedOut);
  rig.responder.zone[{"other.example", test::kA}].rcode = 2;
  CHECK(rig.ask("other.example").failure == Code::TimedOut);
}

TEST_CASE("U-13 U-64 a failure says who was asked and what they said") {
  Rig rig;
  struct Row {
    const char* name;
    test::Records records;
    std::string said;
  };
  for (const Row& row : {Row{"servfail.example", {2}, "SERVFAIL"}, Row{"refused.example", {5}, "REFUSED"},
                         Row{"formerr.example", {1}, "FORMERR"}, Row{"cut.example", {0, true}, "a truncated answer"}}) {
    rig.responder.zone[{row.name, test::kA}] = row.records;
    rig.responder.zone[{row.name, test::kAaaa}] = row.records;
    CHECK(rig.ask(row.name).why == "DNS: " + row.said + " from " + rig.responder.address());
  }
  test::Records broken;
  broken.addresses = {"192.0.2.1"};
  broken.broken = true;
  rig.responder.zone[{"broken.example", test::kA}] = broken;
  CHECK(rig.ask("broken.example").why == "DNS: a broken answer from " + rig.responder.address());
  CHECK(rig.ask("nodata.example").why.ends_with(", says " + rig.responder.address()));
}

TEST_CASE("U-13 U-64 servers that refuse and servers that are not there are told apart, each by its address") {
  test::Turns turns;
  test::Responder refusing(turns.loop);
  std::string nobody = std::make_unique<test::Responder>(turns.loop)->address();  // whose port is free again
  refusing.zone[{"_xmpp-client._tcp.example.org", test::kSrv}].rcode = 5;
  stats::Counters counters;
  auto resolver = Resolver::make(turns.loop, {nobody, refusing.address()}, counters);
  REQUIRE(resolver);
  std::optional<Services> services;
  (*resolver)->lookup_services("example.org", [&](Services s) { services = std::move(s); });
  REQUIRE(turns.until([&] { return services.has_value(); }, 30s));
  CHECK(services->plain.why == "DNS: REFUSED from " + refusing.address() + "; no answer from " + nobody);
}

TEST_CASE("U-13 a truncated answer is a failure of its query, not a partial list") {
  Rig rig;
  rig.responder.zone[{"big.example", test::kA}] = {0, true, false, {"192.0.2.1"}};
  Answer answer = rig.ask("big.example");
  CHECK(answer.addresses.empty());
  CHECK(answer.failure == Code::TimedOut);
}

TEST_CASE("U-13 EDNS0 says 1232 bytes; ports differ between lookups and ids between queries") {
  Rig rig;
  for (const char* host : {"a.example", "b.example", "c.example", "d.example"}) rig.ask(host);
  CHECK(rig.responder.advertised_size == 1232);
  CHECK(rig.responder.questions == 8);
  CHECK(rig.responder.client_ports.size() >= 3);  // the kernel chooses; it may repeat itself now and then
  CHECK(rig.responder.ids.size() >= 6);
}

TEST_CASE("U-11 a family that does not answer is not waited for when the other has addresses") {
  Rig rig;
  rig.responder.zone[{"half.example", test::kA}].addresses = {"192.0.2.1"};
  rig.responder.zone[{"half.example", test::kAaaa}].silent = true;
  Instant before = rig.turns.loop.now();
  CHECK(texts(rig.ask("half.example")) == "192.0.2.1:5222 ");
  CHECK(rig.turns.loop.now() - before < 10s);  // udns would repeat the question for 14 s
}

TEST_CASE("U-64 a server that loses the first question is asked again") {
  Rig rig;
  rig.responder.zone[{"late.example", test::kA}].silent = true;
  rig.responder.zone[{"late.example", test::kAaaa}].silent = true;
  std::optional<Answer> answer;
  rig.resolver->lookup("late.example", 5222, [&](Answer a) { answer = std::move(a); });
  REQUIRE(rig.turns.until([&] { return rig.responder.questions == 2; }));
  rig.responder.zone[{"late.example", test::kA}] = {0, false, false, {"192.0.2.1"}};
  rig.responder.zone[{"late.example", test::kAaaa}] = {};
  REQUIRE(rig.turns.until([&] { return answer.has_value(); }, 10s));
  CHECK(texts(*answer) == "192.0.2.1:5222 ");
  CHECK(rig.responder.questions >= 4);
}

TEST_CASE("U-17 a cancelled lookup says nothing, and the loop ends clean") {
  Rig rig;
  rig.responder.zone[{"example.org", test::kA}].addresses = {"192.0.2.1"};
  bool called = false;
  LookupId id = rig.resolver->lookup("example.org", 5222, [&](Answer) { called = true; });
  LookupId other = rig.resolver->lookup("silent.example", 5222, [&](Answer) { called = true; });
  rig.resolver->cancel(id);
  rig.resolver->cancel(id);
  rig.resolver->cancel(other);
  CHECK(rig.resolver->pending() == 0);
  rig.ask("example.org");
  CHECK_FALSE(called);
}

TEST_CASE("U-13 destroying the resolver with lookups under way is clean") {
  Rig rig;
  rig.responder.zone[{"silent.example", test::kA}].silent = true;
  rig.resolver->lookup("silent.example", 5222, [](Answer) { CHECK(false); });
  REQUIRE(rig.turns.until([&] { return rig.responder.questions > 0; }));
  rig.resolver.reset();
}

TEST_CASE("U-14 U-10 localhost, names under it and IP literals never reach the network") {
  auto text = [](const char* host) {
    std::string out;
    for (const Address& address : known_addresses(host, 5222)) out += address.text() + " ";
    return out;
  };
  CHECK(text("localhost") == "127.0.0.1:5222 [::1]:5222 ");
  CHECK(text("chat.localhost") == "127.0.0.1:5222 [::1]:5222 ");
  CHECK(text("192.0.2.7") == "192.0.2.7:5222 ");
  CHECK(text("2001:db8::7") == "[2001:db8::7]:5222 ");
  CHECK(text("notlocalhost").empty());
  CHECK(text("localhost.example").empty());
}

TEST_CASE("O-37 resolvers that are not addresses are refused") {
  test::Turns turns;
  stats::Counters counters;
  CHECK_FALSE(Resolver::make(turns.loop, {"dns.example.org:53"}, counters));
  CHECK_FALSE(Resolver::make(turns.loop, {"unix:/run/dns"}, counters));
  CHECK(Resolver::make(turns.loop, {}, counters));
}

}  // namespace
}  // namespace nxb::dns
