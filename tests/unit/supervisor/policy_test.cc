// tests/unit/supervisor/policy_test.cc - restart, back-off and stop rules with a clock of our own.
// SPDX-License-Identifier: MIT
#include "tests/unit/supervisor/policy_rig.h"

using namespace nxb;
using namespace nxb::supervisor;

namespace {

constexpr int kBadConfig = static_cast<int>(contract::Exit::BadConfig);
constexpr int kOtherVersion = static_cast<int>(contract::Exit::OtherVersion);

}  // namespace

TEST_CASE("every worker is spawned at the start, and readiness of the last is said once") {
  Rig rig(3);
  CHECK(rig.count<Spawn>() == 3);
  CHECK(rig.ready(0).steps.empty());
  CHECK(rig.ready(2).steps.empty());
  CHECK(rig.ready(1).count<AllReady>() == 1);
  CHECK(rig.ready(1).steps.empty());
  rig.exit(1);
  CHECK(rig.ready(1).count<AllReady>() == 0);
}

TEST_CASE("O-05: a worker that dies is replaced at once, and the others are not touched") {
  Rig rig(3);
  rig.ready(0).ready(1).ready(2);
  rig.now += 5s;
  rig.exit(1, std::nullopt);
  CHECK(rig.spawned(1));
  CHECK(rig.steps.size() == 1);
  CHECK(rig.policy.state(0) == WorkerState::Ready);
  CHECK(rig.policy.state(2) == WorkerState::Ready);
}

TEST_CASE("O-05: a worker that ends with status 0 without being asked is replaced too") {
  Rig rig(2);
  rig.ready(0).ready(1);
  CHECK(rig.exit(0, 0).spawned(0));
}

TEST_CASE("O-05: a replacement that dies within ten seconds waits 0.1 s, doubling up to 60 s") {
  Rig rig(2);
  rig.ready(0).ready(1);
  CHECK(rig.exit(1).spawned(1));
  Duration expected = 100ms;
  for (int i = 0; i < 15; ++i) {
    rig.now += i % 2 == 0 ? 9s : 10s;
    if (i % 3 != 0) rig.ready(1);  // ready or not
    CHECK(rig.exit(1).postponed_by() == expected);
    CHECK(rig.policy.next_deadline() == rig.now + expected);
    CHECK(rig.after(expected - 1ms).steps.empty());
    CHECK(rig.after(1ms).spawned(1));
    expected = std::min<Duration>(expected * 2, 60s);
  }
  CHECK(expected == 60s);
  CHECK(rig.policy.state(0) == WorkerState::Ready);
}

TEST_CASE(
    "O-05: one that served longer than ten seconds is replaced at once, but only 60 s of service reset the wait") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.exit(1);
  CHECK(rig.exit(1).postponed_by() == 100ms);
  rig.after(100ms);
  CHECK(rig.exit(1).postponed_by() == 200ms);
  rig.after(200ms).ready(1);
  rig.now += 11s;
  CHECK(rig.exit(1).spawned(1));
  CHECK(rig.exit(1).postponed_by() == 400ms);
  rig.after(400ms).ready(1);
  rig.now += 60s;
  CHECK(rig.exit(1).spawned(1));
  CHECK(rig.exit(1).postponed_by() == 100ms);
}

TEST_CASE("O-05: service counts from readiness, not from the start") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.exit(1);
  CHECK(rig.exit(1).postponed_by() == 100ms);
  rig.after(100ms);
  rig.after(20s).ready(1);
  rig.now += 59s;
  CHECK(rig.exit(1).spawned(1));               // longer than ten seconds: at once
  CHECK(rig.exit(1).postponed_by() == 200ms);  // yet not the 60 s that forget
}

TEST_CASE("O-05: back-off is per slot") {
  Rig rig(3);
  rig.ready(0).ready(1).ready(2);
  rig.exit(1);
  rig.exit(1);
  CHECK(rig.exit(2).spawned(2));
  CHECK(rig.exit(2).postponed_by() == 100ms);
  CHECK(rig.policy.next_deadline() == rig.now + 100ms);
}

TEST_CASE("O-05 O-03: when every worker has failed before the first was ready, it gives up with 70") {
  Rig rig(2);
  CHECK(rig.exit(0).spawned(0));
  rig.exit(1);
  auto given_up = rig.all<GiveUp>();
  REQUIRE(given_up.size() == 1);
  CHECK(given_up[0].code == contract::Exit::Failed);
  REQUIRE(rig.all<SendStop>().size() == 1);  // worker 0's replacement is still there
  CHECK(rig.all<SendStop>()[0].index == 0);
  CHECK(rig.count<AllGone>() == 0);
  CHECK(rig.exit(0, 0).count<AllGone>() == 1);
  CHECK(!rig.policy.next_deadline());
}

