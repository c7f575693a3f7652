// tests/unit/worker/bosh/session_abort_test.cc - a client that drops what was held for it is waited for less long (O-32).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

struct Impatient : Rig {
  explicit Impatient(Duration grace = 20s) {
    limits.abort_grace = grace;
    open();
  }
  bool ends_after(Duration time) {
    pass(time - 1ms);
    if (session->state() != State::Open) return false;
    pass(1ms);
    return session->state() == State::Forgotten;
  }
};

}  // namespace

TEST_CASE("O-32: after a dropped request the session ends at abort_grace, and says so") {
  Impatient rig;
  rig.gone(rig.post(body(1001)));
  CHECK(rig.ends_after(20s));
  CHECK(rig.only<Ended>().why == "aborted by client");
  CHECK(rig.only<CloseStream>().parting == upstream::Parting::ClientLost);
}

TEST_CASE("O-32 B-70: 0 is no difference, nor is more than the inactivity") {
  for (Duration grace : {Duration(0), Duration(1h)}) {
    Impatient rig(grace);
    rig.gone(rig.post(body(1001)));
    CHECK(rig.ends_after(80s));
    CHECK(rig.only<Ended>().why == "inactivity");
  }
}

TEST_CASE("O-32: a page that is loaded anew loses nothing") {
  Impatient rig;
  rig.gone(rig.post(body(1001)));
  rig.says("meanwhile");
  rig.pass(19'999ms);
  RequestId next = rig.post(body(1002));
  CHECK(holds(rig.text(next), "meanwhile"));
  CHECK(rig.ends_after(80s));  // it was answered, not dropped
}

TEST_CASE("O-32: one of two requests that goes is no sign; the last one is") {
  Impatient rig;
  rig.limits.max_hold = 2;
  Body two = creation();
  two.hold = 2;
  rig.open(two);
  RequestId first = rig.post(body(1001));
  RequestId second = rig.post(body(1002));
  rig.gone(first);
  rig.pass(21s);
  CHECK(rig.session->state() == State::Open);
  SUBCASE("dropped") {
    rig.gone(second);
    CHECK(rig.ends_after(20s));
  }
  SUBCASE("answered") {
    rig.says("news");
    CHECK(holds(rig.text(second), "news"));
    CHECK(rig.ends_after(80s));
  }
}

TEST_CASE("O-32 B-73: a pause is as long as it was granted") {
  Impatient rig;
  RequestId held = rig.post(body(1001));
  Body pause = body(1002);
  pause.pause = 60;
  rig.post(pause);
  rig.gone(held);
  rig.pass(60s);
  CHECK(rig.session->state() == State::Open);
}

}  // namespace nxb::bosh
