// tests/unit/worker/bosh/session_order_test.cc - rids in order, early, repeated, refused (XEP-0124 14).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

TEST_CASE("B-43 B-44 the example of the specification: order and duplicates, step by step") {
  Rig rig;
  rig.open(creation(7003));
  RequestId r4 = rig.post(body(7004));
  CHECK_FALSE(rig.answer(r4));
  RequestId r5 = rig.post(body(7005, "<message/>"));
  CHECK(rig.text(r4) == kEmpty);
  CHECK(rig.only<Forward>().elements == "<message/>");
  RequestId r7 = rig.post(body(7007, "<late/>"));
  CHECK(rig.actions.empty());
  rig.says("t3");
  CHECK(rig.text(r5) == write_answer(message("t3").bytes));
  CHECK_FALSE(rig.answer(r7));
  RequestId r6 = rig.post(body(7006, "<early/>"));
  auto forwarded = rig.all<Forward>();
  REQUIRE(forwarded.size() == 2);
  CHECK(forwarded[0].elements == "<early/>");
  CHECK(forwarded[1].elements == "<late/>");
  CHECK(rig.text(r6) == kEmpty);
  CHECK_FALSE(rig.answer(r7));
  RequestId again7 = rig.post(body(7007, "<late/>"));
  CHECK(rig.text(r7) == write_recoverable_error());
  CHECK_FALSE(rig.answer(again7));
  CHECK(rig.all<Forward>().empty());
  RequestId again5 = rig.post(body(7005, "<message/>"));
  CHECK(rig.text(again5) == write_answer(message("t3").bytes));
  CHECK(rig.only<Respond>().replay);
  RequestId r10 = rig.post(body(7010));
  CHECK(rig.text(r10) == write_terminate(Condition::ItemNotFound));
  CHECK(rig.text(again7) == write_terminate(Condition::OtherRequest));
  CHECK(rig.session->state() == State::Ended);
}

TEST_CASE("B-43 an early restart, terminate or payload has no effect before its turn") {
  Rig rig;
  rig.open();
  Body made = body(1002, "<x/>");
  SUBCASE("payload") {}
  SUBCASE("restart") { made.restart = true; }
  SUBCASE("terminate") { made.terminate = true; }
  rig.post(made);
  CHECK(rig.actions.empty());
  rig.post(body(1001));
  CHECK_FALSE(rig.actions.empty());
}

TEST_CASE("B-43 several early requests take their turns in the order of their rids") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  SUBCASE("falling") {
    rig.post(body(1003, "<three/>"));
    rig.post(body(1002, "<two/>"));
  }
  SUBCASE("rising") {
    rig.post(body(1002, "<two/>"));
    rig.post(body(1003, "<three/>"));
  }
  rig.post(body(1001, "<one/>"));
  std::string forwarded;
  for (const auto& forward : rig.all<Forward>()) forwarded += forward.elements;
  CHECK(forwarded == "<one/><two/><three/>");
}

TEST_CASE("B-43 an early request whose connection died is processed all the same, and its answer kept") {
  Rig rig;
  rig.open();
  RequestId early = rig.post(body(1002, "<x/>"));
  rig.gone(early);
  rig.post(body(1001));
  CHECK(rig.only<Forward>().elements == "<x/>");
  RequestId again = rig.post(body(1002, "<x/>"));
  CHECK(rig.all<Forward>().empty());
  rig.says("for the resend");
  CHECK(rig.text(again) == write_answer(message("for the resend").bytes));
}

TEST_CASE("B-45 B-46 D-10 the window: last+requests is accepted, one more is refused and ends the session") {
  Rig rig;
  rig.open();
  SUBCASE("inside") {
    rig.post(body(1002));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("one beyond") {
    RequestId beyond = rig.post(body(1003));
    CHECK(rig.text(beyond) == write_terminate(Condition::ItemNotFound));
    CHECK(rig.only<Ended>().condition == Condition::ItemNotFound);
    CHECK(rig.only<CloseStream>().parting == upstream::Parting::ClientLost);
  }
  SUBCASE("one beyond with terminate is the one extra request") {
    rig.post(terminate(1003));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("one beyond with pause likewise") {
    Body made = body(1003);
    made.pause = 60;
    rig.post(made);
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("two beyond with terminate") {
    rig.post(terminate(1004));
    CHECK(rig.session->state() == State::Ended);
  }
}

TEST_CASE("B-42 a malformed rid or attribute ends the session with bad-request") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001));
  Body made = body(1002, "<x/>");
  made.problem = Condition::BadRequest;
  SUBCASE("rid") { made.rid.reset(); }
  SUBCASE("attribute") {}
  RequestId bad = rig.post(made);
  CHECK(rig.text(bad) == write_terminate(Condition::BadRequest));
  CHECK(rig.text(held) == write_terminate(Condition::OtherRequest));
  CHECK(rig.all<Forward>().empty());
  CHECK(rig.only<Ended>().condition == Condition::BadRequest);
}

