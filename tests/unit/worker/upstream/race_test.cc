// tests/unit/worker/upstream/race_test.cc - which address is tried when, in virtual time.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "worker/upstream/race.h"

namespace nxb::upstream {
namespace {

// Plays a race and writes down what it does: "L1" look up target 1, "C0" begin attempt 0, "D0" drop it because another
// won, "T0" because its time is over, "W0" won, "lost", "late".
struct Track {
  explicit Track(std::size_t targets, Duration whole = 20s, Duration each = 10s)
      : race(RaceSetup{targets, each, start + whole}) {}
  void on(const race::Event& event) {
    race::Actions out;
    race.on(event, now, out);
    for (const auto& action : out) std::visit([this](const auto& it) { write(it); }, action);
    REQUIRE(race.is_consistent());
    if (auto due = race.next_deadline()) REQUIRE(*due > now);  // else it would turn in circles
  }
  void resolve(std::size_t count) {
    std::vector<Address> addresses;
    for (std::size_t i = 0; i < count; ++i) addresses.push_back(*Address::parse("192.0.2.1:" + std::to_string(1 + i)));
    on(race::Resolved{std::move(addresses)});
  }
  // Time goes on, from deadline to deadline.
  void pass(Duration time) {
    Instant end = now + time;
    while (auto due = race.next_deadline()) {
      if (*due > end) break;
      now = *due;
      on(race::TimePassed{});
    }
    now = end;
  }
  std::string took() { return std::exchange(log, {}); }

  void write(const race::LookUp& it) { add("L", it.target); }
  void write(const race::Connect& it) {
    add("C", it.attempt);
    target = it.target;
    begun.insert(it.attempt);
  }
  void write(const race::Drop& it) { add(it.timed_out ? "T" : "D", it.attempt); }
  void write(const race::Won& it) { add("W", it.attempt); }
  void write(const race::Lost& it) { log += it.timed_out ? "late " : "lost "; }
  void add(const char* what, std::size_t number) { log += what + std::to_string(number) + " "; }

