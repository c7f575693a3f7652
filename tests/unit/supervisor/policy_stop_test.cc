// tests/unit/supervisor/policy_stop_test.cc - watchdog, stop and drain rules with a clock of our own.
// SPDX-License-Identifier: MIT
#include "tests/unit/supervisor/policy_rig.h"

using namespace nxb;
using namespace nxb::supervisor;

TEST_CASE("O-06 a worker whose loop stands still for the watchdog's time is aborted, 2 s later killed, and replaced") {
  Rig rig(Settings{2, 10s, 30s, 1h});
  rig.ready(0).ready(1);
  rig.after(7500ms).beat(0);
  CHECK(rig.policy.silent(1));
  CHECK(!rig.policy.silent(0));
  CHECK(rig.after(2499ms).steps.empty());
  CHECK(rig.after(1ms).killed(1, SIGABRT));
  CHECK(rig.steps.size() == 1);
  CHECK(rig.policy.state(1) == WorkerState::Ending);
  CHECK(rig.policy.state(0) == WorkerState::Ready);
  rig.beat(0).beat(1);  // too late
  CHECK(rig.after(1999ms).count<Kill>() == 0);
  CHECK(rig.after(1ms).killed(1, SIGKILL));
  CHECK(rig.after(1s).count<Kill>() == 0);
  CHECK(rig.exit(1, std::nullopt).spawned(1));
}

TEST_CASE("O-06 a worker that turns in time is never suspected for long, and one that is starting is not watched") {
  Rig rig(Settings{2, 10s, 30s, 1h});
  rig.ready(0);
  for (int i = 0; i < 100; ++i) {
    rig.after(7499ms).beat(0);
    CHECK(rig.count<Kill>() == 0);
    CHECK(!rig.policy.silent(0));
    if (i == 2) rig.ready(1);
    if (i > 2) rig.beat(1);
  }
  rig.after(8s);
  CHECK(rig.policy.silent(0));
  rig.beat(0);
  CHECK(!rig.policy.silent(0));
  CHECK(rig.policy.state(0) == WorkerState::Ready);
}

TEST_CASE("O-06 a supervisor that stood still itself gives its workers the time to turn first") {
  Rig rig(Settings{1, 10s, 30s, 1h});
  rig.ready(0);
  CHECK(rig.after(60s).count<Kill>() == 0);
  CHECK(rig.after(2499ms).count<Kill>() == 0);
  rig.beat(0);
  CHECK(rig.after(1s).count<Kill>() == 0);
  CHECK(rig.after(60s).count<Kill>() == 0);
  CHECK(rig.after(2500ms).killed(0, SIGABRT));
}

TEST_CASE("O-06 what a worker writes of a time to come is not believed") {
  Rig rig(Settings{1, 10s, 30s, 1h});
  rig.ready(0).feed(HeartbeatSeen{0, rig.now + 1h});
  rig.after(7500ms).after(2500ms);
  CHECK(rig.killed(0, SIGABRT));
}

TEST_CASE("O-08 a stop gives goodbyes their time, and workers a grace beyond it") {
  Rig rig(Settings{2, 24h, 30s, 1h});
  rig.ready(0).ready(1);
  rig.feed(StopRequested{});
  REQUIRE(rig.count<SendStop>() == 2);
  CHECK(rig.all<SendStop>()[0].over == 30s);
  CHECK(rig.policy.next_deadline() == rig.now + 30s + contract::kStopGrace);
  CHECK(rig.after(30s).steps.empty());
  CHECK(rig.exit(0, 0).steps.empty());
  CHECK(rig.after(contract::kStopGrace).killed(1, SIGKILL));
}

TEST_CASE("O-08 a second signal says goodbye at once, and what does not end soon is killed; a third kills") {
  for (bool third : {false, true}) {
    Rig rig(Settings{2, 24h, 30s, 1h});
    rig.ready(0).ready(1);
    rig.feed(StopRequested{});
    rig.after(1s);
    rig.feed(StopRequested{});
    REQUIRE(rig.count<SendStop>() == 2);
    CHECK(rig.all<SendStop>()[1].over == 0s);
    CHECK(rig.count<Kill>() == 0);
    CHECK(rig.policy.next_deadline() == rig.now + contract::kNowGrace);
    if (third) {
      rig.feed(StopRequested{});
    } else {
      rig.after(contract::kNowGrace);
    }
    CHECK(rig.count<Kill>() == 2);
  }
}

TEST_CASE("O-17 draining holds for a worker's replacement, until it is taken back") {
  Rig rig(Settings{2, 24h, 30s, 1h});
  rig.ready(0).ready(1);
  rig.feed(DrainRequested{1, true, 20s});
  REQUIRE(rig.count<SendDrain>() == 1);
  CHECK(rig.all<SendDrain>()[0].index == 1);
  CHECK(rig.all<SendDrain>()[0].on);
  CHECK(rig.all<SendDrain>()[0].goodbye == Duration(20s));
  CHECK(rig.policy.draining(1));
  CHECK(!rig.policy.draining(0));
  rig.exit(1, std::nullopt);
  CHECK(rig.spawned(1));
  REQUIRE(rig.count<SendDrain>() == 1);
  CHECK(!rig.all<SendDrain>()[0].goodbye);  // it has no session
  CHECK(rig.exit(0, std::nullopt).count<SendDrain>() == 0);
  rig.feed(DrainRequested{std::nullopt, false, std::nullopt});
  CHECK(rig.count<SendDrain>() == 2);
  CHECK(!rig.policy.draining(1));
}

TEST_CASE(
    "O-08 SIGQUIT drains until no session is left, or drain_timeout is over; to take it back is possible, for all") {
  const Settings settings{2, 24h, 30s, 600s};
  Rig rig(settings);
  rig.ready(0).ready(1);
  rig.feed(LeaveRequested{});
  CHECK(rig.count<SendDrain>() == 2);
  CHECK(rig.policy.leaving());
  CHECK(rig.feed(LeaveRequested{}).steps.empty());
  CHECK(rig.after(599s).steps.empty());
  rig.feed(SessionsGone{});
  REQUIRE(rig.count<SendStop>() == 2);
  CHECK(rig.all<SendStop>()[0].over == 0s);

  Rig patient(settings);
  patient.ready(0).ready(1);
  patient.feed(LeaveRequested{});
  CHECK(patient.policy.next_deadline() == patient.now + 600s);
  patient.after(600s);
  REQUIRE(patient.count<SendStop>() == 2);
  CHECK(patient.all<SendStop>()[0].over == 30s);

  Rig undecided(settings);
  undecided.ready(0).ready(1);
  undecided.feed(LeaveRequested{});
  undecided.feed(DrainRequested{std::nullopt, false, std::nullopt});
  CHECK(undecided.count<SendDrain>() == 2);
  CHECK(undecided.feed(SessionsGone{}).steps.empty());
  CHECK(undecided.after(600s).count<SendStop>() == 0);

  Rig partly(settings);
  partly.ready(0).ready(1);
  partly.feed(LeaveRequested{});
  partly.feed(DrainRequested{0, false, std::nullopt});
  CHECK(partly.count<SendDrain>() == 1);
  CHECK(partly.feed(SessionsGone{}).count<SendStop>() == 2);
}
