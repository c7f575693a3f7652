// tests/unit/worker/edge/failure_limit_test.cc
// SPDX-License-Identifier: MIT
#include "worker/edge/failure_limit.h"

#include <doctest/doctest.h>

using namespace nxb;
using edge::FailureLimit;

namespace {

constexpr Instant kStart{1000s};

void fail(FailureLimit& limit, const std::string& address, Instant now, std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) limit.add(address, now);
}

}  // namespace

TEST_CASE("H-42 the fifth failure within a minute blocks its address, and no other, until the minute is over") {
  FailureLimit limit;
  fail(limit, "192.0.2.1", kStart, 4);
  CHECK_FALSE(limit.blocked_for("192.0.2.1", kStart));
  limit.add("192.0.2.1", kStart + 20s);
  CHECK(limit.blocked_for("192.0.2.1", kStart + 20s) == 40s);
  CHECK(limit.blocked_for("192.0.2.1", kStart + 60s - 1ms) == 1ms);
  CHECK_FALSE(limit.blocked_for("192.0.2.1", kStart + 60s));
  CHECK_FALSE(limit.blocked_for("192.0.2.2", kStart + 20s));
}

TEST_CASE("H-42 failures of a minute ago do not count") {
  FailureLimit limit;
  fail(limit, "a", kStart, 4);
  limit.add("a", kStart + 60s);
  CHECK_FALSE(limit.blocked_for("a", kStart + 60s));
  fail(limit, "a", kStart + 61s, 4);
  CHECK(limit.blocked_for("a", kStart + 61s));
}

TEST_CASE("H-44 the addresses remembered are bounded: first the expired go, then the oldest") {
  FailureLimit limit;
  limit.add("expired", kStart);
  for (std::size_t i = 1; i < FailureLimit::kAddresses; ++i) {
    fail(limit, std::to_string(i), kStart + 30s + Duration{static_cast<Duration::rep>(i)}, FailureLimit::kMost);
  }
  CHECK(limit.size() == FailureLimit::kAddresses);
  const Instant later = kStart + 61s;
  limit.add("one more", later);
  CHECK(limit.size() == FailureLimit::kAddresses);
  CHECK(limit.blocked_for("1", later));
  limit.add("and one", later);
  CHECK(limit.size() == FailureLimit::kAddresses);
  CHECK_FALSE(limit.blocked_for("1", later));
  CHECK(limit.blocked_for("2", later));
}