  const Instant start{Duration{1'000'000}};
  Instant now = start;
  Race race;
  std::string log;
  std::size_t target = 0;  // of the last attempt
  std::set<std::size_t> begun;
};

TEST_CASE(
    "U-11 the first address at once, the next after 250 ms each; the first that connects wins, others are dropped") {
  Track track(2);
  track.on(race::Started{});
  CHECK(track.took() == "L0 ");
  track.resolve(3);
  CHECK(track.took() == "C0 ");
  track.pass(249ms);
  CHECK(track.took() == "");
  track.pass(1ms);
  CHECK(track.took() == "C1 ");
  track.pass(250ms);
  CHECK(track.took() == "C2 ");
  track.on(race::Connected{1});
  CHECK(track.took() == "D0 D2 W1 ");
  CHECK(!track.race.next_deadline());
  track.on(race::Connected{0});  // late
  track.on(race::Failed{2});
  track.on(race::TimePassed{});
  CHECK(track.took() == "");
}

TEST_CASE("U-11 what fails is followed at once, and only then is nothing left") {
  Track track(1);
  track.on(race::Started{});
  track.resolve(3);
  track.on(race::Failed{0});
  CHECK(track.took() == "L0 C0 C1 ");
  track.pass(100ms);
  track.on(race::Failed{1});
  CHECK(track.took() == "C2 ");
  track.on(race::Failed{2});
  CHECK(track.took() == "lost ");
}

TEST_CASE("U-11 every address of a target comes before the next target, which follows at once when all have failed") {
  Track track(3);
  track.on(race::Started{});
  track.resolve(2);
  track.on(race::Failed{0});
  track.on(race::Failed{1});
  CHECK(track.took() == "L0 C0 C1 L1 ");
  track.resolve(0);  // no such name, or none that may be connected to
  CHECK(track.took() == "L2 ");
  track.resolve(1);
  CHECK(track.took() == "C2 ");
  CHECK(track.target == 2);
}

TEST_CASE("U-11 a silent target has two seconds before a standby is tried beside it, and may still win") {
  Track track(2);
  track.on(race::Started{});
  track.resolve(1);
  track.pass(1999ms);
  CHECK(track.took() == "L0 C0 ");
  track.pass(1ms);
  CHECK(track.took() == "L1 ");
  track.pass(3s);  // the look-up takes its time
  track.resolve(2);
  CHECK(track.took() == "C1 ");
  track.pass(250ms);
  CHECK(track.took() == "C2 ");
  track.on(race::Connected{0});
  CHECK(track.took() == "D1 D2 W0 ");
}

TEST_CASE("U-17 ten seconds for an address, twenty for all, eight addresses") {
  Track one(1);
  one.on(race::Started{});
  one.resolve(1);
  one.pass(9999ms);
  CHECK(one.took() == "L0 C0 ");
  one.pass(1ms);
  CHECK(one.took() == "T0 lost ");

  Track all(2);
  all.on(race::Started{});
  all.pass(15s);
  all.resolve(1);
  all.pass(4999ms);
  CHECK(all.took() == "L0 C0 L1 ");
  all.pass(1ms);
  CHECK(all.took() == "T0 late ");
  all.resolve(1);  // too late
  CHECK(all.took() == "");

  Track many(3);
  many.on(race::Started{});
  many.resolve(6);
  for (std::size_t i = 0; i < 6; ++i) many.on(race::Failed{i});
  many.resolve(6);
  CHECK(many.took() == "L0 C0 C1 C2 C3 C4 C5 L1 C6 ");
  many.on(race::Failed{6});
  many.on(race::Failed{7});
  CHECK(many.took() == "C7 lost ");
  CHECK(many.begun.size() == Race::kMaxAddresses);
}

TEST_CASE("U-12 U-17 no more than eight targets are looked up, however many there are and none has an address") {
  Track many(64);
  many.on(race::Started{});
  for (std::size_t i = 0; i < Race::kMaxTargets; ++i) many.resolve(0);
  CHECK(many.took() == "L0 L1 L2 L3 L4 L5 L6 L7 lost ");

  Track slow(64);
  slow.on(race::Started{});
  slow.resolve(0);
  for (std::size_t i = 1; i < Race::kMaxTargets; ++i) {
    slow.pass(1s);
    slow.resolve(i == 3 ? 1 : 0);
  }
  CHECK(slow.took().find("L8") == std::string::npos);
}

TEST_CASE("U-17 a name server that says nothing ends with the whole time") {
  Track track(1);
  track.on(race::Started{});
  track.pass(20s);
  CHECK(track.took() == "L0 late ");
}

TEST_CASE("U-11 a winner of no use: those that it drove out have their turn again, then the next target") {
  Track track(2);
  track.on(race::Started{});
  track.resolve(2);
  track.pass(250ms);
  track.on(race::Connected{1});
  CHECK(track.took() == "L0 C0 C1 D0 W1 ");
  track.on(race::GoOn{});
  CHECK(track.took() == "C0 ");
  track.pass(2s);
  CHECK(track.took() == "L1 ");
  track.on(race::Connected{0});  // the look-up is left
  track.on(race::GoOn{});
  CHECK(track.took() == "W0 L1 ");
  track.resolve(1);
  track.on(race::Connected{2});
  track.pass(20s);
  track.on(race::GoOn{});
  CHECK(track.took() == "C2 W2 late ");
}

TEST_CASE("U-11 U-17 whatever happens, a race ends in time, keeps its bounds and never turns in circles") {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 dice(seed);
    auto up_to = [&](std::size_t most) { return static_cast<std::size_t>(dice() % (most + 1)); };
    Track track(1 + up_to(4));
    track.on(race::Started{});
    int won = 0;
    for (int i = 0; i < 200 && track.race.state() != Race::State::Lost; ++i) {
      switch (up_to(9)) {
        case 0:
          if (!track.begun.empty()) track.on(race::Connected{*track.begun.rbegin()});
          break;
        case 1:
        case 2:
          if (!track.begun.empty()) track.on(race::Failed{up_to(*track.begun.rbegin())});
          break;
        case 3:
        case 4:
          track.resolve(up_to(5));
          break;
        default:
          track.pass(Duration{up_to(3000)});
      }
      if (track.race.state() != Race::State::Won) continue;
      if (++won == 3) break;
      track.on(race::GoOn{});
    }
    CAPTURE(seed);
    if (track.race.state() == Race::State::Running) track.pass(20s);
    CHECK(track.race.state() != Race::State::Running);
    CHECK(track.begun.size() <= Race::kMaxAddresses);
  }
}

}  // namespace
}  // namespace nxb::upstream
