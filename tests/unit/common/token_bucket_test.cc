// tests/unit/common/token_bucket_test.cc
// SPDX-License-Identifier: MIT
#include "common/base/token_bucket.h"

#include <doctest/doctest.h>

using namespace nxb;

namespace {

// How many of `tries` are let through at this time.
int taken(TokenBucket& bucket, const Rate& rate, Instant now, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += bucket.take(rate, now) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("H-46 a full bucket holds the burst, and not one more") {
  TokenBucket bucket;
  CHECK(taken(bucket, {50, 100}, Instant(1h), 101) == 100);
  TokenBucket single;
  CHECK(taken(single, {1, 1}, Instant(), 2) == 1);
}

TEST_CASE("H-46 tokens come back at the rate, to the millisecond, and never more than the burst") {
  TokenBucket bucket;
  Rate rate{20, 100};
  Instant now(1h);
  taken(bucket, rate, now, 100);
  CHECK(taken(bucket, rate, now + 49ms, 5) == 0);
  CHECK(taken(bucket, rate, now + 50ms, 5) == 1);
  CHECK(taken(bucket, rate, now + 1050ms, 30) == 20);
  CHECK(taken(bucket, rate, now + 1h, 200) == 100);
}

TEST_CASE("H-46 what was refused costs nothing: a client that keeps trying gets its rate") {
  TokenBucket bucket;
  Rate rate{10, 5};
  int count = 0;
  for (int ms = 0; ms < 10'000; ++ms) count += taken(bucket, rate, Instant(Duration(ms)), 3);
  CHECK(count == 5 + 99);  // the burst, and one each 100 ms after it
}

TEST_CASE("H-46 rates that do not divide a second, and the largest, keep their word") {
  for (std::uint32_t rate : {3U, 7U, 300U, 1'000'000U}) {
    CAPTURE(rate);
    TokenBucket bucket;
    std::uint64_t count = 0;
    for (int ms = 0; ms <= 1000; ++ms) {
      while (count < 1'000'100 && bucket.take({rate, 1000}, Instant(Duration(ms)))) ++count;
    }
    CHECK(count >= 1000 + std::uint64_t{rate} * 999 / 1000);
    CHECK(count <= 1000 + std::uint64_t{rate} * 1001 / 1000 + 1);
  }
}

TEST_CASE("H-46 rate 0 is no limit; a bucket is eight bytes") {
  TokenBucket bucket;
  CHECK(taken(bucket, {0, 1}, Instant(), 10'000) == 10'000);
  CHECK(sizeof(TokenBucket) == 8);
}

TEST_CASE("H-46 a bucket tells when it has a token again, not a millisecond early or late") {
  TokenBucket bucket;
  const Rate rate{50, 100};
  const Instant now(1h);
  CHECK(bucket.ready_at(rate) <= now);
  taken(bucket, rate, now, 99);
  CHECK(bucket.ready_at(rate) <= now);
  taken(bucket, rate, now, 1);
  REQUIRE(bucket.ready_at(rate) == now + 20ms);
  CHECK(taken(bucket, rate, now + 19ms, 1) == 0);
  CHECK(taken(bucket, rate, now + 20ms, 1) == 1);
  CHECK(bucket.ready_at({0, 1}) <= now);
}
