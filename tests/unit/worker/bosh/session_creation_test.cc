// tests/unit/worker/bosh/session_creation_test.cc - how a session begins (XEP-0124 7, XEP-0206 4).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

// The creation answer that the session is expected to have written for creation().
CreationAnswer expected() {
  CreationAnswer answer;
  answer.sid = "sid";
  answer.from = "a.example";
  answer.wait = 55;
  answer.hold = 1;
  answer.requests = 2;
  answer.inactivity = 70;
  answer.maxpause = 120;
  answer.stream = stream_name("sid", 1);
  answer.ver = {1, 6};
  answer.authid = "U77";
  answer.xmpp_version = "1.0";
  return answer;
}

// The creation answer for a request, by way of a session that got features.
std::string granted(Body made) {
  Rig rig;
  RequestId id = rig.create(std::move(made));
  if (auto answer = rig.answer(id)) return answer->body;
  rig.server(upstream::Opened{"U77", "1.0"});
  rig.server(upstream::Arrived{{kFeatures}});
  return rig.text(id);
}

}  // namespace

TEST_CASE("B-15 a session opens its stream first, then forwards what the creation request brought (B-24, B-27, B-28)") {
  Rig rig;
  Body made = creation();
  made.lang = "en";
  made.from = "u@a.example";
  made.payloads = "<auth/>";
  made.payload_count = 1;
  rig.create(made);
  REQUIRE(rig.actions.size() == 2);
  auto* open = std::get_if<OpenStream>(&rig.actions[0]);
  REQUIRE(open);
  CHECK(open->spec.domain == "a.example");
  CHECK(open->spec.lang == "en");
  CHECK(open->spec.from == "u@a.example");
  CHECK(open->spec.xmpp_version == "1.0");
  CHECK(rig.only<Forward>().elements == "<auth/>");
}

