// worker/gateway/pump.h - events into a machine, its actions out, one event at a time.
// Runs in: worker. I/O: none. Lives in a session's cell, beside its machine.
// What is performed may raise events of the same session at once. They wait here for the loop already running: a
// machine is never entered twice, and no depth of calls grows with what peers do.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
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
 public:
  void put(Event event) { inbox_.push_back(std::move(event)); }

  // `first`: what the machine asked for before its first event. `most`: events that one event may cause.
  template <class Now, class Perform>
  Pumped run(Session& session, const Now& now, std::size_t most, const Perform& perform,
             std::vector<Action> first = {}) {
    if (std::exchange(running_, true)) return Pumped::ByAnother;
    std::vector<Action> actions = std::move(first);
    for (auto& action : actions) perform(action);
    for (std::size_t i = 0; i < inbox_.size(); ++i) {
      if (!NXB_EXPECT(i < most, "one event causes bounded work")) return Pumped::Restless;
      Event event = std::move(inbox_[i]);
      actions.clear();
      session.on(std::move(event), now(), actions);
      for (auto& action : actions) perform(action);
    }
    inbox_.clear();
    inbox_.shrink_to_fit();  // an idle session keeps nothing
    running_ = false;
    return Pumped::AtRest;
  }

 private:
  std::vector<Event> inbox_;
  bool running_ = false;
};

}  // namespace nxb::gateway
