// tests/unit/supervisor/policy_rig.h - a policy and a clock of our own; the steps of the last event are kept.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <csignal>
#include <optional>
#include <vector>

#include "supervisor/policy.h"

namespace nxb::supervisor {

// count<Spawn>() asks for them.
struct Rig {
  // Without a watchdog that these tests would have to feed, and with goodbyes at once, unless a test asks for them.
  explicit Rig(Index workers) : Rig(Settings{workers, 24h * 365, 0s, 1h}) {}
  explicit Rig(const Settings& settings) : policy(settings) { feed(Begin{}); }
  Rig& feed(const Event& event) {
    steps.clear();
    policy.on(event, now, steps);
    CHECK(policy.is_consistent());
    auto deadline = policy.next_deadline();
    if (std::holds_alternative<TimePassed>(event) && deadline) CHECK(*deadline > now);  // nothing is due
    return *this;
  }
  Rig& after(Duration wait) {
    now += wait;
    return feed(TimePassed{});
  }
  Rig& exit(Index index, std::optional<int> status = 1) { return feed(WorkerExited{index, status}); }
  Rig& ready(Index index) { return feed(WorkerReady{index}); }
  Rig& beat(Index index) { return feed(HeartbeatSeen{index, now}); }
  bool killed(Index index, int signal) const {
    auto found = all<Kill>();
    return found.size() == 1 && found[0].index == index && found[0].signal == signal;
  }
  template <class S>
  std::vector<S> all() const {
    std::vector<S> found;
    for (const auto& step : steps) {
      if (const auto* wanted = std::get_if<S>(&step)) found.push_back(*wanted);
    }
    return found;
  }
  template <class S>
  std::size_t count() const {
    return all<S>().size();
  }
  Duration postponed_by() const {
    auto found = all<Postponed>();
    return found.size() == 1 && count<Spawn>() == 0 ? found[0].in : Duration{-1};
  }
  bool spawned(Index index) const {
    auto found = all<Spawn>();
    return found.size() == 1 && found[0].index == index && count<Postponed>() == 0;
  }

  Instant now{1'000'000ms};
  Policy policy;
  Steps steps;
};

}  // namespace nxb::supervisor
