// tests/unit/worker/upstream/streams_test.cc - whole streams against a scripted server in the same loop.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/upstream/streams_rig.h"

namespace nxb::upstream {
namespace {

using Rig = StreamsRig;

TEST_CASE("U-03 U-18 B-28 C-65 a plain stream: header, features, what waited, then stanzas both ways") {
  Rig rig;
  Upstream& up = rig.open("Example.ORG.");
  up.send("<auth/>");
  REQUIRE(rig.heard("<auth/>"));
  CHECK(rig.server.heard.find("<stream:stream to='example.org' version='1.0'") != std::string::npos);
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  rig.server.say("<message>hi</message>");
  REQUIRE(rig.turns.until([&] { return rig.ears.log.find("hi") != std::string::npos; }));
  CHECK(rig.streams->size() == 1);
  CHECK(rig.counters.get(Counter::streams) == 1);
  CHECK(rig.counters.get(Counter::streams_requested) == 1);
  CHECK(rig.counters.get(Counter::streams_opened) == 1);
  CHECK(rig.counters.get(Counter::bytes_to_servers) == rig.server.heard.size());
  CHECK(rig.counters.get(Counter::bytes_from_servers) == kHeader.size() + kFeatures.size() + 21);
  CHECK(rig.deadlines.size() == 0);  // an idle stream waits for nothing
  rig.streams->drop(StreamId{7});
  rig.streams->drop(StreamId{7});
  CHECK(rig.streams->size() == 0);
  CHECK(rig.counters.get(Counter::streams) == 0);
}

TEST_CASE(
    "B-99 U-29 C-45 a restart, with attributes of the client's, on the same connection; what comes meanwhile waits") {
  auto script = Rig::plain_script();
  script.push_back({"xmlns:stream", kSecond + kFeatures});
  Rig rig(script);
  Upstream& up = rig.run();
  up.restart(R"({"zone": "a"})");
  up.send("<after/>");
  REQUIRE(rig.heard("<after/>"));
  CHECK(rig.server.accepted == 1);
  CHECK(rig.server.heard.find(" zone='a'") != std::string::npos);
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " O:s2/1.0 A:" + kSeen + " ");
}

TEST_CASE("U-30 a graceful close waits for the server's end tag") {
  auto script = Rig::plain_script();
  script.push_back({kEnd, kEnd});
  Rig rig(script);
  Upstream& up = rig.run();
  up.close(Parting::ClientClosed, {});
  CHECK_FALSE(rig.ears.closed);
  REQUIRE(rig.until_closed());
  CHECK((rig.ears.end.condition == bosh::Condition::None));
  CHECK(rig.turns.until([&] { return rig.server.ended; }));
  CHECK(rig.counters.get(Counter::streams_failed) == 0);
}

TEST_CASE("U-30 a server that does not answer the close is left after five seconds") {
  Rig rig;
  Upstream& up = rig.run();
  Instant before = rig.turns.loop.now();
  up.close(Parting::ClientLost, {});
  REQUIRE(rig.until_closed(30s));
  CHECK(rig.turns.loop.now() - before >= 4900ms);
}

TEST_CASE("U-58 B-103 D-55 a client lost on a resumable stream: the connection just goes") {
  Rig rig;
  Upstream& up = rig.run();
  rig.server.say("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
  REQUIRE(rig.turns.until([&] { return rig.ears.log.find("enabled") != std::string::npos; }));
  up.close(Parting::ClientLost, {{xmpp::Kind::Message, "<message xmlns='jabber:client' from='a@b'/>"}});
  CHECK(rig.ears.closed);
  REQUIRE(rig.turns.until([&] { return rig.server.ended; }));
  CHECK(rig.server.heard.find(kEnd) == std::string::npos);
  CHECK(rig.server.heard.find("recipient-unavailable") == std::string::npos);
}

TEST_CASE("B-103 otherwise undelivered stanzas bounce before the end tag") {
  Rig rig;
  Upstream& up = rig.run();
  up.close(Parting::ClientLost, {{xmpp::Kind::Message, "<message xmlns='jabber:client' from='a@b'/>"}});
  REQUIRE(rig.heard(kEnd));
  CHECK(rig.server.heard.find("recipient-unavailable") < rig.server.heard.find(kEnd));
}

TEST_CASE("U-31 U-67 the server closes: stanzas first, our end tag, no condition") {
  Rig rig;
  rig.run();
  rig.server.say("<message/>" + kEnd);
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " A:<message xmlns='jabber:client'/> C: ");
  CHECK(rig.heard(kEnd));
}

TEST_CASE("U-66 U-68 U-69 what the client is told when the server fails") {
  struct Row {
    const char* say;
    Then then;
    const char* condition;
  };
  const Row rows[] = {
      {"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", Then::Nothing,
       "remote-stream-error"},
      {"<a></b>", Then::Nothing, "remote-connection-failed"},
      {"<!-- x -->", Then::Nothing, "remote-connection-failed"},
      {"<message/>", Then::Fin, "remote-connection-failed"},
      {"<message/>", Then::Drop, "remote-connection-failed"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.say));
    auto script = Rig::plain_script();
    script.push_back({"<go/>", row.say, row.then});
    Rig rig(script);
    rig.run().send("<go/>");
    REQUIRE(rig.until_closed());
    CHECK(bosh::wire_name(rig.ears.end.condition) == row.condition);
    CHECK(rig.ears.end.stream_error.empty() != (std::string_view(row.condition) == "remote-stream-error"));
    CHECK(rig.counters.get(Counter::streams_failed) == 1);
    bool delivered = rig.ears.log.find("<message") != std::string::npos;
    CHECK(delivered == (std::string_view(row.say) == "<message/>"));
  }
}

