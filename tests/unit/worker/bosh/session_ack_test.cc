// tests/unit/worker/bosh/session_ack_test.cc - acknowledgements and reports (XEP-0124 9).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

Body acking() {
  Body made = creation();
  made.ack = 1;
  return made;
}

Body body_ack(std::uint64_t rid, std::uint64_t ack, std::string payloads = {}) {
  Body made = body(rid, std::move(payloads));
  made.ack = ack;
  return made;
}

std::string with_ack(std::uint64_t ack, std::string_view payloads = {}) {
  Heading heading;
  heading.ack = ack;
  return write_answer(heading, payloads);
}

}  // namespace

TEST_CASE("B-33 B-64 D-15 acks are on if the creation asked for them, and its answer acknowledges the creation") {
  Rig rig;
  Body made = creation();
  bool on = false;
  SUBCASE("1") { made.ack = 1, on = true; }
  SUBCASE("any other number") { made.ack = 7, on = true; }
  SUBCASE("not asked for") {}
  RequestId id = rig.create(made);
  rig.server(upstream::Opened{"U77", "1.0"});
  rig.server(upstream::Arrived{{kFeatures}});
  CHECK(holds(rig.text(id), " ack='1000'") == on);
}

TEST_CASE("B-65 an answer acknowledges the last request received in order, unless that is the one it answers") {
  Rig rig;
  rig.open(acking());
  RequestId r1 = rig.post(body(1001));
  rig.says("a");
  CHECK(rig.text(r1) == write_answer(message("a").bytes));
  RequestId r2 = rig.post(body(1002));
  RequestId r3 = rig.post(body(1003));
  CHECK(rig.text(r2) == with_ack(1003));  // pushed out by 1003
  rig.says("b");
  CHECK(rig.text(r3) == write_answer(message("b").bytes));
  SUBCASE("a request beyond a gap is not acknowledged") {
    RequestId r4 = rig.post(body(1004));
    rig.post(body(1006));
    rig.says("c");
    CHECK(rig.text(r4) == write_answer(message("c").bytes));
  }
  SUBCASE("neither is one that the client did not ask about") {
    Rig plain;
    plain.open();
    RequestId old = plain.post(body(1001));
    plain.post(body(1002));
    CHECK(plain.text(old) == kEmpty);
  }
  SUBCASE("also in the empty answer of a request that died") {
    RequestId dead = rig.post(body(1004));
    rig.gone(dead);
    rig.post(body(1005));
    CHECK(rig.text(rig.post(body(1004))) == with_ack(1005));
  }
}

TEST_CASE("B-65 when a missing request comes, what waited behind it is acknowledged with it") {
  Rig rig;
  Body made = acking();
  made.hold = 2;
  rig.open(made);
  rig.post(body(1002));
  rig.post(body(1003));
  rig.says("x");
  CHECK(rig.text(rig.post(body(1001))) == with_ack(1003, message("x").bytes));
}

TEST_CASE("B-52 B-66 every answer that is not acknowledged is kept; acknowledged ones beyond `requests` are not") {
  Rig rig;
  rig.open(acking());
  for (std::uint64_t rid = 1001; rid <= 1006; ++rid) {
    rig.post(body_ack(rid, 1000));
    rig.says(std::to_string(rid));
  }
  SUBCASE("the oldest of six is still there: the window alone would keep two") {
    CHECK(rig.text(rig.post(body_ack(1001, 1000))) == write_answer(message("1001").bytes));
  }
  SUBCASE("after an acknowledgement of all only the last `requests` are there") {
    rig.post(body_ack(1007, 1006));
    CHECK(rig.only<Acknowledged>().answers == 6);
    rig.gone(RequestId{ConnId{7}, 1});
    SUBCASE("kept") { CHECK(rig.text(rig.post(body_ack(1005, 1000))) == write_answer(message("1005").bytes)); }
    SUBCASE("gone") { CHECK(rig.text(rig.post(body_ack(1004, 1000))) == write_terminate(Condition::ItemNotFound)); }
  }
  SUBCASE("no ack at all says that everything arrived") {
    rig.post(body(1007));
    CHECK(rig.only<Acknowledged>().answers == 6);
  }
}

