// tests/unit/worker/gateway/admission_test.cc
// SPDX-License-Identifier: MIT
#include "worker/gateway/admission.h"

#include <doctest/doctest.h>

#include <string>

using namespace nxb;
using gateway::Admission;
using gateway::Buckets;
using Verdict = Admission::Verdict;

namespace {

Network numbered(std::uint32_t n) {
  return *Network::of("10." + std::to_string(n >> 16) + "." + std::to_string((n >> 8) & 255) + "." +
                      std::to_string(n & 255));
}

}  // namespace

TEST_CASE("H-45 an address has at most so many sessions; a /64 counts as one; 0 is no limit") {
  Admission admission;
  Admission::Limits limits{2, {}};
  for (const char* ip : {"192.0.2.1", "2001:db8::1"}) {
    admission.opened(ip);
    CHECK(admission.judge(ip, limits, {}) == Verdict::Welcome);
    admission.opened(ip);
    CHECK(admission.judge(ip, limits, {}) == Verdict::TooMany);
  }
  CHECK(admission.judge("192.0.2.2", limits, {}) == Verdict::Welcome);
  CHECK(admission.judge("2001:db8::2", limits, {}) == Verdict::TooMany);
  CHECK(admission.judge("2001:db8:0:1::1", limits, {}) == Verdict::Welcome);
  CHECK(admission.judge("192.0.2.1", {0, {}}, {}) == Verdict::Welcome);
  admission.ended("192.0.2.1");
  CHECK(admission.judge("192.0.2.1", limits, {}) == Verdict::Welcome);
}

TEST_CASE("H-46 an address creates sessions at its rate, whoever else does; unix peers have no address") {
  Admission admission;
  Admission::Limits limits{0, {20, 3}};
  for (int i = 0; i < 3; ++i) CHECK(admission.judge("192.0.2.1", limits, Instant(1h)) == Verdict::Welcome);
  CHECK(admission.judge("192.0.2.1", limits, Instant(1h)) == Verdict::TooFast);
  CHECK(admission.judge("192.0.2.2", limits, Instant(1h)) == Verdict::Welcome);
  CHECK(admission.judge("192.0.2.1", limits, Instant(1h) + 50ms) == Verdict::Welcome);
  for (int i = 0; i < 10; ++i) CHECK(admission.judge("unix", limits, Instant(1h)) == Verdict::Welcome);
}

TEST_CASE("H-45 one that has too many sessions does not use up its rate by trying") {
  Admission admission;
  Admission::Limits limits{1, {1, 1}};
  admission.opened("192.0.2.1");
  for (int i = 0; i < 5; ++i) CHECK(admission.judge("192.0.2.1", limits, {}) == Verdict::TooMany);
  admission.ended("192.0.2.1");
  CHECK(admission.judge("192.0.2.1", limits, {}) == Verdict::Welcome);
}

TEST_CASE("H-46 a bucket is remembered until it is full again, at whatever times the table ages") {
  Rate rate{20, 100};  // five seconds to become full
  for (Duration offset = 0ms; offset < 12s; offset += 250ms) {
    CAPTURE(offset.count());
    Buckets buckets;
    Instant now(1h);
    buckets.take(numbered(9), rate, now);  // the first: the halves begin here
    now += offset;
    for (int i = 0; i < 100; ++i) REQUIRE(buckets.take(numbered(1), rate, now));
    for (int step = 1; step <= 10; ++step) {
      CHECK_FALSE(buckets.take(numbered(1), rate, now));  // and takes what half a second brought
      now += 500ms;
      int got = 0;
      while (buckets.take(numbered(1), rate, now)) ++got;
      REQUIRE(got == 10);
    }
    now += 4900ms;
    buckets.take(numbered(2), rate, now);  // others make it age
    int got = 0;
    while (buckets.take(numbered(1), rate, now)) ++got;
    CHECK(got == 98);
  }
}

TEST_CASE("H-44 H-46 full buckets are dropped, and there are never more than 65536") {
  Buckets buckets;
  Rate rate{20, 100};
  Instant now(1h);
  for (std::uint32_t n = 0; n < 1000; ++n) buckets.take(numbered(n), rate, now);
  CHECK(buckets.size() == 1000);
  buckets.take(numbered(1), rate, now + 1h);
  CHECK(buckets.size() == 1);
  now += 1h;
  std::size_t most = 0;
  for (std::uint32_t n = 0; n < 200'000; ++n) {
    buckets.take(numbered(n), rate, now);
    most = std::max(most, buckets.size());
  }
  CHECK(most == Buckets::kMost);
  Rate once{1, 1};
  CHECK(buckets.take(numbered(300'000), once, now));
  CHECK_FALSE(buckets.take(numbered(300'000), once, now));  // the newest are known
}
