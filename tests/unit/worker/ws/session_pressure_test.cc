// tests/unit/worker/ws/session_pressure_test.cc - a server that does not take what the client says: the client is not read.
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::ws {

TEST_CASE("U-36 W-26 a client whose server does not take is not read, until it does; each is said once") {
  Rig rig;
  rig.open();
  CHECK(rig.server(upstream::Congested{true}) == "ReadClient off\n");
  CHECK(rig.server(upstream::Congested{true}).empty());
  CHECK(rig.server(upstream::Congested{false}) == "ReadClient on\n");
  CHECK(rig.server(upstream::Congested{false}).empty());
  CHECK(rig.says("<message xmlns='jabber:client'/>") == "Forward 1 <message xmlns='jabber:client'/>\n");
}

TEST_CASE("U-36 W-25 silence that we cause is none: pings go on, nobody is lost, and time begins anew after it") {
  Rig rig;
  rig.open();
  SUBCASE("from the beginning") {}
  SUBCASE("though the last sign of life was asked for") { rig.pass(62s); }
  rig.server(upstream::Congested{true});
  std::string said = rig.pass(10min);
  CHECK(said.find("Ended") == std::string::npos);
  CHECK(said.find("Ping") != std::string::npos);
  CHECK(rig.server(upstream::Congested{false}) == "ReadClient on\n");
  CHECK(rig.pass(59s).find("Ended") == std::string::npos);
  CHECK(rig.pass(10s).find("Ended no pong") != std::string::npos);
}

TEST_CASE("U-36 W-24 pings that waited meanwhile come all at once, and are answered") {
  Rig rig;
  rig.open();
  rig.server(upstream::Congested{true});
  rig.pass(10s);
  rig.server(upstream::Congested{false});
  for (int i = 0; i < 200; ++i) REQUIRE(rig.feed(PingArrived{"p"}) == "Pong p\n");
  std::string more;
  for (int i = 0; i < 200 && rig.ended == 0; ++i) more += rig.feed(PingArrived{"p"});
  CHECK(more.find("Close 1008") != std::string::npos);
}

TEST_CASE("U-36 U-70 W-43 at its end the client is heard again: it owes a goodbye") {
  Rig rig;
  rig.open();
  rig.server(upstream::Congested{true});
  SUBCASE("the stream ends for it") {
    std::string said = rig.server(upstream::Closed{bosh::Condition::PolicyViolation, {}, "untaken"});
    CHECK(said.find("ReadClient on") != std::string::npos);
    CHECK(said.find(stream_error("policy-violation")) != std::string::npos);
  }
  SUBCASE("the worker stops") { CHECK(rig.feed(ShutDown{}).find("ReadClient on") != std::string::npos); }
  CHECK(rig.session.state() == State::Closing);
}

TEST_CASE("W-26 U-36 both slow: each is not read for the reason of its own") {
  Rig rig;
  rig.open();
  CHECK(rig.server(upstream::Congested{true}) == "ReadClient off\n");
  CHECK(rig.feed(Unsent{kSlowAbove + 1}) == "ReadServer off\n");
  CHECK(rig.server(upstream::Congested{false}) == "ReadClient on\n");
  CHECK(rig.feed(Unsent{0, true}) == "ReadServer on\n");
}

}  // namespace nxb::ws
