// tests/unit/worker/gateway/cuts_test.cc - a proxy that is less patient than nxb is found out, people who leave are not.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>

#include "tests/support/captured_log.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/gateway/journal_rig.h"
#include "worker/gateway/cut_histogram.h"

using namespace nxb;
using namespace nxb::gateway;
using namespace std::chrono_literals;
using stats::Counter;
using testing::contains;

namespace {

constexpr Instant kStart{Duration(1'000'000)};

// A BOSH client whose requests are all cut at this age.
void cut_requests(Watched& world, int times, Duration age) {
  for (int i = 0; i < times; ++i) {
    RequestId id = world.say_bosh("");
    world.now += age;
    world.gateway.on_request_gone(id);
  }
}

}  // namespace

TEST_CASE("O-31: twenty cuts of one age are a peak, nineteen are not, and it is told once an hour") {
  CutHistogram cuts;
  for (int i = 0; i < 19; ++i) CHECK_FALSE(cuts.cut(30s, kStart));
  CHECK(cuts.age(kStart) == 0s);
  auto peak = cuts.cut(30s, kStart);
  REQUIRE(peak);
  CHECK(peak->age == 30s);
  CHECK(peak->cuts == 20);
  CHECK(peak->of == 20);
  CHECK_FALSE(cuts.cut(30s, kStart + 1s));
  CHECK(cuts.age(kStart + 1s) == 30s);
  Instant later = kStart + 1h + 1s;
  CHECK(cuts.age(later) == 0s);  // the last was an hour ago
  for (int i = 0; i < 19; ++i) CHECK_FALSE(cuts.cut(30s, later));
  CHECK(cuts.cut(30s, later));
}

TEST_CASE("O-31: a second to either side is the same age") {
  CutHistogram cuts;
  std::optional<CutHistogram::Peak> peak;
  for (int i = 0; i < 30 && !peak; ++i) peak = cuts.cut(i % 3 == 0 ? 30s : i % 3 == 1 ? 30'700ms : 29'400ms, kStart);
  REQUIRE(peak);
  CHECK(peak->age == 30s);
}

TEST_CASE("O-31: people who leave when they like make no peak; nor does a minority, or what is young or very old") {
  CutHistogram cuts;
  for (int i = 0; i < 5000; ++i) CHECK_FALSE(cuts.cut(Duration(5'001 + i * 7'919 % 50'000), kStart));
  CutHistogram others;
  for (int i = 0; i < 500; ++i) {
    CHECK_FALSE(others.cut(10s + std::chrono::seconds(i % 40), kStart));
    if (i % 2 == 0) CHECK_FALSE(others.cut(55s, kStart));
  }
  CutHistogram edges;
  for (int i = 0; i < 500; ++i) {
    CHECK_FALSE(edges.cut(5s, kStart));
    CHECK_FALSE(edges.cut(24h, kStart));
    CHECK_FALSE(edges.cut(Duration::max() - 1s, kStart));
  }
}

TEST_CASE("O-31: cuts that are far apart are not counted together") {
  CutHistogram cuts;
  Instant now = kStart;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(cuts.cut(30s, now += 40s));  // 15 in ten minutes
}

TEST_CASE("O-31: a proxy that cuts held requests is named once in the log, and counted while it lasts") {
  nxb::testing::CapturedLog captured;
  Watched world;
  world.create_bosh(world.sid, "example.org", "10.0.0.1");  // of a proxy that is not trusted: all its clients are that
  cut_requests(world, 25, 20s);
  const std::string text = captured.text();
  const auto at = text.find("event=proxy.mismatch");
  REQUIRE(at != std::string::npos);
  CHECK(text.find("event=proxy.mismatch", at + 1) == std::string::npos);
  CHECK(contains(text, "kind=bosh age=20 cuts=20 of=20 max_wait=55 why="));
  CHECK(world.count(Counter::proxy_cut_age_seconds) == 20);
  world.now += 59min;
  world.say_bosh("");
  CHECK(world.count(Counter::proxy_cut_age_seconds) == 20);
  world.now += 2min;  // nothing of the kind for an hour
  world.create_bosh("another-0123456789abcdef");
  world.sid = "another-0123456789abcdef";
  world.rid = 1;
  world.say_bosh("");
  CHECK(world.count(Counter::proxy_cut_age_seconds) == 0);
}

TEST_CASE("O-31: silent WebSockets that are cut at one age tell of a proxy; closed ones and those in use do not") {
  nxb::testing::CapturedLog captured;
  config::Config config;
  config.server.session_rate = 0;
  Watched world(config);
  for (int i = 0; i < 30; ++i) {
    SocketId closed = world.login();
    world.now += 12s;
    world.close_frame(closed);
    world.cut(closed);
  }
  for (int i = 0; i < 30; ++i) {
    SocketId busy = world.login();
    world.now += 12s;
    world.say(busy, "<presence xmlns='jabber:client'/>");
    world.now += 1s;
    world.cut(busy);
  }
  for (int i = 0; i < 30; ++i) {
    SocketId deaf = world.login();
    world.now += 12s;
    world.gateway.on_socket_event(deaf, ws::ConnectionGone{"client does not read", false});
  }
  CHECK(world.count(Counter::proxy_cut_age_seconds) == 0);
  for (int i = 0; i < 20; ++i) {
    SocketId silent = world.login("198.51.100." + std::to_string(i / 2));
    world.now += 8s;
    world.bring_message(world.server().id, "<message xmlns='jabber:client'/>");
    world.now += 12s;
    world.cut(silent);
  }
  CHECK(contains(captured.text(), "event=proxy.mismatch kind=websocket age=12 cuts=20 of=20 ping_interval=30 why="));
  CHECK(world.count(Counter::proxy_cut_age_seconds) == 12);
}

TEST_CASE("O-31: one client, however often it leaves, makes no peak and hides none; ten networks can make one") {
  nxb::testing::CapturedLog captured;
  Watched world;
  world.create_bosh(world.sid);
  cut_requests(world, 100, 20s);
  CHECK_FALSE(contains(captured.text(), "proxy.mismatch"));
  CutHistogram cuts;
  auto one = [](int number) { return Network::of("2001:db8::" + std::to_string(number)); };  // of one /64
  for (int i = 0; i < 500; ++i) CHECK_FALSE(cuts.cut(10s, kStart, one(i)));
  for (int i = 0; i < 19; ++i) CHECK_FALSE(cuts.cut(30s, kStart, Network::of("198.51.100." + std::to_string(i / 2))));
  auto peak = cuts.cut(30s, kStart, Network::of("198.51.100.9"));
  REQUIRE(peak);
  CHECK(peak->age == 30s);
  CHECK(peak->of == 22);
  CHECK_FALSE(cuts.cut(30s, kStart + CutHistogram::kWindow, Network::of("198.51.100.9")));  // counted anew
}

TEST_CASE("O-31: what is cut while nxb stops tells nothing") {
  nxb::testing::CapturedLog captured;
  Watched world;
  std::vector<SocketId> all;
  for (int i = 0; i < 30; ++i) all.push_back(world.login());
  world.now += 20s;
  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  world.now += 10s;
  for (SocketId id : all) world.cut(id);
  CHECK_FALSE(contains(captured.text(), "proxy.mismatch"));
}