TEST_CASE("O-05: the only worker failing before it was ready ends everything in one step") {
  Rig rig(1);
  rig.exit(0, std::nullopt);
  CHECK(rig.count<GiveUp>() == 1);
  CHECK(rig.count<AllGone>() == 1);
}

TEST_CASE("O-05: once any worker was ready it never gives up") {
  Rig rig(2);
  rig.ready(0);
  for (int i = 0; i < 50; ++i) {
    if (rig.policy.state(0) != WorkerState::Waiting) rig.exit(0);
    CHECK(rig.count<GiveUp>() == 0);
    if (rig.policy.state(1) != WorkerState::Waiting) rig.exit(1);
    CHECK(rig.count<GiveUp>() == 0);
    rig.after(60s);
  }
}

TEST_CASE("O-03: a refused configuration is never retried and gives up with 78") {
  Rig rig(2);
  rig.exit(0, kBadConfig);
  REQUIRE(rig.all<GiveUp>().size() == 1);
  CHECK(rig.all<GiveUp>()[0].code == contract::Exit::BadConfig);
  CHECK(rig.count<Spawn>() == 0);
  CHECK(rig.exit(1, kBadConfig).count<AllGone>() == 1);
}

TEST_CASE(
    "O-05: a replacement that refuses the configuration leaves the serving workers alone until the last is gone") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.exit(1);
  CHECK(rig.exit(1, kBadConfig).steps.empty());
  CHECK(rig.policy.state(1) == WorkerState::Gone);
  CHECK(rig.after(3600s).steps.empty());
  CHECK(rig.exit(0).spawned(0));
  rig.exit(0, kBadConfig);
  CHECK(rig.count<GiveUp>() == 1);
  CHECK(rig.count<AllGone>() == 1);
}

TEST_CASE("O-33 O-05: another configuration gives a slot whose worker refused the last one another process, once") {
  Rig rig(3);
  rig.ready(0).ready(1).ready(2);
  rig.feed(DrainRequested{1, true, std::nullopt});
  rig.exit(1);
  CHECK(rig.exit(1, kBadConfig).steps.empty());
  CHECK(rig.feed(Reconfigured{}).spawned(1));
  CHECK(rig.count<SendDrain>() == 1);
  CHECK(rig.feed(Reconfigured{}).steps.empty());
  CHECK(rig.exit(1, kBadConfig).steps.empty());  // it is no better
  CHECK(rig.feed(Reconfigured{}).spawned(1));
  CHECK(rig.ready(1).policy.state(1) == WorkerState::Ready);
  rig.feed(StopRequested{});
  rig.exit(1, 0);
  CHECK(rig.feed(Reconfigured{}).steps.empty());
}

TEST_CASE("O-05: workers of another version are said once, and again tried until one is ready") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.after(10s);
  CHECK(rig.exit(0).spawned(0));
  CHECK(rig.count<WorkersReplaced>() == 0);
  CHECK(rig.exit(0, kOtherVersion).count<WorkersReplaced>() == 1);
  CHECK(rig.postponed_by() == 100ms);
  CHECK(rig.exit(1, kOtherVersion).count<WorkersReplaced>() == 0);
  CHECK(rig.spawned(1));
  CHECK(rig.after(100ms).spawned(0));  // the old program may be back
  rig.ready(0);
  CHECK(rig.count<GiveUp>() == 0);
  CHECK(rig.exit(1, kOtherVersion).count<WorkersReplaced>() == 1);
}

TEST_CASE("O-05: a supervisor whose workers are of another version from the start gives up, and says why") {
  Rig rig(1);
  rig.exit(0, kOtherVersion);
  CHECK(rig.count<WorkersReplaced>() == 1);
  CHECK(rig.count<GiveUp>() == 1);
}

TEST_CASE("a worker that is not ready within 30 s is killed, once, and then counts as failed") {
  Rig rig(2);
  rig.ready(0);
  CHECK(rig.policy.next_deadline() == rig.now + contract::kReadyWithin);
  CHECK(rig.after(contract::kReadyWithin - 1ms).steps.empty());
  rig.after(1ms);
  REQUIRE(rig.all<Kill>().size() == 1);
  CHECK(rig.all<Kill>()[0].index == 1);
  CHECK(rig.all<Kill>()[0].signal == SIGKILL);
  CHECK(rig.steps.size() == 1);
  CHECK(rig.after(60s).steps.empty());
  CHECK(rig.ready(1).steps.empty());  // too late: it is being killed
  CHECK(rig.policy.state(1) == WorkerState::Ending);
  CHECK(rig.exit(1, std::nullopt).spawned(1));
  rig.after(contract::kReadyWithin);
  CHECK(rig.exit(1, std::nullopt).postponed_by() == 100ms);  // never ready is a quick death, however long it took
}