TEST_CASE("B-47 B-52 C-48 the last `requests` answers are repeated byte for byte, also after the newest was lost") {
  Rig rig;
  rig.open();
  RequestId first = rig.post(body(1001));
  rig.says("one");
  std::string one = rig.text(first);
  RequestId second = rig.post(body(1002));
  rig.says("two");
  std::string two = rig.text(second);
  CHECK(rig.text(rig.post(body(1001))) == one);
  CHECK(rig.text(rig.post(body(1002))) == two);
  CHECK(rig.text(rig.post(body(1001))) == one);
  rig.says("three");
  CHECK(rig.all<Respond>().empty());
}

TEST_CASE("B-48 D-10 an answer no longer kept is refused like a rid above the window") {
  Rig rig;
  rig.open();
  for (std::uint64_t rid = 1001; rid <= 1003; ++rid) {
    rig.post(body(rid));
    rig.says("x");
  }
  SUBCASE("just kept") { CHECK(rig.text(rig.post(body(1002))) == write_answer(message("x").bytes)); }
  SUBCASE("just gone") {
    RequestId old = rig.post(body(1001));
    CHECK(rig.text(old) == write_terminate(Condition::ItemNotFound));
    CHECK(rig.only<Ended>().condition == Condition::ItemNotFound);
  }
}

TEST_CASE("B-49 D-06 a held rid repeated: the older connection hears a recoverable error, the newest gets the answer") {
  Rig rig;
  rig.open();
  RequestId older = rig.post(body(1001, "<once/>"));
  CHECK(rig.all<Forward>().size() == 1);
  RequestId newest = rig.post(body(1001, "<once/>"));
  CHECK(rig.text(older) == write_recoverable_error());
  CHECK(rig.answer(older)->status == 200);
  CHECK(rig.all<Forward>().empty());
  rig.says("x");
  CHECK(rig.text(newest) == write_answer(message("x").bytes));
  CHECK_FALSE(rig.answer(older));
}

TEST_CASE("B-49 D-07 a queued rid repeated behaves alike, and an older connection that is gone hears nothing") {
  Rig rig;
  rig.open();
  RequestId older = rig.post(body(1002, "<once/>"));
  SUBCASE("alive") {
    rig.post(body(1002, "<once/>"));
    CHECK(rig.text(older) == write_recoverable_error());
  }
  SUBCASE("gone") {
    rig.gone(older);
    rig.post(body(1002, "<once/>"));
    CHECK(rig.actions.empty());
  }
  rig.post(body(1001));
  CHECK(rig.all<Forward>().size() == 1);
}

TEST_CASE("B-50 ten resends of one rid are served, the eleventh is a policy violation") {
  Rig rig;
  rig.open();
  std::uint64_t rid = 1001;
  SUBCASE("held") { rig.post(body(1001)); }
  SUBCASE("queued") { rig.post(body(rid = 1002)); }
  SUBCASE("answered") {
    rig.post(body(1001));
    rig.says("x");
  }
  for (int i = 0; i < 10; ++i) rig.post(body(rid));
  CHECK(rig.session->state() == State::Open);
  RequestId eleventh = rig.post(body(rid));
  CHECK(rig.text(eleventh) == write_terminate(Condition::PolicyViolation));
  CHECK(rig.session->state() == State::Ended);
}

TEST_CASE("B-54 a dead held request takes no payloads; it is completed empty when the next rid is processed") {
  Rig rig;
  rig.open();
  RequestId dead = rig.post(body(1001));
  rig.gone(dead);
  rig.says("kept");
  CHECK(rig.actions.empty());
  RequestId next = rig.post(body(1002));
  CHECK_FALSE(rig.answer(dead));
  CHECK(rig.text(next) == write_answer(message("kept").bytes));
  CHECK(rig.text(rig.post(body(1001))) == kEmpty);
}

TEST_CASE("B-54 a dead held request that is repeated first gets the payloads") {
  Rig rig;
  rig.open();
  rig.gone(rig.post(body(1001)));
  rig.says("kept");
  RequestId again = rig.post(body(1001));
  CHECK(rig.text(again) == write_answer(message("kept").bytes));
  CHECK(rig.all<Respond>().size() == 1);
}

