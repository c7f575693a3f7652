// tests/unit/worker/dns/srv_test.cc - every combination of answers, and the order of RFC 2782.
// SPDX-License-Identifier: MIT
#include "worker/dns/srv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

namespace nxb::dns {
namespace {

using Verdict = Plan::Verdict;

Random seeded(std::uint32_t seed) {
  return [engine = std::mt19937(seed)](std::uint32_t most) mutable {
    return std::uniform_int_distribution<std::uint32_t>(0, most)(engine);
  };
}
const Random kNone = [](std::uint32_t) { return 0U; };

SrvAnswer records(std::vector<SrvRecord> list) { return {Outcome::Records, std::move(list), ""}; }
const SrvAnswer kAbsent{Outcome::Absent, {}, ""};
const SrvAnswer kFailed{Outcome::Failed, {}, "timeout"};
const SrvAnswer kRoot = records({{0, 0, 0, "."}});
const SrvAnswer kPlain = records({{10, 0, 5222, "plain"}});
const SrvAnswer kDirect = records({{5, 0, 5223, "direct"}});

std::string texts(const Plan& plan) {
  std::string out;
  for (const SrvTarget& t : plan.targets)
    out += (t.direct_tls ? "s:" : "") + t.host + ":" + std::to_string(t.port) + " ";
  return out;
}

TEST_CASE("U-05 U-07 U-08 U-09 D-42 what each pair of answers means") {
  struct Row {
    const SrvAnswer& plain;
    const SrvAnswer& direct;
    Verdict verdict;
    const char* targets;
    bool unsure;
  };
  const Row rows[] = {
      {kPlain, kDirect, Verdict::Targets, "s:direct:5223 plain:5222 ", false},
      {kPlain, kRoot, Verdict::Targets, "plain:5222 ", false},
      {kPlain, kAbsent, Verdict::Targets, "plain:5222 ", false},
      {kPlain, kFailed, Verdict::Targets, "plain:5222 ", true},
      {kRoot, kDirect, Verdict::Targets, "s:direct:5223 ", false},
      {kRoot, kRoot, Verdict::NotOffered, "", false},
      {kRoot, kAbsent, Verdict::NotOffered, "", false},
      {kRoot, kFailed, Verdict::NotOffered, "", true},
      {kAbsent, kDirect, Verdict::Targets, "s:direct:5223 ", false},
      {kAbsent, kRoot, Verdict::NotOffered, "", false},
      {kAbsent, kAbsent, Verdict::Fallback, "", false},
      {kAbsent, kFailed, Verdict::Fallback, "", true},
      {kFailed, kDirect, Verdict::Targets, "s:direct:5223 ", true},
      {kFailed, kRoot, Verdict::NotOffered, "", true},
      {kFailed, kAbsent, Verdict::Fallback, "", true},
      {kFailed, kFailed, Verdict::Fallback, "", true},
  };
  for (const Row& row : rows) {
    Plan plan = plan_of(row.plain, row.direct, kNone);
    CAPTURE(&row - rows);
    CHECK(plan.verdict == row.verdict);
    CHECK(texts(plan) == row.targets);
    CHECK(plan.unsure == row.unsure);
  }
}

TEST_CASE("U-07 the root beside other targets is passed over, and so is what cannot be connected to") {
  Plan plan = plan_of(records({{0, 0, 0, "."}, {1, 0, 5222, "a"}, {0, 0, 0, "b"}, {0, 0, 5222, ""}}), kAbsent, kNone);
  CHECK(texts(plan) == "a:5222 ");
  CHECK(plan_of(records({{0, 0, 0, "."}, {5, 0, 5222, "."}}), kAbsent, kNone).verdict == Verdict::NotOffered);
  CHECK(plan_of(records({{0, 0, 0, "a"}}), kAbsent, kNone).verdict == Verdict::NotOffered);
}

TEST_CASE("U-06 D-42 priorities ascend, both services in one list") {
  SrvAnswer plain = records({{30, 9, 5222, "c"}, {10, 0, 5222, "a"}, {65535, 65535, 5222, "e"}});
  SrvAnswer direct = records({{40, 1, 443, "d"}, {20, 65535, 443, "b"}});
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    CHECK(texts(plan_of(plain, direct, seeded(seed))) == "a:5222 s:b:443 c:5222 s:d:443 e:5222 ");
  }
}

TEST_CASE("U-06 weights are drawn as RFC 2782 says: zero first, running sums, 0 to the total") {
  // In front of each draw by weight stands a shuffle of what RFC 2782 leaves open: 3 records, 2 numbers.
  SrvAnswer three = records({{0, 2, 5222, "two"}, {0, 0, 5222, "zero"}, {0, 3, 5222, "three"}});
  auto draw = [&](std::vector<std::uint32_t> numbers) {
    std::vector<std::uint32_t> asked;
    std::size_t next = 0;
    Plan plan = plan_of(three, kAbsent, [&](std::uint32_t most) {
      asked.push_back(most);
      if (asked.size() <= 2) return most;  // the shuffle changes nothing
      return numbers.at(next++);
    });
    CHECK(asked.at(0) == 2);
    CHECK(asked.at(1) == 1);
    CHECK(asked.at(2) == 5);
    return texts(plan);
  };
  CHECK(draw({0, 0}) == "zero:5222 two:5222 three:5222 ");
  CHECK(draw({1, 0}) == "two:5222 zero:5222 three:5222 ");
  CHECK(draw({2, 1}) == "two:5222 three:5222 zero:5222 ");
  CHECK(draw({3, 0}) == "three:5222 zero:5222 two:5222 ");
  CHECK(draw({5, 2}) == "three:5222 two:5222 zero:5222 ");
  CHECK(draw({0, 3}) == "zero:5222 three:5222 two:5222 ");
}

TEST_CASE("U-06 each target comes first as often as its weight says") {
  SrvAnswer plain = records({{0, 60, 5222, "a"}, {0, 30, 5222, "b"}});
  SrvAnswer direct = records({{0, 10, 443, "c"}, {0, 0, 443, "d"}});
  Random random = seeded(1);
  std::map<std::string, int> first;
  constexpr int kDraws = 10'000;
  for (int i = 0; i < kDraws; ++i) ++first[plan_of(plain, direct, random).targets.at(0).host];
  // Of 101 numbers a has 60, b 30, c 10 and d the zero; five standard deviations aside.
  auto is_about = [&](const char* host, double share) {
    double expected = kDraws * share, deviation = std::sqrt(kDraws * share * (1 - share));
    CHECK(first[host] > expected - 5 * deviation);
    CHECK(first[host] < expected + 5 * deviation);
  };
  is_about("a", 60 / 101.0);
  is_about("b", 30 / 101.0);
  is_about("c", 10 / 101.0);
  is_about("d", 1 / 101.0);
}

TEST_CASE("U-06 targets without weight share the load, whatever the order of the answer") {
  SrvAnswer plain = records({{0, 0, 5222, "a"}, {0, 0, 5222, "b"}, {0, 0, 5222, "c"}});
  Random random = seeded(2);
  std::map<std::string, int> orders;
  for (int i = 0; i < 6000; ++i) ++orders[texts(plan_of(plain, kAbsent, random))];
  CHECK(orders.size() == 6);
  for (const auto& [order, count] : orders) CHECK(count > 850);
}

TEST_CASE("U-06 any order is a permutation, and the same numbers make the same order") {
  std::mt19937 engine(3);
  for (int round = 0; round < 500; ++round) {
    SrvAnswer answers[2] = {records({}), records({})};
    std::size_t count = 1 + engine() % 20;
    for (std::size_t i = 0; i < count; ++i) {
      auto weight = static_cast<std::uint16_t>(engine() % 3 == 0 ? 0 : engine());
      answers[engine() % 2].records.push_back({static_cast<std::uint16_t>(engine() % 4), weight,
                                               static_cast<std::uint16_t>(i + 1), "h" + std::to_string(i)});
    }
    auto seed = static_cast<std::uint32_t>(engine());
    Plan plan = plan_of(answers[0], answers[1], seeded(seed));
    CHECK(plan.targets == plan_of(answers[0], answers[1], seeded(seed)).targets);
    CHECK(plan.targets.size() == count);
    int priority = 0;
    for (const SrvTarget& target : plan.targets) {
      const auto& from = answers[target.direct_tls ? 1 : 0].records;
      auto record = std::ranges::find(from, target.host, &SrvRecord::target);
      REQUIRE(record != from.end());
      CHECK(record->port == target.port);
      CHECK(record->priority >= priority);
      priority = record->priority;
    }
  }
}

TEST_CASE("U-06 repeated records count once, and of very many the first by priority are taken") {
  CHECK(texts(plan_of(records({{0, 9, 1, "a"}, {0, 9, 1, "a"}}), kAbsent, kNone)) == "a:1 ");
  // The same place by other words: tried at its first place only. With direct TLS it is another place.
  Plan plan = plan_of(records({{1, 0, 1, "a"}, {0, 0, 1, "a"}, {2, 5, 1, "b"}}), records({{3, 0, 1, "a"}}), kNone);
  CHECK(texts(plan) == "a:1 b:1 s:a:1 ");
  SrvAnswer many = records({});
  for (int i = 0; i < 5000; ++i) {
    many.records.push_back({static_cast<std::uint16_t>(5000 - i), 65535, 5222, "h" + std::to_string(i)});
  }
  plan = plan_of(many, many, kNone);
  CHECK(plan.targets.size() == kMaxSrvRecords);
  CHECK(plan.targets.at(0).host == "h4999");
}

}  // namespace
}  // namespace nxb::dns