TEST_CASE("a worker that breaks the control protocol is killed and replaced") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.feed(WorkerMisbehaved{1});
  REQUIRE(rig.all<Kill>().size() == 1);
  CHECK(rig.all<Kill>()[0].index == 1);
  CHECK(rig.exit(1, std::nullopt).spawned(1));
}

TEST_CASE("stop asks every worker once, waits for all, and restarts none") {
  Rig rig(3);
  rig.ready(0).ready(1);
  rig.feed(StopRequested{});
  CHECK(rig.count<SendStop>() == 3);  // also the one that is still starting
  CHECK(rig.count<Kill>() == 0);
  CHECK(rig.policy.stopping());
  CHECK(rig.exit(0, 0).steps.empty());
  CHECK(rig.exit(1, kBadConfig).steps.empty());
  CHECK(rig.ready(2).steps.empty());
  CHECK(rig.exit(2, std::nullopt).count<AllGone>() == 1);
  CHECK(rig.steps.size() == 1);
}

TEST_CASE("what has not stopped after the grace time is killed, the rest is not") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.feed(StopRequested{});
  rig.exit(0, 0);
  CHECK(rig.policy.next_deadline() == rig.now + contract::kStopGrace);
  CHECK(rig.after(contract::kStopGrace - 1ms).steps.empty());
  rig.after(1ms);
  REQUIRE(rig.all<Kill>().size() == 1);
  CHECK(rig.all<Kill>()[0].index == 1);
  CHECK(!rig.policy.next_deadline());
  CHECK(rig.exit(1, std::nullopt).count<AllGone>() == 1);
}

TEST_CASE("a second stop kills at once") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.feed(StopRequested{});
  rig.feed(StopRequested{});
  CHECK(rig.count<Kill>() == 2);
  CHECK(!rig.policy.next_deadline());
}

TEST_CASE("stop while workers wait for their back-off leaves nothing to wait for") {
  Rig rig(2);
  rig.ready(0).ready(1);
  rig.exit(0);
  rig.exit(0);
  CHECK(rig.policy.state(0) == WorkerState::Waiting);
  rig.feed(StopRequested{});
  CHECK(rig.count<SendStop>() == 1);
  CHECK(rig.policy.state(0) == WorkerState::Gone);
  CHECK(rig.exit(1, 0).count<AllGone>() == 1);
  CHECK(rig.after(120s).steps.empty());
}

TEST_CASE("whatever happens, the policy stays consistent and ends when it was told to") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::uint32_t state = seed;
    auto random = [&state](std::uint32_t below) {  // any sequence will do, as long as the seed repeats it
      state = state * 1664525U + 1013904223U;
      return (state >> 16) % below;
    };
    Rig rig(Settings{1 + random(4), 10s, Duration{random(2) * 3000}, 1h});
    const Index workers = static_cast<Index>(rig.all<Spawn>().size());
    std::vector<bool> alive(workers, true);
    bool gone = false;
    for (int i = 0; i < 200 && !gone; ++i) {
      Index index = random(workers);
      rig.steps.clear();
      switch (random(9)) {
        case 0:
          rig.ready(index);
          break;
        case 1:
          if (!alive[index]) continue;
          alive[index] = false;
          rig.exit(index, random(20) == 0 ? kBadConfig : static_cast<int>(random(3)));
          break;
        case 2:
          rig.feed(WorkerMisbehaved{index});
          break;
        case 3:
          if (i > 150) rig.feed(StopRequested{});
          break;
        case 4:
          rig.feed(DrainRequested{index, random(2) == 0, std::nullopt});
          break;
        case 5:
          rig.beat(index);
          break;
        default:
          rig.after(Duration{random(20'000)});
          break;
      }
      for (const auto& step : rig.all<Spawn>()) {
        CHECK(!alive[step.index]);
        CHECK(!gone);
        alive[step.index] = true;
      }
      for (const auto& step : rig.all<Kill>()) CHECK(alive[step.index]);
      gone = gone || rig.count<AllGone>() > 0;
    }
    rig.feed(StopRequested{});
    for (Index i = 0; i < workers; ++i) {
      gone = gone || rig.count<AllGone>() > 0;
      if (alive[i]) rig.exit(i, 0);
    }
    CHECK((gone || rig.count<AllGone>() == 1));
  }
}
