// tests/unit/common/deadlines_test.cc - the queue against a naive model, and the timer behind it.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "common/uv/deadlines.h"
#include "tests/support/loop_rig.h"

namespace nxb::uv {
namespace {

using testing::LoopRig;

TEST_CASE("the queue fires what a naive table would fire, in the same order of instants") {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    auto below = [&random](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    DeadlineQueue queue;
    std::map<std::pair<int, std::uint64_t>, Instant> model;
    Instant now{1'000ms};
    for (int step = 0; step < 1500; ++step) {
      DeadlineKey key{static_cast<DeadlineFamily>(below(3)), below(40)};
      switch (below(8)) {
        case 0:
        case 1:
        case 2:
        case 3: {
          Instant at = now + Duration(below(2) == 0 ? below(20) : below(2000));
          queue.set(key, at);
          model[{key.family, key.id}] = at;
          break;
        }
        case 4:
        case 5:
          queue.clear(key);
          model.erase({key.family, key.id});
          break;
        default: {
          now += Duration(below(30));
          Instant last{};
          while (auto due = queue.take_due(now)) {
            auto at = model.find({due->family, due->id});
            REQUIRE(at != model.end());
            REQUIRE(at->second <= now);
            REQUIRE(at->second >= last);
            last = at->second;
            model.erase(at);
          }
        }
      }
      REQUIRE(queue.size() == model.size());
      REQUIRE(queue.next().has_value() >= !model.empty());
      if (!model.empty()) {
        auto by_instant = [](const auto& a, const auto& b) { return a.second < b.second; };
        REQUIRE(*queue.next() <= std::ranges::min_element(model, by_instant)->second);
      }
    }
    while (auto due = queue.take_due(now + 1h)) model.erase({due->family, due->id});
    CHECK(model.empty());
    CHECK_FALSE(queue.next().has_value());
  }
}

TEST_CASE("nothing that is due stays behind") {
  DeadlineQueue queue;
  queue.set({0, 1}, Instant{10ms});
  queue.set({0, 1}, Instant{500ms});  // later: lazily
  queue.set({0, 2}, Instant{300ms});
  queue.set({0, 2}, Instant{20ms});  // earlier
  queue.set({1, 1}, Instant{20ms});  // another family's 1
  CHECK(queue.size() == 3);
  CHECK(*queue.next() <= Instant{20ms});
  CHECK_FALSE(queue.take_due(Instant{19ms}).has_value());
  CHECK(queue.take_due(Instant{20ms}).has_value());
  CHECK(queue.take_due(Instant{20ms}).has_value());
  CHECK_FALSE(queue.take_due(Instant{499ms}).has_value());
  CHECK(queue.take_due(Instant{500ms}) == DeadlineKey{0, 1});
  CHECK(queue.size() == 0);
}

struct Recorder final : DeadlineSink {
  void on_deadline(std::uint64_t id, Instant now) override {
    fired.emplace_back(id, now);
    if (then) then(id, now);
  }
  std::vector<std::pair<std::uint64_t, Instant>> fired;
  std::function<void(std::uint64_t, Instant)> then;
};

TEST_CASE("a deadline reaches the sink of its family, not before its instant") {
  LoopRig rig;
  Deadlines deadlines(rig.loop);
  Recorder sessions;
  Recorder requests;
  auto of_sessions = deadlines.add(sessions);
  auto of_requests = deadlines.add(requests);
  Instant start = rig.loop.now();
  deadlines.set(of_sessions, 7, start + 15ms);
  deadlines.set(of_requests, 7, start + 5ms);
  deadlines.set(of_requests, 8, start + 5ms);
  deadlines.clear(of_requests, 8);
  CHECK(deadlines.size() == 2);
  REQUIRE(rig.run_until([&] { return deadlines.size() == 0; }));
  REQUIRE(sessions.fired.size() == 1);
  REQUIRE(requests.fired.size() == 1);
  CHECK(sessions.fired[0].first == 7);
  CHECK(sessions.fired[0].second >= start + 15ms);
  CHECK(requests.fired[0].second >= start + 5ms);
}

TEST_CASE("a deadline moved earlier wakes the loop earlier; one moved later does not fire early") {
  LoopRig rig;
  Deadlines deadlines(rig.loop);
  Recorder sink;
  auto family = deadlines.add(sink);
  Instant start = rig.loop.now();
  deadlines.set(family, 1, start + 1h);
  deadlines.set(family, 1, start + 3ms);
  deadlines.set(family, 2, start + 1ms);
  deadlines.set(family, 2, start + 30ms);
  REQUIRE(rig.run_until([&] { return sink.fired.size() == 2; }));
  CHECK(sink.fired[0].first == 1);
  CHECK(sink.fired[1].first == 2);
  CHECK(sink.fired[1].second >= start + 30ms);
}

TEST_CASE("a sink may set, clear and move deadlines while they fire") {
  LoopRig rig;
  Deadlines deadlines(rig.loop);
  Recorder sink;
  auto family = deadlines.add(sink);
  Instant start = rig.loop.now();
  sink.then = [&](std::uint64_t id, Instant now) {
    if (id == 1) {
      deadlines.clear(family, 2);            // due as well, and now it must not fire
      deadlines.set(family, 3, now + 20ms);  // due as well, and now it is not
      deadlines.set(family, 1, now - 1s);    // itself, in the past
      if (sink.fired.size() >= 3) sink.then = nullptr;
    }
  };
  deadlines.set(family, 1, start + 1ms);
  deadlines.set(family, 2, start + 2ms);
  deadlines.set(family, 3, start + 2ms);
  REQUIRE(rig.run_until([&] { return !sink.fired.empty() && sink.fired.back().first == 3; }));
  Instant last{};
  for (const auto& [id, at] : sink.fired) {
    CHECK(id != 2);
    if (id == 1) CHECK(at > last);  // never twice in one turn
    last = at;
  }
}

TEST_CASE("without deadlines the loop is not kept going") {
  Loop loop;
  Deadlines deadlines(loop);
  Recorder sink;
  auto family = deadlines.add(sink);
  deadlines.set(family, 1, loop.now() + 1h);
  deadlines.clear(family, 1);
  loop.run();  // returns
  CHECK(sink.fired.empty());
}

TEST_CASE("a hundred thousand moves and cancellations leave no heap behind") {
  DeadlineQueue queue;
  bool bounded = true;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    queue.set({0, i % 50}, Instant{Duration(1'000'000 - static_cast<Duration::rep>(i))});
    if (i % 3 == 0) queue.clear({0, i % 50});
    bounded = bounded && queue.heap_size() <= 2 * queue.size() + 64;
  }
  CHECK(bounded);
}

}  // namespace
}  // namespace nxb::uv