TEST_CASE("B-54 with two held, the lower one dies: it is complete at once and the other takes the payloads") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId lower = rig.post(body(1001));
  RequestId upper = rig.post(body(1002));
  rig.gone(lower);
  rig.says("x");
  CHECK(rig.text(upper) == write_answer(message("x").bytes));
  CHECK(rig.text(rig.post(body(1001))) == kEmpty);
}

TEST_CASE("B-54 with two held, the upper one dies: the lower still takes the payloads") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId lower = rig.post(body(1001));
  rig.gone(rig.post(body(1002)));
  rig.says("x");
  CHECK(rig.text(lower) == write_answer(message("x").bytes));
  rig.says("y");
  CHECK(rig.actions.empty());
  CHECK(rig.text(rig.post(body(1002))) == write_answer(message("y").bytes));
}

TEST_CASE("B-54 the death of a request loses nothing that is pending, also the death of an early one") {
  Rig rig;
  rig.open();
  rig.gone(rig.post(body(1001)));
  rig.says("kept");
  rig.gone(rig.post(body(1003)));
  CHECK(rig.text(rig.post(body(1002))) == write_answer(message("kept").bytes));
}

TEST_CASE("B-44 D-08 what the server says waits for the missing rid, it does not overtake it") {
  Rig rig;
  rig.open();
  RequestId early = rig.post(body(1002));
  rig.says("x");
  CHECK(rig.actions.empty());
  RequestId missing = rig.post(body(1001));
  CHECK(rig.text(missing) == write_answer(message("x").bytes));
  CHECK_FALSE(rig.answer(early));
}

TEST_CASE("B-44 D-09 a lower rid that comes late is served like any other") {
  Rig rig;
  rig.open();
  rig.post(body(1002, "<two/>"));
  rig.pass(20s);
  RequestId late = rig.post(body(1001, "<one/>"));
  auto forwarded = rig.all<Forward>();
  REQUIRE(forwarded.size() == 2);
  CHECK(forwarded[0].elements == "<one/>");
  CHECK(rig.text(late) == kEmpty);
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-55 D-11 requests that come meanwhile do not prolong a gap, nor do their repeats") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  rig.post(body(1002));
  rig.pass(15s);
  rig.post(body(1003));
  rig.pass(14'999ms);
  RequestId last = rig.post(body(1003));
  CHECK(rig.session->state() == State::Open);
  rig.pass(1ms);
  CHECK(rig.text(last) == write_terminate(Condition::ItemNotFound));
  CHECK(rig.session->state() == State::Ended);
}

TEST_CASE("B-55 a gap lasts at most min(gap_timeout, max(wait, 5 s)), then every queued request hears item-not-found") {
  Rig rig;
  Body made = creation();
  Duration most = 30s;
  SUBCASE("gap_timeout") {}
  SUBCASE("wait") { made.wait = 12, most = 12s; }
  SUBCASE("never below 5 s") { made.wait = 1, most = 5s; }
  rig.open(made);
  RequestId early = rig.post(body(1002));
  rig.pass(most - 1ms);
  CHECK_FALSE(rig.answer(early));
  rig.pass(1ms);
  CHECK(rig.text(early) == write_terminate(Condition::ItemNotFound));
  CHECK(rig.only<Ended>().why == "gap in the rids");
}

TEST_CASE("B-55 the clock of a gap starts anew with the next missing rid") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  rig.post(body(1003));
  rig.pass(29s);
  rig.post(body(1001));
  rig.pass(29s);
  CHECK(rig.session->state() == State::Open);
  rig.pass(1s);
  CHECK(rig.session->state() == State::Ended);
}

TEST_CASE("B-56 the largest rid is served; whatever follows it is item-not-found") {
  Rig rig;
  rig.open(creation(kRidMax.value - 1));
  RequestId held = rig.post(body(kRidMax.value));
  CHECK_FALSE(rig.answer(held));
  Body made = body(kRidMax.value + 1);
  SUBCASE("as a number") {}
  SUBCASE("refused by the parser") {
    made.rid.reset();
    made.problem = Condition::BadRequest;
  }
  CHECK(rig.text(rig.post(made)) == write_terminate(Condition::ItemNotFound));
}

TEST_CASE("B-63 creation attributes on a later request are ignored") {
  Rig rig;
  rig.open();
  Body made = body(1001, "<iq/>");
  made.to = "b.example";
  made.lang = "de";
  made.wait = 1;
  made.hold = 0;
  RequestId held = rig.post(made);
  CHECK(rig.actions.size() == 1);  // Forward
  rig.pass(54'999ms);
  CHECK_FALSE(rig.answer(held));
}

}  // namespace nxb::bosh
