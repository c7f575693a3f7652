// tests/unit/worker/bosh/session_pause_test.cc - the client asks for time (XEP-0124 10).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

Body pause(std::uint64_t rid, std::uint16_t seconds, std::string payloads = {}) {
  Body made = body(rid, std::move(payloads));
  made.pause = seconds;
  return made;
}

}  // namespace

TEST_CASE("B-73 D-22 pause answers all open requests, itself without payloads, and the session waits that long") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001));
  RequestId paused = rig.post(pause(1002, 100));
  CHECK(rig.text(held) == kEmpty);
  CHECK(rig.text(paused) == kEmpty);
  rig.pass(109'999ms);  // 100 s and the grace
  CHECK(rig.session->state() == State::Open);
  SUBCASE("no longer") {
    rig.pass(1ms);
    CHECK(rig.session->state() == State::Forgotten);
  }
  SUBCASE("the next request ends the pause") {
    RequestId back = rig.post(body(1003));
    rig.gone(back);
    rig.pass(79'999ms);
    CHECK(rig.session->state() == State::Open);
    rig.pass(1ms);
    CHECK(rig.session->state() == State::Forgotten);
  }
}

TEST_CASE("B-73 a pause shorter than inactivity shortens it") {
  Rig rig;
  rig.open();
  rig.post(pause(1001, 5));
  rig.pass(15s);
  CHECK(rig.session->state() == State::Forgotten);
}

TEST_CASE("B-75 what the server says meanwhile waits; what the pause request brings goes on") {
  Rig rig;
  rig.open();
  rig.says("before");
  RequestId paused = rig.post(pause(1001, 60, "<presence/>"));
  CHECK(rig.only<Forward>().elements == "<presence/>");
  CHECK(rig.text(paused) == kEmpty);
  rig.says("meanwhile");
  CHECK(rig.text(rig.post(body(1002))) == write_answer(message("before").bytes + message("meanwhile").bytes));
}

TEST_CASE("B-73 a pause takes effect in its turn") {
  Rig rig;
  rig.open();
  RequestId early = rig.post(pause(1002, 100));
  CHECK_FALSE(rig.answer(early));
  RequestId lower = rig.post(body(1001));
  CHECK(rig.text(lower) == kEmpty);
  CHECK(rig.text(early) == kEmpty);
  rig.pass(100s);
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-52 B-73 a pause request whose answer was lost is repeated without ending the pause") {
  Rig rig;
  rig.open();
  rig.post(pause(1001, 100));
  rig.pass(50s);
  RequestId again = rig.post(pause(1001, 100));
  CHECK(rig.text(again) == kEmpty);
  CHECK(rig.only<Respond>().replay);
  rig.pass(109'999ms);
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-74 more than maxpause is maxpause") {
  Rig rig;
  rig.open();
  rig.post(pause(1001, 65'535));
  rig.pass(129'999ms);
  CHECK(rig.session->state() == State::Open);
  rig.pass(1ms);
  CHECK(rig.session->state() == State::Forgotten);
}

TEST_CASE("B-74 pause='0' and nonsense end the session with bad-request") {
  Rig rig;
  rig.open();
  xml::Pool pool;
  std::string value;
  SUBCASE("zero") { value = "0"; }
  SUBCASE("no number") { value = "long"; }
  SUBCASE("too large for the schema") { value = "65536"; }
  auto made = parse_body(
      pool, "<body xmlns='http://jabber.org/protocol/httpbind' sid='sid' rid='1001' pause='" + value + "'/>");
  REQUIRE(static_cast<bool>(made));
  CHECK(rig.text(rig.post(*std::move(made))) == write_terminate(Condition::BadRequest));
}

TEST_CASE("B-32 maxpause is told; when pausing is not offered the attribute means nothing") {
  Rig rig;
  rig.limits.max_pause = 0s;
  RequestId id = rig.create();
  rig.server(upstream::Opened{"U77", "1.0"});
  rig.server(upstream::Arrived{{kFeatures}});
  CHECK_FALSE(holds(rig.text(id), "maxpause"));
  CHECK_FALSE(rig.answer(rig.post(pause(1001, 60))));

  Rig offering;
  id = offering.create();
  offering.server(upstream::Opened{"U77", "1.0"});
  offering.server(upstream::Arrived{{kFeatures}});
  CHECK(holds(offering.text(id), " maxpause='120'"));
}

TEST_CASE("B-45 a pause may be one more than the window") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.post(body(1003));
  SUBCASE("pause") {
    rig.post(pause(1004, 60));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("any other request") { CHECK(rig.text(rig.post(body(1004))) == write_terminate(Condition::ItemNotFound)); }
}

TEST_CASE("B-45 B-52 after a pause one more than `requests` answers are kept: so many may be under way") {
  Rig rig;
  rig.open();
  rig.post(body(1002));
  rig.says("x");
  rig.post(pause(1003, 60));  // one more than the window
  rig.post(body(1001));
  CHECK(rig.text(rig.post(body(1001))) == write_answer(message("x").bytes));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-83 the server's last words wait as long as a pause would have") {
  Rig rig;
  Body made = creation();
  made.wait = 3;
  rig.open(made);
  rig.post(pause(1001, 60));
  rig.says("x");
  rig.server(upstream::Closed{Condition::None, "", ""});
  rig.pass(69'999ms);
  RequestId back = rig.post(body(1002));
  CHECK(holds(rig.text(back), "type='terminate'"));
  CHECK(holds(rig.text(back), message("x").bytes));
  SUBCASE("and can be asked for again for the inactivity, should their answer be lost (B-82)") {
    rig.pass(79'999ms);
    CHECK(holds(rig.text(rig.post(body(1002))), message("x").bytes));
    rig.pass(1ms);
    CHECK(rig.session->state() == State::Forgotten);
  }
}

TEST_CASE("B-54 B-73 a dead request below a pause takes no payloads with it") {
  Rig rig;
  rig.open();
  RequestId dead = rig.post(body(1001));
  rig.gone(dead);
  rig.says("x");
  RequestId paused = rig.post(pause(1002, 60));
  CHECK(rig.text(paused) == kEmpty);
  CHECK(rig.text(rig.post(body(1003))) == write_answer(message("x").bytes));
}

}  // namespace nxb::bosh