TEST_CASE("U-17 D-54 a client that goes meanwhile cancels everything, at once") {
  Rig rig;
  rig.responder.zone[{"silent.example", test::kA}].silent = true;
  rig.responder.zone[{"silent.example", test::kAaaa}].silent = true;
  Upstream& looking = rig.open("silent.example");
  REQUIRE(rig.turns.until([&] { return rig.responder.questions > 0; }));
  looking.close(Parting::ClientLost, {});
  CHECK(rig.ears.closed);
  CHECK(rig.deadlines.size() == 0);
  Rig connecting;
  connecting.open().close(Parting::ClientLost, {});
  CHECK(connecting.ears.closed);
  Rig dropped;  // a shutdown: dropped without a goodbye, tables destroyed before the loop's turn ends
  dropped.open();
  dropped.streams->drop(StreamId{7});
  dropped.streams.reset();
  CHECK(dropped.deadlines.size() == 0);
}

TEST_CASE("D-54 U-17 a client that goes during the look-up: its answer is not dialled any more") {
  Rig rig;
  rig.config.upstream.domain[0].target = "later.example:" + rig.port();
  rig.responder.zone[{"later.example", test::kA}].addresses = {"127.0.0.1"};
  Upstream& up = rig.open();
  REQUIRE(rig.turns.until([&] { return rig.responder.questions > 0; }));
  up.close(Parting::ClientLost, {});
  CHECK(rig.ears.log == "C: ");
  bool answered = false;  // a whole round trip through the same loop later the answer is long here
  auto resolver = *dns::Resolver::make(rig.turns.loop, {rig.responder.address()}, rig.counters);
  resolver->lookup("other.example", 1, [&](const dns::Answer&) { answered = true; });
  REQUIRE(rig.turns.until([&] { return answered; }));
  CHECK(rig.server.accepted == 0);
}

TEST_CASE("H-44 U-36 U-70 a server that does not read ends the stream with policy-violation, and memory is bounded") {
  Rig rig;
  Upstream& up = rig.run();
  rig.server.stream->pause(uv::PauseReason::Busy);
  std::string big = "<message>" + std::string(1 << 20, 'x') + "</message>";
  for (int i = 0; i < 64 && !rig.ears.closed; ++i) up.send(big);
  CHECK(rig.ears.closed);
  CHECK(rig.ears.end.condition == bosh::Condition::PolicyViolation);
}

TEST_CASE("U-36 a client that does not collect: the server is not read, and nothing is lost") {
  Rig rig;
  Upstream& up = rig.run();
  up.set_reading(false);
  rig.server.say("<message>one</message>");
  bool answered = false;  // a whole round trip through the same loop later it would have come
  auto resolver = *dns::Resolver::make(rig.turns.loop, {rig.responder.address()}, rig.counters);
  resolver->lookup("later.example", 1, [&](const dns::Answer&) { answered = true; });
  REQUIRE(rig.turns.until([&] { return answered; }));
  CHECK(rig.ears.log.find("one") == std::string::npos);
  up.set_reading(true);
  CHECK(rig.turns.until([&] { return rig.ears.log.find("one") != std::string::npos; }));
}

TEST_CASE("the session may call back from within an event") {
  auto script = Rig::plain_script();
  script.push_back({"<b/>", "<message/>"});
  script.push_back({kEnd, kEnd});
  Rig rig(script);
  Upstream* up = nullptr;
  rig.ears.on_event = [&](const Event& event) {
    if (std::get_if<Opened>(&event)) up->send("<a/>");
    if (auto* arrived = std::get_if<Arrived>(&event)) {
      if (arrived->stanzas[0].kind == xmpp::Kind::Features) up->send("<b/>");
      if (arrived->stanzas[0].kind == xmpp::Kind::Message) up->close(Parting::ClientClosed, {});
    }
    if (std::get_if<Closed>(&event)) rig.streams->drop(StreamId{7});
  };
  up = &rig.open();
  up->send("<first/>");
  REQUIRE(rig.until_closed());
  CHECK(rig.server.heard.find("<first/><a/><b/></stream:stream>") != std::string::npos);
  CHECK(rig.streams->size() == 0);
}

TEST_CASE("H-44 U-70 a client that floods before the stream is usable") {
  Rig rig;
  rig.config.bosh.max_data_held = 100;
  rig.open().send(std::string(101, 'x'));
  CHECK(rig.ears.log == "C:policy-violation ");
}

TEST_CASE("an idle plain stream is small") {
  Rig rig;
  rig.run();
  CHECK(sizeof(XmppConnection) <= 600);
  CHECK(rig.pool.lent() == 0);
}

}  // namespace
}  // namespace nxb::upstream
