// common/stats/pulse.h - a worker's sign of life in the shared segment: when its loop last turned, and what it did last.
// Runs in: worker (writes its own), supervisor (reads all: the watchdog, O-06), worker (reads whether others take sessions).
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "common/base/clock.h"

namespace nxb::stats {

// What a turn of the loop is about, as far as it is marked. The words are for the log.
#define NXB_ACTIVITIES(X)                      \
  X(Starting, "starting")                      \
  X(Waiting, "waiting for events")             \
  X(Request, "a BOSH request")                 \
  X(Socket, "a WebSocket message")             \
  X(Server, "what a server said")              \
  X(Deadline, "a deadline of a session")       \
  X(Arrival, "a connection of another worker") \
  X(Question, "a question of the supervisor")  \
  X(Goodbye, "goodbyes to its sessions")
#define NXB_ACTIVITY(name, text) name,
enum class Activity : std::uint32_t { NXB_ACTIVITIES(NXB_ACTIVITY) };
#undef NXB_ACTIVITY

inline std::string_view name_of(Activity activity) {
#define NXB_ACTIVITY(name, text) std::string_view(text),
  constexpr std::array kNames{NXB_ACTIVITIES(NXB_ACTIVITY)};
#undef NXB_ACTIVITY
  auto at = static_cast<std::size_t>(activity);
  return at < kNames.size() ? kNames[at] : "unknown";  // the memory is a worker's
}

// In the segment, on cache lines of its own. All zeros: never turned, starting, takes no sessions: there is no process,
// or it is not ready. Only a process that serves sets `open`, and its end clears it.
struct PulseSlot {
  std::atomic<std::int64_t> beat_ms;    // of the monotonic clock
  std::atomic<std::uint32_t> activity;  // Activity
  std::atomic<std::uint32_t> open;      // takes new sessions
};

// The writer's side.
class Pulse {
 public:
  explicit Pulse(PulseSlot* slot) : slot_(slot) {}
  void beat(Instant now) { slot_->beat_ms.store(now.time_since_epoch().count(), std::memory_order_relaxed); }
  void doing(Activity activity) {
    slot_->activity.store(static_cast<std::uint32_t>(activity), std::memory_order_relaxed);
  }
  void set_open(bool on) { slot_->open.store(on ? 1 : 0, std::memory_order_relaxed); }

 private:
  PulseSlot* slot_;
};

// The reader's.
struct Sign {
  Instant at{};
  Activity activity = Activity::Starting;
  bool open = false;
};

}  // namespace nxb::stats
