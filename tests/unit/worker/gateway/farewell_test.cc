// tests/unit/worker/gateway/farewell_test.cc - who is told goodbye when, with a clock of our own.
// SPDX-License-Identifier: MIT
#include "worker/gateway/farewell.h"

#include <doctest/doctest.h>

using namespace nxb;
using namespace nxb::gateway;

namespace {

constexpr Instant kStart{1'000'000ms};

std::vector<SessionKey> keys(std::uint64_t count) {
  std::vector<SessionKey> all;
  for (std::uint64_t i = 1; i <= count; ++i) all.push_back(SessionKey{i});
  return all;
}

std::vector<SocketId> sockets(std::uint64_t count) {
  std::vector<SocketId> all;
  for (std::uint64_t i = 1; i <= count; ++i) all.push_back(SocketId{i});
  return all;
}

int taken(Farewell& farewell, Instant now) {
  int count = 0;
  while (farewell.take(now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("O-08 goodbyes are spread evenly over the time, the first at once") {
  Farewell farewell(keys(10), {}, kStart, 30s);
  CHECK(farewell.next() == kStart);
  CHECK(taken(farewell, kStart) == 1);
  CHECK(farewell.next() == kStart + 3s);
  CHECK(taken(farewell, kStart + 2999ms) == 0);
  for (int i = 1; i < 10; ++i) CHECK(taken(farewell, kStart + i * 3s) == 1);
  CHECK(!farewell.next());
}

TEST_CASE("O-08 without a time all are told at once; late ones are made up for; nobody is left out") {
  Farewell at_once(keys(1000), sockets(500), kStart, 0s);
  CHECK(taken(at_once, kStart) == 1500);
  Farewell late(keys(7), sockets(6), kStart, 30s);
  CHECK(taken(late, kStart + 1h) == 13);
  Farewell nobody({}, {}, kStart, 30s);
  CHECK(!nobody.next());
  CHECK(!nobody.take(kStart + 1h));
}

TEST_CASE("O-08 sessions of both kinds take turns") {
  Farewell farewell(keys(10), sockets(5), kStart, 0s);
  int bosh = 0;
  int websockets = 0;
  for (int i = 0; i < 15; ++i) {
    auto session = farewell.take(kStart);
    REQUIRE(session.has_value());
    ++(std::holds_alternative<SessionKey>(*session) ? bosh : websockets);
    CHECK(bosh <= 2 * websockets + 2);
    CHECK(websockets <= bosh / 2 + 1);
  }
}