TEST_CASE("B-66 D-16 whoever acknowledges an answer that was not given made a mistake: bad-request") {
  Rig rig;
  rig.open(acking());
  RequestId held = rig.post(body(1001));
  SUBCASE("the held one is not answered yet") {
    RequestId fault = rig.post(body_ack(1002, 1001));
    CHECK(rig.text(fault) == write_terminate(Condition::BadRequest));
    CHECK(rig.text(held) != write_terminate(Condition::BadRequest));
    CHECK(rig.session->state() == State::Ended);
  }
  SUBCASE("far away") {
    CHECK(rig.text(rig.post(body_ack(1002, 1'000'000'000'000'000))) == write_terminate(Condition::BadRequest));
  }
  SUBCASE("the highest one that was given is fine") {
    rig.post(body_ack(1002, 1000));
    CHECK(rig.session->state() == State::Open);
  }
}

TEST_CASE("B-43 an acknowledgement counts when its request's turn comes, not before") {
  Rig rig;
  rig.open(acking());
  rig.post(body(1001));
  rig.says("a");
  rig.post(body_ack(1003, 1001));
  CHECK(rig.all<Acknowledged>().empty());
  rig.post(body_ack(1002, 1000));
  CHECK(rig.all<Acknowledged>().size() == 1);
}

TEST_CASE("B-67 D-17 an answer that does not arrive is reported, with its age, on an answer given at once") {
  Rig rig;
  rig.open(acking());
  rig.pass(1s);
  rig.post(body(1001));
  rig.says("a");  // lost on the way
  RequestId r2 = rig.post(body_ack(1002, 1000));
  rig.says("b");
  REQUIRE(rig.answer(r2));
  rig.pass(3'140ms);
  RequestId r3 = rig.post(body_ack(1003, 1000));
  Heading heading;
  heading.report = Report{1001, 3'140};
  CHECK(rig.text(r3) == write_answer(heading, {}));
  CHECK(rig.text(rig.post(body_ack(1001, 1000))) == write_answer(message("a").bytes));
  SUBCASE("once") {
    rig.pass(5s);
    CHECK_FALSE(rig.answer(rig.post(body_ack(1004, 1000))));
  }
  SUBCASE("the next missing one is reported in its turn") {
    rig.pass(5s);
    RequestId r4 = rig.post(body_ack(1004, 1001));
    CHECK(holds(rig.text(r4), " report='1002' time='8140'"));
  }
}

TEST_CASE("B-67 B-73 a pause request is told, too") {
  Rig rig;
  rig.open(acking());
  rig.post(body(1001));
  rig.says("a");
  rig.pass(3s);
  Body made = body_ack(1002, 1000);
  made.pause = std::uint16_t{60};
  CHECK(holds(rig.text(rig.post(made)), " report='1001' time='3000'"));
}

TEST_CASE("B-67 an answer that may still be under way is not reported") {
  Rig rig;
  rig.open(acking());
  rig.post(body(1001));
  rig.says("a");
  rig.pass(2s);
  SUBCASE("2 s old") { CHECK_FALSE(rig.answer(rig.post(body_ack(1002, 1000)))); }
  SUBCASE("older") {
    rig.pass(1ms);
    CHECK(holds(rig.text(rig.post(body_ack(1002, 1000))), " report='1001' time='2001'"));
  }
}

TEST_CASE("B-67 what an earlier rid acknowledged is not reported for one that was early and knew less") {
  Rig rig;
  rig.open(acking());
  rig.post(body(1001));
  rig.says("a");
  rig.pass(3s);
  RequestId early = rig.post(body_ack(1003, 1000));  // sent before 1001 was answered
  RequestId next = rig.post(body_ack(1002, 1001));
  CHECK(rig.only<Acknowledged>().answers == 1);
  Heading heading;
  heading.ack = 1003;
  CHECK(rig.text(next) == write_answer(heading, {}));  // pushed by the one above it
  CHECK_FALSE(rig.answer(early));
}

TEST_CASE("B-67 payloads ride along with a report; it goes to the lowest request") {
  Rig rig;
  Body made = acking();
  made.hold = 2;
  rig.open(made);
  rig.post(body(1001));
  rig.says("a");
  RequestId held = rig.post(body_ack(1002, 1000));
  rig.pass(3s);
  RequestId next = rig.post(body_ack(1003, 1000));
  CHECK(holds(rig.text(held), " ack='1003' report='1001'"));
  CHECK_FALSE(rig.answer(next));
}

TEST_CASE("B-68 the age in a report fits xs:unsignedShort") {
  Rig rig;
  rig.open(acking());
  rig.post(body(1001));
  rig.says("a");
  rig.pass(70s);  // within inactivity and grace
  CHECK(holds(rig.text(rig.post(body_ack(1002, 1000))), " report='1001' time='65535'"));
}

TEST_CASE("B-69 H-44 a client that stops acknowledging ends with policy-violation") {
  Rig rig;
  rig.open(acking());
  SUBCASE("at sixteen answers, never before") {
    std::uint64_t rid = 1001;
    for (; rid < 1016; ++rid) {  // with the creation's: sixteen
      rig.post(body_ack(rid, 999));
      REQUIRE(rig.session->state() == State::Open);
      rig.says("x");
    }
    RequestId last = rig.post(body_ack(rid, 999));
    CHECK(rig.text(last) == write_terminate(Condition::PolicyViolation));
    CHECK(rig.only<Ended>().why == "answers not acknowledged");
  }
  SUBCASE("at a megabyte, if it is more than `requests` answers") {
    const std::string large(500'000, 'x');
    for (std::uint64_t rid = 1001; rid <= 1003; ++rid) {
      rig.post(body_ack(rid, 999));
      REQUIRE(rig.session->state() == State::Open);
      rig.says(large);
    }
    CHECK(rig.text(rig.post(body_ack(1004, 999))) == write_terminate(Condition::PolicyViolation));
  }
  SUBCASE("not one that acknowledges late") {
    for (std::uint64_t rid = 1001; rid <= 1100; ++rid) {
      rig.post(body_ack(rid, rid - 10));
      REQUIRE(rig.session->state() == State::Open);
      rig.says("x");
    }
  }
}

TEST_CASE("B-103 with acks, what was not acknowledged is undelivered, and nothing else") {
  Rig rig;
  rig.open(acking());
  rig.post(body(1001));
  rig.says("arrived");
  rig.post(body_ack(1002, 1001));
  rig.says("lost");
  rig.says("never asked for");
  rig.pass(80s);
  auto undelivered = rig.only<CloseStream>().undelivered;
  REQUIRE(undelivered.size() == 2);
  CHECK(holds(undelivered[0].bytes, "lost"));
  CHECK(holds(undelivered[1].bytes, "never asked for"));
}

TEST_CASE("B-65 the end is acknowledged, too") {
  Rig rig;
  rig.open(acking());
  RequestId held = rig.post(body(1001));
  rig.post(terminate(1002));
  CHECK(holds(rig.text(held), " type='terminate' ack='1002'"));
}

}  // namespace nxb::bosh
