// tests/unit/worker/upstream/external_test.cc - streams of the operator's own program, over a real socket.
// SPDX-License-Identifier: MIT
#include "tests/support/captured_log.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/upstream/program_rig.h"

namespace nxb::upstream {
namespace {

using stats::Counter;
using Condition = bosh::Condition;
using testing::contains;

TEST_CASE(
    "C-66 C-73 C-69 C-74 O-23 a stream is added, and how long that took is counted; elements pass as they are, both "
    "ways") {
  ProgramRig rig;
  rig.begin();
  CHECK(rig.heard("{\"type\":\"hello\",\"version\":1,\"worker\":2}\n"));
  Upstream& up = rig.open(4, "EXAMPLE.org.");
  CHECK(rig.heard("{\"type\":\"stream-add\",\"stream\":4,\"to\":\"example.org\""));
  rig.say("stream-added", 4,
          R"(,"id":"s1","lang":"de","features":"<stream:features><a xmlns='urn:a'/></stream:features>")");
  REQUIRE(rig.until(4, "A:"));
  CHECK(rig.ears[4].log ==
        "O:s1/1.0 A:<stream:features xmlns:stream='http://etherx.jabber.org/streams'><a "
        "xmlns='urn:a'/></stream:features> ");
  CHECK(rig.ears[4].header.from == "example.org");
  CHECK(rig.ears[4].header.lang == "de");
  CHECK(rig.counters.get(Counter::streams_opened) == 1);
  CHECK(test::set_ups(rig.slot) == 1);
  up.send("<message xmlns='jabber:client' to=\"a\"/><iq/>");
  CHECK(rig.heard(
      R"({"type":"nodes","stream":4,"elements":["<message xmlns='jabber:client' to=\"a\"/>","<iq xmlns='jabber:client'/>"]})"));
  rig.say(
      "response", 4,
      R"(,"elements":["<message xmlns='jabber:client'><body>\u00e4 &amp;</body></message>","<r xmlns='urn:xmpp:sm:3'/>"])");
  CHECK(rig.until(
      4, "A:<message xmlns='jabber:client'><body>\xc3\xa4 &amp;</body></message> A:<r xmlns='urn:xmpp:sm:3'/> "));
}

TEST_CASE("B-28 U-29 what a client sends too early waits for stream-added and stream-restarted, in order and bounded") {
  ProgramRig rig;
  rig.config.bosh.max_data_held = 100;
  rig.begin();
  Upstream& up = rig.open(1);
  up.send("<early/>");
  rig.say("stream-added", 1);
  REQUIRE(rig.until(1, "O:"));
  REQUIRE(rig.heard("<early xmlns"));
  up.restart(R"({"a":"b","to":"elsewhere"})");
  up.send("<second/>");
  REQUIRE(rig.heard(R"({"type":"stream-restart","stream":1,"attrs":{"a":"b"}})"));
  CHECK(rig.program->heard.find("<second") == std::string::npos);
  rig.say("stream-restarted", 1, R"(,"id":"s2","from":"other.example")");
  REQUIRE(rig.until(1, "O:s2/1.0"));
  CHECK(rig.ears[1].header.from == "other.example");  // C-76
  CHECK(rig.heard("<second xmlns"));
  up.restart({});
  up.send("<a>" + std::string(100, 'x') + "</a>");
  CHECK(rig.ears[1].end.condition == Condition::PolicyViolation);
  CHECK(rig.heard(R"({"type":"stream-terminate","stream":1,"why":"failed"})"));
}

TEST_CASE("C-67 C-70 C-71 U-58 a stream let go: what nobody collected, and why; answers that were acknowledged") {
  ProgramRig rig;
  rig.begin();
  Upstream& lost = rig.add(1);
  Upstream& closed = rig.add(2);
  lost.acknowledged(3);
  lost.close(Parting::ClientLost, {{xmpp::Kind::Message, "<message id='m1'/>"}, {xmpp::Kind::Iq, "<iq/>"}});
  closed.close(Parting::ClientClosed, {});
  CHECK(rig.ears[1].log + rig.ears[2].log == "C: C: ");
  REQUIRE(rig.heard(R"("stream":2,"why":"closed"})"));
  CHECK(rig.program->heard.find(R"({"type":"response-acknowledged","stream":1,"count":3}
{"type":"no-client","stream":1,"elements":["<message id='m1'/>","<iq/>"]}
{"type":"stream-terminate","stream":1,"why":"lost"}
{"type":"stream-terminate","stream":2,"why":"closed"}
)") != std::string::npos);
  CHECK(rig.streams->size() == 0);
  rig.say("response", 1, R"(,"elements":["<late/>"])");  // crossed with the end: no mistake
  rig.add(3);
}

TEST_CASE(
    "C-70 U-36 many sessions that end at once do not cost the others their program: what does not fit is left out") {
  ProgramRig rig;
  rig.config.external.max_pending = 1 << 20;
  rig.begin();
  constexpr std::uint64_t kSessions = 12;
  for (std::uint64_t id = 1; id <= kSessions + 1; ++id) rig.add(id);
  const xmpp::Stanza large{xmpp::Kind::Message, "<message>" + std::string(300'000, '\\') + "</message>"};
  for (std::uint64_t id = 1; id <= kSessions; ++id)
    rig.streams->find(StreamId{id})->close(Parting::ClientLost, {large});
  REQUIRE(rig.heard(R"({"type":"stream-terminate","stream":12,"why":"lost"})"));
  CHECK(rig.program->heard.find(R"({"type":"no-client","stream":1,)") != std::string::npos);
  CHECK(rig.program->heard.find(R"({"type":"no-client","stream":12,)") == std::string::npos);
  CHECK(rig.ears[kSessions + 1].log.find("C:") == std::string::npos);
}

TEST_CASE("C-75 U-67 U-68 the program ends a stream: as it likes, or with an error of the stream") {
  ProgramRig rig;
  rig.begin();
  for (std::uint64_t id : {1, 2, 3, 4}) rig.add(id);
  rig.say("terminate", 1, R"(,"condition":null)");
  rig.say("terminate", 2, R"(,"condition":"host-gone")");
  rig.say("terminate", 3,
          R"(,"error":"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")");
  rig.say("response", 4, R"(,"elements":["<message/>","<stream:error/>","<iq/>"])");  // U-32
  REQUIRE(rig.until(4, "C:"));
  CHECK(rig.ears[1].log == "C: ");
  CHECK(rig.ears[2].log == "C:host-gone ");
  CHECK(rig.ears[3].log == "C:remote-stream-error ");
  CHECK(rig.ears[3].end.stream_error ==
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
        "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  CHECK(rig.ears[4].log == "A:<message xmlns='jabber:client'/> C:remote-stream-error ");
  CHECK(rig.program->heard.find("stream-terminate") == std::string::npos);
}

TEST_CASE("C-74 U-69 what is wrong for one stream ends that stream with internal-server-error, and no other") {
  ProgramRig rig;
  rig.begin();
  for (std::uint64_t id : {1, 2, 3, 4, 5, 9}) rig.add(id);
  rig.open(6);
  rig.open(7);
  rig.say("response", 1, R"(,"elements":["<a/>","<b>"])");
  rig.say("stream-added", 2);
  rig.say("stream-restarted", 3);
  rig.say("terminate", 4, R"(,"error":"<conflict/>")");
  rig.say("response", 5, R"(,"elements":["<a/><b/>"])");
  rig.say("response", 6, R"(,"elements":["<a/>"])");
  rig.say("stream-added", 7, R"(,"features":"<features/>")");
  REQUIRE(rig.until(7, "C:"));
  CHECK(rig.ears[1].log == "A:<a xmlns='jabber:client'/> C:internal-server-error ");
  CHECK(rig.ears[1].end.why == "the program: element 1 of response is not complete");
  for (std::uint64_t id : {2, 3, 4, 5, 6, 7}) {
    CAPTURE(id);
    CHECK(rig.ears[id].log == "C:internal-server-error ");
    CHECK(rig.heard("\"stream-terminate\",\"stream\":" + std::to_string(id) + ",\"why\":\"failed\""));
  }
  CHECK(rig.counters.get(Counter::errors) == 7);
  rig.say("response", 9, R"(,"elements":["<fine/>"])");
  CHECK(rig.until(9, "A:<fine"));
}

TEST_CASE("C-74 W-46 a program's element that would open, close or redirect the client's own stream ends the stream") {
  ProgramRig rig;
  rig.begin();
  Upstream& up = rig.add(1);
  CHECK(up.target() == "unix:" + rig.config.external.socket);
  rig.say(
      "response", 1,
      R"(,"elements":["<a/>","<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://e.example/'/>"])");
  REQUIRE(rig.until(1, "C:"));
  CHECK(rig.ears[1].log == "A:<a xmlns='jabber:client'/> C:internal-server-error ");
}

TEST_CASE("U-36 a client that does not collect: the program is told to pause, and what it says anyway is bounded") {
  ProgramRig rig;
  rig.begin();
  Upstream& up = rig.add(1);
  up.set_reading(false);
  up.set_reading(false);
  REQUIRE(rig.heard(R"({"type":"pause","stream":1})"));
  rig.say("response", 1, R"(,"elements":["<kept/>"])");
  rig.add(2);  // so that it was taken
  CHECK(rig.ears[1].log.empty());
  up.set_reading(true);
  CHECK(rig.ears[1].log == "A:<kept xmlns='jabber:client'/> ");
  REQUIRE(rig.heard(R"({"type":"resume","stream":1})"));
  up.set_reading(false);
  std::string big = R"(,"elements":["<a>)" + std::string(400'000, 'x') + R"(</a>"])";
  for (int i = 0; i < 2; ++i) rig.say("response", 1, big);
  rig.say("terminate", 2, "");
  REQUIRE(rig.until(2, "C:"));
  CHECK_FALSE(rig.ears[1].closed);
  rig.say("response", 1, big);
  REQUIRE(rig.until(1, "C:"));
  CHECK(rig.ears[1].end.condition == Condition::PolicyViolation);
}

TEST_CASE("U-01 U-02 U-63 the policy comes first: the program does not hear of a domain that is refused") {
  ProgramRig rig;
  rig.config.upstream.deny = {".evil.example"};
  rig.begin();
  rig.open(1, "x.evil.example");
  rig.open(2, "a b");
  CHECK(rig.ears[1].log == "C:host-unknown ");
  CHECK(rig.ears[2].log == "C:improper-addressing ");
  CHECK((rig.ears[1].end.stage == Stage::Policy));
  rig.add(3);
  CHECK(rig.program->heard.find("evil") == std::string::npos);
}

TEST_CASE("U-17 a program that does not answer: remote-connection-failed after setup_timeout, adding and restarting") {
  ProgramRig rig;
  rig.config.upstream.setup_timeout = Duration{1500};
  rig.begin();
  Upstream& up = rig.add(1);
  rig.open(2);
  up.restart({});
  REQUIRE(rig.until(1, "C:remote-connection-failed"));
  REQUIRE(rig.until(2, "C:remote-connection-failed"));
  CHECK(rig.heard(R"("stream":2,"why":"failed")"));
  CHECK(rig.deadlines.size() == 0);
}

std::string way_to(const ProgramRig& rig) { return "unix:" + rig.config.external.socket; }

TEST_CASE("C-66 C-75 U-66 each stream of a program that fails leaves one line, whoever ended it and however") {
  ProgramRig rig;
  rig.config.upstream.deny = {"denied.example"};
  testing::CapturedLog log;
  rig.begin();
  const std::string way = " target=" + way_to(rig) + " address=" + way_to(rig) + " client=192.0.2.7 condition=";
  auto line = [&](int id, const std::string& stage, const std::string& rest) {
    std::string begin = "event=stream.failed sid=session-" + std::to_string(id) + " domain=example.org stage=" + stage;
    return contains(log.text(), begin + way + rest);
  };
  rig.open(1, "denied.example");
  CHECK(contains(log.text(), " sid=session-1 domain=denied.example stage=policy target=\"\" address=\"\" "));
  for (std::uint64_t id : {2, 3, 4, 5, 6}) rig.add(id);
  rig.say("terminate", 2, R"(,"condition":"host-gone")");
  rig.say("terminate", 3,
          R"(,"error":"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")");
  rig.say("terminate", 4, R"(,"condition":null)");
  REQUIRE(rig.until(4, "C:"));
  CHECK(line(2, "stream", "host-gone why=\"ended by the program\"\n"));
  CHECK(line(3, "stream", "remote-stream-error why=\"ended by the program: conflict\"\n"));
  CHECK_FALSE(contains(log.text(), "sid=session-4"));  // not a failure
  rig.open(7);
  rig.program.reset();
  REQUIRE(rig.until(5, "C:"));
  CHECK(line(5, "stream", "remote-connection-failed why=\"the program: "));
  CHECK(line(6, "stream", "remote-connection-failed why=\"the program: "));
  CHECK(line(7, "tcp", "remote-connection-failed why=\"the program: "));
  rig.open(8);
  CHECK(line(8, "tcp", "remote-connection-failed why=\"the program is not there\"\n"));
  CHECK(rig.counters.get(Counter::streams_failed) == 7);
  CHECK(rig.counters.get(Counter::streams_failed_policy) == 1);
  CHECK(rig.counters.get(Counter::streams_failed_tcp) == 2);
  CHECK(rig.counters.get(Counter::streams_failed_stream) == 4);
}

}  // namespace
}  // namespace nxb::upstream