TEST_CASE("B-35 the creation answer waits for the features and brings authid and version (B-30)") {
  Rig rig;
  RequestId id = rig.create();
  CHECK(rig.session->state() == State::Opening);
  rig.server(upstream::Opened{"U77", "1.0"});
  CHECK_FALSE(rig.answer(id));
  rig.server(upstream::Arrived{{kFeatures}});
  CHECK(rig.text(id) == write_creation(expected(), kFeatures.bytes));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-35 without features for features_hold the creation is answered without; they follow with the news") {
  Rig rig;
  RequestId id = rig.create();
  rig.pass(9'999ms);
  CHECK_FALSE(rig.answer(id));
  rig.pass(1ms);
  CreationAnswer bare = expected();
  bare.authid = bare.xmpp_version = "";
  CHECK(rig.text(id) == write_creation(bare, {}));

  RequestId poll = rig.post(body(1001));
  rig.server(upstream::Opened{"U77", "1.0"});
  CHECK_FALSE(rig.answer(poll));
  rig.server(upstream::Arrived{{kFeatures}});
  Heading news;
  news.features = true;
  news.authid = "U77";
  news.xmpp_version = "1.0";
  CHECK(rig.text(poll) == write_answer(news, kFeatures.bytes));
  RequestId next = rig.post(body(1002));
  rig.says("later");
  CHECK(rig.text(next) == write_answer(message("later").bytes));
}

TEST_CASE("B-35 a wait shorter than features_hold bounds the creation answer") {
  Rig rig;
  Body made = creation();
  made.wait = 3;
  RequestId id = rig.create(made);
  rig.pass(2'999ms);
  CHECK_FALSE(rig.answer(id));
  rig.pass(1ms);
  CHECK(rig.answer(id));
}

TEST_CASE("B-35 wait=0 or hold=0 is answered at once") {
  Rig rig;
  Body made = creation();
  SUBCASE("wait") { made.wait = 0; }
  SUBCASE("hold") { made.hold = 0; }
  CHECK(rig.answer(rig.create(made)));
}

TEST_CASE("U-22 a server older than features is ready at its header") {
  Rig rig;
  RequestId id = rig.create();
  rig.server(upstream::Opened{"U1", ""});
  CHECK(holds(rig.text(id), "authid='U1'"));
}

TEST_CASE("B-19 B-20 B-21 B-22 B-72 C-39 C-40 C-41 C-42 C-43 D-19 grants never exceed what was asked or allowed") {
  Body made = creation();
  CreationAnswer answer = expected();
  SUBCASE("wait below the cap") { made.wait = 54, answer.wait = 54; }
  SUBCASE("wait at the cap") { made.wait = 55, answer.wait = 55; }
  SUBCASE("wait above the cap") { made.wait = 56, answer.wait = 55; }
  SUBCASE("no wait") { made.wait.reset(), answer.wait = 55; }
  SUBCASE("hold 2") { made.hold = 2, answer.hold = 2, answer.requests = 3; }
  SUBCASE("hold 3") { made.hold = 3, answer.hold = 2, answer.requests = 3; }
  SUBCASE("no hold") { made.hold.reset(); }
  SUBCASE("ver 1.10 is newer than 1.6") { made.ver = Version{1, 10}, answer.ver = {1, 10}; }
  SUBCASE("ver 1.12 is capped") { made.ver = Version{1, 12}, answer.ver = {1, 11}; }
  SUBCASE("ver 2.0 is capped") { made.ver = Version{2, 0}, answer.ver = {1, 11}; }
  SUBCASE("ver 1.5 stays") { made.ver = Version{1, 5}, answer.ver = {1, 5}; }
  SUBCASE("no ver") { made.ver.reset(), answer.ver = {1, 6}; }
  SUBCASE("inactivity below the default") { made.inactivity = 69, answer.inactivity = 70; }
  SUBCASE("inactivity in between") { made.inactivity = 71, answer.inactivity = 71; }
  SUBCASE("inactivity above the most") { made.inactivity = 161, answer.inactivity = 160; }
  SUBCASE("from is echoed as to") { made.from = "u@a.example", answer.to = "u@a.example"; }
  CHECK(granted(made) == write_creation(answer, kFeatures.bytes));
}

TEST_CASE(
    "B-19 B-20 B-31 B-78 D-18 D-20 wait=0 and hold=0 stay 0; such a session polls, and is told how often and how "
    "seldom") {
  Body made = creation();
  CreationAnswer answer = expected();
  answer.authid = answer.xmpp_version = "";
  answer.polling = 5;
  answer.inactivity = 80;
  SUBCASE("wait") { made.wait = 0, answer.wait = 0; }
  SUBCASE("hold") { made.hold = 0, answer.hold = 0, answer.requests = 1; }
  CHECK(granted(made) == write_creation(answer, {}));
}

TEST_CASE("B-36 the server fails before the creation answer: a terminate without sid, and no CloseStream") {
  Rig rig;
  RequestId id = rig.create();
  rig.server(upstream::Closed{Condition::HostUnknown, "", "no address"});
  CHECK(rig.text(id) == write_terminate(Condition::HostUnknown));
  CHECK(rig.all<CloseStream>().empty());
  CHECK(rig.only<Ended>().condition == Condition::HostUnknown);
}

TEST_CASE("B-33 B-39 what was not asked for is not in the creation answer: no ack, no secure, no polling (B-31)") {
  const std::string start =
      "<body xmlns='http://jabber.org/protocol/httpbind' rid='1000' to='a.example' wait='60' hold='1' ver='1.6'";
  std::string more;
  SUBCASE("not asked for") {}
  SUBCASE("secure is not interpreted, nor is a stream's name") { more = " secure='true' stream='one'"; }
  xml::Pool pool;
  auto made = parse_body(pool, start + more + "/>");
  REQUIRE(static_cast<bool>(made));
  const std::string said = granted(*std::move(made));
  const std::string tag = said.substr(0, said.find('>'));
  CAPTURE(tag);
  CHECK(holds(tag, " sid='sid'"));
  for (const char* name : {" ack=", " polling=", " secure="}) CHECK_FALSE(holds(tag, name));
}

TEST_CASE("B-47 the creation answer is kept like any other") {
  Rig rig;
  RequestId first = rig.create();
  rig.server(upstream::Opened{"U77", "1.0"});
  rig.server(upstream::Arrived{{kFeatures}});
  std::string said = rig.text(first);
  CHECK(rig.text(rig.post(body(1000))) == said);
}

TEST_CASE("a client that leaves before the creation answer ends the session: nobody knows its sid") {
  Rig rig;
  RequestId id = rig.create();
  rig.gone(id);
  CHECK(rig.session->state() == State::Forgotten);
  CHECK(rig.only<CloseStream>().parting == upstream::Parting::ClientLost);
  CHECK(rig.all<Ended>().size() == 1);
}

TEST_CASE("B-106 a session without ver hears HTTP statuses, others 200") {
  Rig rig;
  Body made = creation();
  int status = 200;
  SUBCASE("legacy") { made.ver.reset(), status = 404; }
  SUBCASE("not") {}
  rig.open(made);
  CHECK(rig.answer(rig.post(body(1009)))->status == status);
  CHECK(rig.answer(rig.post(body(1001)))->status == status);
}

}  // namespace nxb::bosh
