// tests/unit/worker/bosh/session_pressure_test.cc - a server that does not take what the client sends: requests are held.
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

void congest(Rig& rig, bool on, StreamNumber stream = 1) { rig.server(upstream::Congested{on}, stream); }

}  // namespace

TEST_CASE(
    "U-36 B-60 while the server does not take, requests are held up to the window, and their payloads are taken") {
  Rig rig;
  rig.open();  // hold=1, requests=2
  congest(rig, true);
  RequestId first = rig.post(body(1001, "<a/>"));
  CHECK(rig.only<Forward>().elements == "<a/>");
  RequestId second = rig.post(body(1002, "<b/>"));
  CHECK(rig.only<Forward>().elements == "<b/>");
  CHECK(rig.all<Respond>().empty());
  SUBCASE("when it takes again, all but `hold` are answered") {
    congest(rig, false);
    CHECK(rig.text(first) == kEmpty);
    CHECK_FALSE(rig.answer(second));
  }
  SUBCASE("what the server says is said to the client at once (B-59)") {
    rig.says("x");
    CHECK(holds(rig.text(first), message("x").bytes));
    CHECK_FALSE(rig.answer(second));
  }
  SUBCASE("nobody waits longer than `wait` (B-61)") {
    rig.pass(54'999ms);
    CHECK(rig.all<Respond>().empty());
    rig.pass(1ms);
    CHECK(rig.text(first) == kEmpty);
    CHECK(rig.text(second) == kEmpty);
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("a client that sends beyond its window gets the lowest back: it is bounded by what the stream takes (B-76)") {
    rig.post(body(1003, "<c/>"));
    CHECK(rig.text(first) == kEmpty);
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("a terminate is heard, and all are told") {
    rig.post(terminate(1003));
    CHECK(rig.text(first) == write_terminate(Condition::None));
    CHECK(rig.text(second) == kEmpty);
  }
  SUBCASE("the stream ends for it: policy-violation (U-70)") {
    rig.server(upstream::Closed{Condition::PolicyViolation, {}, "the server does not take what the client sends"});
    CHECK(rig.text(first) == write_terminate(Condition::PolicyViolation));
    CHECK(rig.only<Ended>().condition == Condition::PolicyViolation);
  }
}

TEST_CASE("U-36 B-54 a dead request is completed by a higher one, congested or not") {
  Rig rig;
  rig.open();
  congest(rig, true);
  RequestId dead = rig.post(body(1001, "<a/>"));
  rig.gone(dead);
  RequestId next = rig.post(body(1002, "<b/>"));
  CHECK_FALSE(rig.answer(next));
  CHECK(rig.text(rig.post(body(1001, "<a/>"))) == kEmpty);  // it was answered, for its repeat
}

TEST_CASE("U-36 B-70 a client whose request is held is not inactive; one that leaves is") {
  Rig rig;
  rig.open();
  congest(rig, true);
  RequestId held = rig.post(body(1001, "<a/>"));
  rig.pass(54s);
  rig.gone(held);
  rig.pass(79'999ms);
  CHECK(rig.session->state() == State::Open);
  rig.pass(1ms);
  CHECK(rig.session->state() == State::Forgotten);
  CHECK(rig.only<Ended>().why == "inactivity");
}

TEST_CASE(
    "U-36 B-61 B-78 a polling session is slowed, too: an answer waits for up to `polling`, or until the server takes") {
  for (bool by_wait : {true, false}) {
    Rig rig;
    Body made = creation();
    if (by_wait) made.wait = 0;
    if (!by_wait) made.hold = 0;
    rig.create(made);
    congest(rig, true);
    RequestId held = rig.post(body(1001, "<a/>"));
    CHECK_FALSE(rig.answer(held));
    rig.pass(4'999ms);
    CHECK(rig.all<Respond>().empty());
    rig.pass(1ms);
    CHECK(rig.text(held) == kEmpty);
    held = rig.post(body(1002, "<b/>"));
    CHECK_FALSE(rig.answer(held));
    congest(rig, false);
    CHECK(rig.text(held) == kEmpty);
  }
}

TEST_CASE("U-36 B-77 B-79 a polling client is not punished for what we hold") {
  Rig rig;
  Body made = creation();
  made.wait = 0;  // hold=1, so two requests
  rig.create(made);
  congest(rig, true);
  RequestId first = rig.post(body(1001, "<a/>"));
  CHECK_FALSE(rig.answer(first));
  rig.pass(1s);
  rig.post(body(1002));  // would be the last of `requests`, empty and too soon (B-77)
  CHECK(rig.session->state() == State::Open);
  rig.pass(5s);
  rig.post(body(1003));  // 5 s after the poll before it
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("U-36 B-94 one of several streams is enough; when it ends, the others go on") {
  Rig rig;
  rig.open();
  Body add = body(1001);
  add.to = "b.example";
  rig.post(add);
  congest(rig, true, 2);
  RequestId first = rig.post(body(1002, "<a/>"));
  RequestId second = rig.post(body(1003, "<b/>"));
  CHECK_FALSE(rig.answer(second));
  rig.server(upstream::Closed{Condition::PolicyViolation, {}, "the server does not take what the client sends"}, 2);
  CHECK(holds(rig.text(first), "policy-violation"));
  CHECK_FALSE(rig.answer(second));
  CHECK(rig.session->state() == State::Open);
}

}  // namespace nxb::bosh
