// tests/unit/worker/bosh/session_polling_test.cc - polling sessions and over-activity (XEP-0124 11, 12).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

Body polling() {
  Body made = creation();
  made.hold = 0;
  return made;
}

bool violates(Rig& rig, RequestId request) { return rig.text(request) == write_terminate(Condition::PolicyViolation); }

}  // namespace

TEST_CASE("B-79 two empty requests closer than polling are a violation, with a tenth for jitter") {
  Rig rig;
  rig.create(polling());
  REQUIRE(rig.text(rig.post(body(1001))) == kEmpty);
  SUBCASE("just too soon") {
    rig.pass(4'499ms);
    CHECK(violates(rig, rig.post(body(1002))));
    CHECK(rig.only<Ended>().condition == Condition::PolicyViolation);
  }
  SUBCASE("just late enough") {
    rig.pass(4'500ms);
    CHECK(rig.text(rig.post(body(1002))) == kEmpty);
  }
  SUBCASE("a request with payload between them is no poll") {
    rig.post(body(1002, "<iq/>"));
    CHECK(rig.text(rig.post(body(1003))) == kEmpty);
  }
  SUBCASE("a repeat is not counted") {
    CHECK(rig.text(rig.post(body(1001))) == kEmpty);
    rig.pass(4'500ms);
    CHECK(rig.text(rig.post(body(1002))) == kEmpty);
  }
  SUBCASE("a restart is no poll") {
    Body made = body(1002);
    made.restart = true;
    CHECK(rig.text(rig.post(made)) == kEmpty);
  }
  SUBCASE("nor is a pause") {
    Body made = body(1002);
    made.pause = std::uint16_t{10};
    CHECK(rig.text(rig.post(made)) == kEmpty);
  }
  SUBCASE("nor a terminate") { CHECK(rig.text(rig.post(terminate(1002))) == write_terminate(Condition::None)); }
}

TEST_CASE("B-79 whoever was given something may ask again at once") {
  Rig rig;
  rig.create(polling());
  rig.says("x");
  REQUIRE(rig.text(rig.post(body(1001))) != kEmpty);
  CHECK(rig.text(rig.post(body(1002))) == kEmpty);
  CHECK(violates(rig, rig.post(body(1003))));
}

TEST_CASE("B-79 a stream error is something, too") {
  Rig rig;
  rig.create(polling());
  Body add = body(1001);
  add.to = "b.example";
  rig.post(add);
  rig.server(upstream::Closed{Condition::RemoteStreamError, "<stream:error/>", "error"}, 2);
  REQUIRE(holds(rig.text(rig.post(body(1002))), "<stream:error/>"));
  CHECK(rig.text(rig.post(body(1003))) == kEmpty);
}

TEST_CASE("B-79 a poll that was repeated while it waited for its turn is not judged by its repeat") {
  Rig rig;
  Body made = creation();
  made.wait = 0;  // hold=1, so two requests
  rig.create(made);
  rig.post(body(1002));
  rig.pass(2s);
  rig.post(body(1002));
  rig.pass(2'900ms);
  rig.post(body(1001, "<iq/>"));
  REQUIRE(rig.session->state() == State::Open);
  CHECK(rig.text(rig.post(body(1003))) == kEmpty);
}

TEST_CASE("B-79 a session that holds requests may ask as often as it likes (B-31)") {
  Rig rig;
  rig.open();
  for (std::uint64_t rid = 1001; rid < 1050; ++rid) rig.post(body(rid));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-78 a polling session lives for inactivity and two polls") {
  Rig rig;
  Body made = creation();
  SUBCASE("wait=0") { made.wait = 0; }
  SUBCASE("hold=0") { made.hold = 0; }
  rig.create(made);
  rig.pass(89'999ms);  // 70 + 2 * 5 + 10
  CHECK(rig.session->state() == State::Open);
  rig.pass(1ms);
  CHECK(rig.session->state() == State::Forgotten);
}

TEST_CASE("B-83 B-79 the server's last words wait for the next poll, which may not come before `polling` is over") {
  Rig rig;
  Body made = creation();
  made.wait = 0;
  rig.create(made);
  rig.post(body(1001));
  rig.says("x");
  rig.server(upstream::Closed{Condition::None, "", ""});
  rig.pass(6s);
  CHECK(holds(rig.text(rig.post(body(1002))), message("x").bytes));
}

TEST_CASE("B-77 in a polling session `requests` open ones, the last an empty one that came too soon, are a violation") {
  Rig rig;
  Body made = creation();
  made.wait = 0;  // hold=1, so two requests
  rig.create(made);
  RequestId early = rig.post(body(1002));
  CHECK_FALSE(rig.answer(early));
  SUBCASE("too soon") {
    rig.pass(4'499ms);
    CHECK(violates(rig, rig.post(body(1001, "<iq/>"))));
  }
  SUBCASE("late enough") {
    rig.pass(4'500ms);
    CHECK(rig.text(rig.post(body(1001, "<iq/>"))) == kEmpty);
    CHECK(rig.session->state() == State::Open);
  }
}

TEST_CASE("B-77 the last of them may be anything but a poll") {
  Rig rig;
  Body made = creation();
  made.wait = 0;
  rig.create(made);
  rig.post(body(1002, "<iq/>"));
  rig.post(body(1001));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-76 beyond a gap, more than `requests` open requests are a violation") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId a = rig.post(body(1001));
  rig.post(body(1002));
  rig.post(body(1004));  // three open: as many as were granted
  REQUIRE(rig.session->state() == State::Open);
  SUBCASE("a fourth") {
    CHECK(violates(rig, rig.post(body(1005))));
    CHECK(rig.text(a) == write_terminate(Condition::OtherRequest));
  }
  SUBCASE("a fourth that terminates") {
    rig.post(terminate(1005));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("dead connections do not count") {
    rig.gone(a);
    rig.post(body(1005));
    CHECK(rig.session->state() == State::Open);
  }
}

TEST_CASE("B-60 C-47 without a gap the oldest is answered instead, however many come") {
  Rig rig;
  rig.open();
  std::size_t answered = 0;
  for (std::uint64_t rid = 1001; rid <= 1020; ++rid) {
    rig.post(body(rid));
    answered += rig.all<Respond>().size();
  }
  CHECK(answered == 19);
  CHECK(rig.session->state() == State::Open);
}

}  // namespace nxb::bosh
