// tests/unit/worker/dns/services_test.cc - the resolver's SRV questions, CNAMEs and cache, against a small DNS server.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

#include "tests/unit/worker/dns/resolver_rig.h"
#include "worker/dns/query.h"

namespace nxb::dns {
namespace {

using stats::Counter;
using test::texts;
using Rig = test::ResolverRig;

TEST_CASE("U-05 both services of a domain are asked in parallel, whatever its spelling") {
  Rig rig;
  rig.services("example.org").services = {{10, 5, 5222, "A.Example.NET"}, {20, 0, 5223, "b.example.net"}};
  rig.services("example.org", true).services = {{1, 2, 443, "c.example.net"}};
  Services services = rig.ask_services("Example.ORG.");
  CHECK(texts(services.plain) == "10 5 a.example.net:5222, 20 0 b.example.net:5223");
  CHECK(texts(services.direct) == "1 2 c.example.net:443");
  CHECK(texts(rig.ask_services("example.org").direct) == "1 2 c.example.net:443");  // the same name
  CHECK(rig.responder.questions == 2);
  CHECK(rig.counters.get(Counter::dns_queries) == 2);
  CHECK(rig.counters.get(Counter::dns_failures) == 0);
}

TEST_CASE("U-07 the root as target arrives as such") {
  Rig rig;
  rig.services("example.org").services = {{0, 0, 0, ""}};
  CHECK(texts(rig.ask_services("example.org").plain) == "0 0 .:0");
}

TEST_CASE("U-09 services that do not exist are told from those that nobody could tell of") {
  Rig rig;
  rig.services("a.example").rcode = 3;
  rig.services("b.example").rcode = 2;
  rig.services("b.example", true).rcode = 5;
  Services absent = rig.ask_services("a.example");
  CHECK(texts(absent.plain) == "absent");
  CHECK(texts(absent.direct) == "absent");
  Services failed = rig.ask_services("b.example");
  CHECK(texts(failed.plain) == "failed");
  CHECK(texts(failed.direct) == "failed");
  CHECK_FALSE(failed.plain.why.empty());
  CHECK(rig.counters.get(Counter::dns_failures) == 2);
}

TEST_CASE("U-09 silence fails in time for the addresses to be asked; with records from one service it is less") {
  Rig rig;
  rig.services("silent.example").silent = rig.services("silent.example", true).silent = true;
  rig.services("half.example").services = {{0, 0, 5222, "a.example.net"}};
  rig.services("half.example", true).silent = true;
  std::optional<Services> half, silent;
  rig.resolver->lookup_services("half.example", [&](Services s) {
    CHECK_FALSE(silent);
    half = std::move(s);
  });
  rig.resolver->lookup_services("silent.example", [&](Services s) { silent = std::move(s); });
  bool gave_up = false;
  rig.responder.zone[{"silent.example", test::kA}].silent = true;
  rig.responder.zone[{"silent.example", test::kAaaa}].silent = true;
  rig.resolver->lookup("silent.example", 5222, [&](const Answer&) { gave_up = true; });
  REQUIRE(rig.turns.until([&] { return half && silent; }, 15s));  // a stream's set-up time is 20 s
  CHECK_FALSE(gave_up);                                           // addresses are waited for longer
  CHECK(texts(half->plain) == "0 0 a.example.net:5222");
  CHECK(texts(half->direct) == "failed");
  CHECK(texts(silent->plain) == "failed");
  CHECK(texts(silent->direct) == "failed");
  CHECK(rig.responder.questions > 4);  // asked again meanwhile
}

TEST_CASE("U-13 a truncated or broken list of services has failed") {
  Rig rig;
  rig.services("big.example").services = {{0, 0, 5222, "a.example.net"}};
  rig.services("big.example").truncated = true;
  rig.services("big.example", true).services = {{0, 0, 443, "a.example.net"}};
  rig.services("big.example", true).broken = true;
  Services services = rig.ask_services("big.example");
  CHECK(texts(services.plain) == "failed");
  CHECK(texts(services.direct) == "failed");
}

TEST_CASE("U-13 whatever the bytes of an answer are, something bounded becomes of it") {
  Rig rig;
  std::mt19937 engine(7);
  auto mangle = [&](std::string& packet, std::size_t answers) {
    for (auto flips = 1 + engine() % 4; flips > 0; --flips) {
      packet.at(answers + engine() % (packet.size() - answers)) = static_cast<char>(engine());
    }
    if (engine() % 4 == 0) packet.resize(answers + engine() % (packet.size() - answers));
    if (engine() % 4 == 0) packet.at(7) = static_cast<char>(engine());  // the number of answers
  };
  int used = 0;
  for (int round = 0; round < 400; ++round) {
    std::string domain = std::to_string(round) + ".example";
    for (bool direct : {false, true}) {
      test::Records& records = rig.services(domain, direct);
      records.aliases = {"one.example.net", "two.example.net"};
      records.services = {{1, 2, 5222, "a.example.net"}, {3, 4, 5223, "b.example.net"}};
      records.mangle = mangle;
    }
    Services services = rig.ask_services(domain);
    CHECK(services.plain.records.size() <= kMaxRecords);
    CHECK((services.plain.outcome == Outcome::Records) == !services.plain.records.empty());
    if (services.plain.outcome == Outcome::Records) ++used;
  }
  CHECK(used > 20);  // not all were beyond use
  CHECK(used < 400);
}

TEST_CASE("U-10 U-14 neither IP literals nor localhost have services") {
  Rig rig;
  for (const char* domain : {"192.0.2.1", "2001:db8::1", "localhost", "chat.LOCALHOST"}) {
    Services services = rig.ask_services(domain);
    CHECK(texts(services.plain) == "absent");
    CHECK(texts(services.direct) == "absent");
  }
  CHECK(rig.responder.questions == 0);
}

TEST_CASE("U-09 a domain too long for names of services has none, and is asked for itself") {
  Rig rig;
  std::string label(60, 'a');
  std::string domain = label + "." + label + "." + label + "." + label;  // 243 bytes, which a name may have
  rig.responder.zone[{domain, test::kA}].addresses = {"192.0.2.1"};
  CHECK(texts(rig.ask_services(domain).plain) == "absent");
  CHECK(texts(rig.ask(domain)) == "192.0.2.1:5222 ");
  CHECK(rig.responder.questions == 2);
}

// --- CNAMEs ---

TEST_CASE("U-12 CNAMEs are followed within an answer, whatever the order of its records") {
  Rig rig;
  for (bool backwards : {false, true}) {
    std::string domain = backwards ? "b.example" : "a.example";
    test::Records& records = rig.services(domain);
    records.aliases = {"one.example.net", "two.example.net", "three.example.net"};
    records.services = {{0, 0, 5222, "a.example.net"}};
    records.backwards = backwards;
    CHECK(texts(rig.ask_services(domain).plain) == "0 0 a.example.net:5222");
  }
  CHECK(rig.responder.questions == 4);
}

TEST_CASE("U-12 where an answer ends with a CNAME its target is asked for") {
  Rig rig;
  rig.services("example.org").aliases = {"one.example.net", "two.example.net"};
  rig.responder.zone[{"two.example.net", test::kSrv}].aliases = {"three.example.com"};
  rig.responder.zone[{"three.example.com", test::kSrv}].services = {{0, 0, 5222, "target.example.net"}};
  CHECK(texts(rig.ask_services("example.org").plain) == "0 0 target.example.net:5222");
  rig.responder.zone[{"target.example.net", test::kA}].aliases = {"host.example.net"};
  rig.responder.zone[{"host.example.net", test::kA}].addresses = {"192.0.2.1"};
  CHECK(texts(rig.ask("target.example.net")) == "192.0.2.1:5222 ");
  CHECK(rig.counters.get(Counter::dns_queries) == 7);
  // And where that does not exist, nothing does.
  rig.responder.zone[{"dangling.example.net", test::kA}].aliases = {"none.example.net"};
  CHECK(rig.ask("dangling.example.net").failure == Code::NotFound);
}

TEST_CASE("U-12 eight CNAMEs are followed, a ninth is not, and loops end") {
  Rig rig;
  auto chain = [&](const std::string& owner, int length) {
    std::string name = owner;
    for (int i = 1; i <= length; ++i) {
      std::string next = std::to_string(i) + "." + owner;
      rig.responder.zone[{name, test::kA}].aliases = {next};
      name = next;
    }
    rig.responder.zone[{name, test::kA}].addresses = {"192.0.2.1"};
  };
  chain("eight.example", 8);
  chain("nine.example", 9);
  CHECK(texts(rig.ask("eight.example")) == "192.0.2.1:5222 ");
  Answer nine = rig.ask("nine.example");
  CHECK(nine.addresses.empty());
  CHECK(nine.failure == Code::TimedOut);
  rig.responder.zone[{"loop.example", test::kA}].aliases = {"pool.example"};
  rig.responder.zone[{"pool.example", test::kA}].aliases = {"loop.example"};
  rig.responder.zone[{"self.example", test::kA}].aliases = {"self.example"};
  rig.responder.zone[{"round.example", test::kA}].aliases = {"dnuor.example", "round.example"};
  for (const char* name : {"loop.example", "self.example", "round.example"}) {
    rig.responder.questions = 0;
    CHECK(rig.ask(name).failure == Code::TimedOut);
    CHECK(rig.responder.questions <= Query::kMaxAliases + 2);  // one of them for AAAA
  }
}

TEST_CASE("U-12 sixteen CNAMEs at most are followed for one name, eight of each family") {
  Rig rig;
  for (int i = 0; i < 40; ++i) {
    const std::string owner = std::to_string(i) + ".example", next = std::to_string(i + 1) + ".example";
    rig.responder.zone[{owner, test::kA}].aliases = {next};
    rig.responder.zone[{owner, test::kAaaa}].aliases = {next};
  }
  CHECK(rig.ask("0.example").failure == Code::TimedOut);
  CHECK(rig.counters.get(Counter::dns_queries) == 2 + 2 * Query::kMaxAliases);
}

TEST_CASE("U-12 U-17 a lookup may be cancelled between two CNAMEs") {
  Rig rig;
  rig.responder.zone[{"a.example", test::kA}].aliases = {"b.example"};
  rig.responder.zone[{"b.example", test::kA}].silent = true;
  bool called = false;
  LookupId id = rig.resolver->lookup("a.example", 5222, [&](const Answer&) { called = true; });
  REQUIRE(rig.turns.until([&] { return std::ranges::count(rig.responder.names, "b.example") == 1; }));
  rig.resolver->cancel(id);
  rig.ask("c.example");
  CHECK_FALSE(called);
  CHECK(rig.resolver->pending() == 0);
}

// --- the cache ---

TEST_CASE("U-15 records and absence are asked for once, failures each time") {
  Rig rig;
  rig.responder.zone[{"example.org", test::kA}].addresses = {"192.0.2.1"};
  CHECK(texts(rig.ask("example.org")) == "192.0.2.1:5222 ");
  CHECK(texts(rig.ask("EXAMPLE.org")) == "192.0.2.1:5222 ");  // AAAA is absent
  CHECK(rig.responder.questions == 2);
  CHECK(rig.counters.get(Counter::dns_cache_hits) == 2);
  std::optional<Answer> answer;
  rig.resolver->lookup("example.org", 443, [&](Answer a) { answer = std::move(a); });
  REQUIRE(rig.turns.until([&] { return answer.has_value(); }));
  CHECK(texts(*answer) == "192.0.2.1:443 ");  // the port is not the DNS's
  rig.services("example.org").rcode = 2;
  rig.services("example.org", true).services = {{0, 0, 443, "a.example.net"}};
  for (int asked : {4, 5}) {
    Services services = rig.ask_services("example.org");
    CHECK(texts(services.plain) == "failed");
    CHECK(texts(services.direct) == "0 0 a.example.net:443");
    CHECK(rig.responder.questions == asked);
  }
  CHECK(rig.counters.get(Counter::dns_failures) == 2);
}

TEST_CASE("U-15 an answer is as old as its shortest TTL allows, CNAMEs included") {
  // What the resolver hands to the cache; how long that keeps it is cache_test's.
  Rig rig;
  rig.services("example.org").aliases = {"one.example.net"};
  rig.services("example.org").ttl = 700;
  rig.responder.zone[{"one.example.net", test::kSrv}].services = {{0, 0, 5222, "a.example.net"}};
  rig.responder.zone[{"one.example.net", test::kSrv}].ttl = 900;
  rig.ask_services("example.org");
  Instant now = rig.turns.loop.now();
  const RecordSet* kept = rig.resolver->cache().find({Type::Srv, "_xmpp-client._tcp.example.org"}, now);
  REQUIRE(kept);
  CHECK(kept->ttl == 700s);
  rig.services("example.org").ttl = 5000;
  rig.services("other.example") = rig.services("example.org");
  rig.ask_services("other.example");
  kept = rig.resolver->cache().find({Type::Srv, "_xmpp-client._tcp.other.example"}, now);
  REQUIRE(kept);
  CHECK(kept->ttl == 900s);
}

}  // namespace
}  // namespace nxb::dns
