// tests/unit/worker/dns/cache_test.cc - how long answers are kept, and how many.
// SPDX-License-Identifier: MIT
#include "worker/dns/cache.h"

#include <doctest/doctest.h>

#include <string>

namespace nxb::dns {
namespace {

const Question kQuestion{Type::A, "example.org"};

RecordSet records(Duration ttl) { return {Outcome::Records, ttl, {std::string(4, '\1')}, {}, ""}; }
RecordSet absence() { return {Outcome::Absent, {}, {}, {}, "no"}; }

// For how long it is found.
Duration kept(const RecordSet& answer) {
  Cache cache;
  Instant now{1000s};
  cache.put(kQuestion, answer, now);
  Duration age{0};
  while (age < 5000s && cache.find(kQuestion, now + age)) age += 1s;
  return age;
}

TEST_CASE("U-15 records are kept by their TTL, for 5 s to an hour; absence for 30 s; failures not at all") {
  CHECK(kept(records(60s)) == 60s);
  CHECK(kept(records(5s)) == 5s);
  CHECK(kept(records(0s)) == 5s);
  CHECK(kept(records(3600s)) == 3600s);
  CHECK(kept(records(86400s)) == 3600s);
  CHECK(kept(absence()) == 30s);
  CHECK(kept({Outcome::Failed, 60s, {}, {}, "timeout"}) == 0s);
}

TEST_CASE("U-15 each type of each name has an entry, and the newest answer is the one") {
  Cache cache;
  Instant now{};
  cache.put(kQuestion, records(60s), now);
  CHECK(cache.find({Type::Aaaa, "example.org"}, now) == nullptr);
  CHECK(cache.find({Type::A, "example.net"}, now) == nullptr);
  cache.put(kQuestion, absence(), now);
  REQUIRE(cache.find(kQuestion, now));
  CHECK(cache.find(kQuestion, now)->outcome == Outcome::Absent);
  CHECK(cache.find(kQuestion, now + 30s) == nullptr);
  cache.put(kQuestion, records(60s), now + 20s);
  CHECK(cache.find(kQuestion, now + 79s));
  CHECK(cache.size() == 1);
}

TEST_CASE("U-15 a failure leaves what was known before") {
  Cache cache;
  cache.put(kQuestion, records(60s), Instant{});
  cache.put(kQuestion, {}, Instant{1s});
  CHECK(cache.find(kQuestion, Instant{59s}));
}

TEST_CASE("U-15 entries are bounded: what is due soonest makes room") {
  Cache cache;
  Instant now{};
  auto name = [](std::size_t i) { return Question{Type::A, std::to_string(i) + ".example"}; };
  for (std::size_t i = 0; i < Cache::kMaxEntries; ++i) cache.put(name(i), records(i == 7 ? 50s : 100s), now);
  CHECK(cache.size() == Cache::kMaxEntries);
  CHECK(cache.find(name(7), now));
  cache.put(name(Cache::kMaxEntries), records(10s), now);
  CHECK(cache.size() == Cache::kMaxEntries);
  CHECK_FALSE(cache.find(name(7), now));
  CHECK(cache.find(name(Cache::kMaxEntries), now));
  cache.put(kQuestion, records(60s), now + 100s);  // all others are over
  CHECK(cache.size() == 1);
}

TEST_CASE("U-15 bytes are bounded, and counted back to nothing") {
  Cache cache;
  Instant now{};
  RecordSet large{Outcome::Records, 60s, {}, {}, ""};
  large.services.assign(kMaxRecords, {0, 0, 5222, std::string(250, 'x')});
  for (int i = 0; i < 1000; ++i) {
    cache.put({Type::Srv, std::to_string(i)}, large, now);
    REQUIRE(cache.bytes() <= Cache::kMaxBytes);
  }
  CHECK(cache.size() > 100);
  CHECK(cache.size() < 1000);
  CHECK(cache.find({Type::Srv, "999"}, now));
  cache.put(kQuestion, records(60s), now + 60s);
  Cache fresh;
  fresh.put(kQuestion, records(60s), now);
  CHECK(cache.bytes() == fresh.bytes());
}

}  // namespace
}  // namespace nxb::dns
