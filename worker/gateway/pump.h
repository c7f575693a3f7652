// worker/gateway/pump.h - events into a machine, its actions out, one event at a time.
// Runs in: worker. I/O: none. Lives in a session's cell, beside its machine.
// What is performed may raise events of the same session at once. They wait here for the loop already running: a
// machine is never entered twice, and no depth of calls grows with what peers do.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/check.h"

namespace nxb::gateway {

enum class Pumped : std::uint8_t {
  AtRest,
  ByAnother,  // the loop further up the stack takes the event
  Restless,   // a loop between a session and its peer: its cell must go, nothing more is taken
};

template <class Session, class Event, class Action>
class Pump {
  static constexpr std::size_t kUsualActions = 3;
  struct Nothing {
    std::optional<Event> operator()() const { return std::nullopt; }
  };

 public:
  // `event` now, or after what the machine is at further up the stack. `most`: events that one event may cause.
  // `after`: asked when an event was taken and its actions performed; what it tells is the next event.
  template <class Now, class Perform, class After = Nothing>
  Pumped run(Session& session, Event&& event, const Now& now, std::size_t most, const Perform& perform,
             const After& after = {}) {
    if (running_) {
      inbox_.push_back(std::move(event));
      return Pumped::ByAnother;
    }
    running_ = true;
    std::vector<Action> actions;
    actions.reserve(kUsualActions);
    take(session, std::move(event), 0, actions, now, perform, after);
    return take_raised(session, actions, now, most, perform, after);
  }

  // What the machine asked for before its first event.
  template <class Now, class Perform>
  Pumped begin(Session& session, std::vector<Action> actions, const Now& now, std::size_t most,
               const Perform& perform) {
    running_ = true;
    for (auto& action : actions) perform(action);
    return take_raised(session, actions, now, most, perform, Nothing{});
  }

 private:
  // `taken`: how many of the inbox were taken before.
  template <class Now, class Perform, class After>
  void take(Session& session, Event&& event, std::size_t taken, std::vector<Action>& actions, const Now& now,
            const Perform& perform, const After& after) {
    actions.clear();
    session.on(std::move(event), now(), actions);
    for (auto& action : actions) perform(action);
    if (std::optional<Event> next = after()) {
      inbox_.insert(inbox_.begin() + static_cast<std::ptrdiff_t>(taken), *std::move(next));
    }
  }

  template <class Now, class Perform, class After>
  Pumped take_raised(Session& session, std::vector<Action>& actions, const Now& now, std::size_t most,
                     const Perform& perform, const After& after) {
    for (std::size_t taken = 0; taken < inbox_.size();) {
      if (!NXB_EXPECT(taken + 1 < most, "one event causes bounded work")) return Pumped::Restless;
      Event event = std::move(inbox_[taken++]);
      take(session, std::move(event), taken, actions, now, perform, after);
    }
    if (inbox_.capacity() != 0) inbox_ = {};  // an idle session keeps nothing
    running_ = false;
    return Pumped::AtRest;
  }

  std::vector<Event> inbox_;  // raised while the machine was busy
  bool running_ = false;
};

}  // namespace nxb::gateway
