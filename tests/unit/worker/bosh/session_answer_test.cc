// tests/unit/worker/bosh/session_answer_test.cc - when a request is answered, and with what (XEP-0124 8; U-36).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

TEST_CASE("B-57 B-62 payloads go to the server at once; the held request is answered empty when wait runs out") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001, "<message/>"));
  CHECK(rig.only<Forward>().elements == "<message/>");
  CHECK(rig.only<Forward>().count == 1);
  rig.pass(54'999ms);
  CHECK_FALSE(rig.answer(held));
  rig.pass(1ms);
  CHECK(rig.text(held) == kEmpty);
  CHECK(rig.answer(held)->status == 200);
}

TEST_CASE("B-59 payloads answer the lowest open request at once; several stanzas share one answer") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001));
  rig.server(upstream::Arrived{{message("a"), message("b")}});
  CHECK(rig.text(held) == write_answer(message("a").bytes + message("b").bytes));
}

TEST_CASE("B-59 what came while no request was open answers the next one, in order") {
  Rig rig;
  rig.open();
  rig.says("a");
  rig.says("b");
  CHECK(rig.text(rig.post(body(1001))) == write_answer(message("a").bytes + message("b").bytes));
  RequestId next = rig.post(body(1002));
  CHECK_FALSE(rig.answer(next));
}

TEST_CASE("B-60 no more than hold requests wait: one more answers the oldest") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId first = rig.post(body(1001));
  rig.post(body(1002));
  CHECK(rig.actions.empty());
  RequestId third = rig.post(body(1003));
  CHECK(rig.text(first) == kEmpty);
  CHECK_FALSE(rig.answer(third));
}

TEST_CASE("B-61 wait=0 and hold=0 are answered at once, with payloads if there are any") {
  Rig rig;
  Body made = creation();
  SUBCASE("wait") { made.wait = 0; }
  SUBCASE("hold") { made.hold = 0; }
  rig.create(made);
  CHECK(rig.text(rig.post(body(1001))) == kEmpty);
  rig.says("x");
  CHECK(rig.actions.empty());
  rig.pass(5s);
  CHECK(rig.text(rig.post(body(1002))) == write_answer(message("x").bytes));
}

TEST_CASE("B-61 an early request waits from its arrival, not from its turn") {
  Rig rig;
  rig.open();
  RequestId early = rig.post(body(1002));
  rig.pass(20s);
  rig.post(body(1001));
  rig.pass(34'999ms);
  CHECK_FALSE(rig.answer(early));
  rig.pass(1ms);
  CHECK(rig.text(early) == kEmpty);
}

TEST_CASE("B-61 a repeated request waits from its repetition") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.pass(20s);
  RequestId again = rig.post(body(1001));
  rig.pass(54'999ms);
  CHECK_FALSE(rig.answer(again));
  rig.pass(1ms);
  CHECK(rig.text(again) == kEmpty);
}

TEST_CASE("B-61 with two held, one that is due answers the lower ones first (B-44)") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  rig.post(body(1001));
  rig.pass(10s);
  RequestId upper = rig.post(body(1002));
  rig.pass(10s);
  RequestId again = rig.post(body(1001));  // its own time starts anew, later than the upper one's
  rig.pass(45s);
  auto answers = rig.all<Respond>();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].to == again);
  CHECK(answers[1].to == upper);
}

TEST_CASE("U-36 above max_pending the server is not read until half of it is gone") {
  Rig rig;
  rig.limits.max_pending = 200;
  rig.open();
  rig.says(std::string(100, 'a'));
  CHECK(rig.actions.empty());
  rig.says(std::string(100, 'b'));
  CHECK_FALSE(rig.only<ReadServer>().on);
  rig.says("c");
  CHECK(rig.all<ReadServer>().empty());
  RequestId poll = rig.post(body(1001));
  CHECK(rig.answer(poll));
  CHECK(rig.only<ReadServer>().on);
}

TEST_CASE("B-99 B-100 restart starts a new stream and ignores its payloads; the new features are ordinary") {
  Rig rig;
  rig.open();
  Body made = body(1001, "<ignored/>");
  made.restart = true;
  RequestId held = rig.post(made);
  CHECK(rig.all<RestartStream>().size() == 1);
  CHECK(rig.all<Forward>().empty());
  rig.server(upstream::Opened{"U78", "1.0"});
  CHECK(rig.actions.empty());
  rig.server(upstream::Arrived{{kFeatures}});
  CHECK(rig.text(held) == write_answer(kFeatures.bytes));
}

TEST_CASE("B-101 success from the server restarts nothing") {
  Rig rig;
  rig.open();
  rig.server(upstream::Arrived{{{xmpp::Kind::Other, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"}}});
  CHECK(rig.all<RestartStream>().empty());
}

TEST_CASE("B-58 every valid request is answered 200 with a body, also in a session without ver") {
  Rig rig;
  std::size_t answers = 0;
  auto look = [&] {
    for (const Respond& respond : rig.all<Respond>()) {
      CAPTURE(respond.body);
      ++answers;
      CHECK(respond.status == 200);
      CHECK(respond.body.starts_with("<body xmlns='http://jabber.org/protocol/httpbind'"));
      CHECK((respond.body.ends_with("/>") || respond.body.ends_with("</body>")));
    }
  };
  auto post = [&](Body made) {
    rig.post(std::move(made));
    look();
  };
  Body made = creation();
  SUBCASE("with ver") {}
  SUBCASE("without") { made.ver.reset(); }
  rig.open(made);
  look();
  CHECK(answers == 1);
  post(body(1001));
  rig.says("news");
  look();
  CHECK(answers == 2);
  post(body(1002, "<iq/>"));
  rig.pass(55s);
  look();
  CHECK(answers == 3);
  post(body(1004));  // early
  post(body(1003));
  CHECK(answers == 4);
  Body restart = body(1005);
  restart.restart = true;
  post(restart);
  CHECK(answers == 5);
  post(body(1004));  // a repeat
  CHECK(answers == 6);
  post(terminate(1006));
  CHECK(answers == 8);
}

TEST_CASE("an idle session owns little: its empty answers cost no string") {
  CHECK(sizeof(KeptAnswer) <= 32);
  CHECK(sizeof(Stream) <= 64);
  CHECK(sizeof(Session) <= 480);
}

}  // namespace nxb::bosh
