// supervisor/policy.h - when workers are started, drained, killed, stopped and given up on, as a state machine (O-05,
// O-06, O-08).
// Runs in: supervisor. I/O: none; time is an argument. Owned by: Fleet, which carries the steps out.
//
//   Idle --> Starting --> Ready          Starting and Ready: a process exists and is wanted
//              ^   \        /
//              |    v      v             an exit, whatever its cause, leads on from every state with a process
//            Waiting <-- exit --> Gone   Gone: this slot stays empty (stopping, or its configuration was refused: until
//                                        there is another)
//                                        Ending: killed or told to stop, its exit is awaited
//
// A worker that dies is replaced at once. A replacement that dies within kQuickDeath, or before it was ready, waits for
// kFirstBackoff, doubling up to kBackoffCeiling, until one has served for kHealthyAfter. Other workers are never
// touched.
//
// A ready worker whose heartbeat stands still is under suspicion after 3/4 of `watchdog`, and aborted when all of it has
// passed and the suspicion has lasted for the last 1/4: if it was this process that stood still, or all of them, workers
// have the time to turn first. What an abort does not end is killed kAbortGrace later.
// To drain is to take no new sessions; a worker that drains is ready all the same. Its replacement drains, too.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/ipc/contract.h"

namespace nxb::supervisor {

using Index = std::uint32_t;  // a worker's number, from 0

// What happened.
struct Begin {};  // once, first
struct WorkerReady {
  Index index;
};
struct WorkerExited {  // also when it could not even be spawned
  Index index;
  std::optional<int> status;  // nothing: ended by a signal, or not spawned
};
struct WorkerMisbehaved {  // it said what no worker of this build says
  Index index;
};
struct HeartbeatSeen {  // told before TimePassed, of every ready worker
  Index index;
  Instant at;  // when its loop turned last
};
struct TimePassed {};
struct StopRequested {           // SIGTERM or SIGINT; a second one means at once, a third kills
  std::optional<Duration> over;  // goodbyes; nothing: shutdown_timeout
};
struct DrainRequested {
  std::optional<Index> index;  // nothing: all
  bool on;
  std::optional<Duration> goodbye;  // its sessions are told to go, over that time
};
struct LeaveRequested {};  // SIGQUIT: drain, and stop when no session is left or drain_timeout is over
struct SessionsGone {};    // none is left; told while leaving
struct Reconfigured {};    // workers to come get another configuration
using Event = std::variant<Begin, WorkerReady, WorkerExited, WorkerMisbehaved, HeartbeatSeen, TimePassed, StopRequested,
                           DrainRequested, LeaveRequested, SessionsGone, Reconfigured>;

// What to do about it.
struct Spawn {
  Index index;
};
struct Postponed {  // nothing to do but to say so; Spawn follows when `in` has passed
  Index index;
  Duration in;
};
struct Kill {
  Index index;
  int signal;
  std::string_view why;
};
struct SendStop {
  Index index;
  Duration over;
};
struct SendDrain {
  Index index;
  bool on;
  std::optional<Duration> goodbye;
};
struct WorkersReplaced {
};                   // to be said: the program on disk is not of this version. Once, until a worker is ready again
struct AllReady {};  // once: from now on every worker serves
struct GiveUp {      // AllGone follows
  std::string_view why;
  contract::Exit code;
};
struct AllGone {};  // last: no worker process is left and none will be started
using Step = std::variant<Spawn, Postponed, Kill, SendStop, SendDrain, WorkersReplaced, AllReady, GiveUp, AllGone>;
using Steps = std::vector<Step>;

enum class WorkerState : std::uint8_t { Idle, Starting, Ready, Ending, Waiting, Gone };
std::string_view name_of(WorkerState state);

struct Settings {
  Index workers = 1;
  Duration watchdog{10'000};
  Duration shutdown_timeout{30'000};
  Duration drain_timeout{3'600'000};
};

class Policy final {
 public:
  explicit Policy(const Settings& settings);
  void on(const Event& event, Instant now, Steps& out);
  std::optional<Instant> next_deadline() const;
  bool is_consistent() const;

  WorkerState state(Index index) const { return slots_.at(index).state; }
  bool stopping() const { return stopping_; }
  bool leaving() const { return leaving_until_.has_value(); }
  bool draining(Index index) const { return slots_.at(index).draining; }
  bool silent(Index index) const { return slots_.at(index).suspected_at.has_value(); }

 private:
  struct Slot {
    WorkerState state = WorkerState::Idle;
    Instant started_at{};                      // meaningful while a process exists
    Instant ready_at{};                        // meaningful while `was_ready`
    Instant due{};                             // Waiting: when to spawn
    Duration backoff{0};                       // the last wait; 0 = none yet
    bool was_ready = false;                    // this process was ready at some time
    bool has_failed = false;                   // some process of this slot ended without being asked to
    bool draining = false;                     // whatever process it has
    Instant beat_at{};                         // Ready: its last sign of life
    std::optional<Instant> suspected_at = {};  // Ready: since when it is thought to stand still
    std::optional<Instant> kill_at = {};       // Ending: it was aborted, and may fail to die of that
    bool has_process() const;
  };

  void handle(const Begin&, Instant now, Steps& out);
  void handle(const WorkerReady& event, Instant now, Steps& out);
  void handle(const WorkerExited& event, Instant now, Steps& out);
  void handle(const WorkerMisbehaved& event, Instant now, Steps& out);
  void handle(const HeartbeatSeen& event, Instant now, Steps& out);
  void handle(const TimePassed&, Instant now, Steps& out);
  void handle(const StopRequested& event, Instant now, Steps& out);
  void handle(const DrainRequested& event, Instant now, Steps& out);
  void handle(const LeaveRequested&, Instant now, Steps& out);
  void handle(const SessionsGone&, Instant now, Steps& out);
  void handle(const Reconfigured&, Instant now, Steps& out);

  void spawn(Index index, Instant now, Steps& out);
  void kill(Index index, std::string_view why, Steps& out);
  void kill_all(std::string_view why, Steps& out);
  void replace(Index index, Instant now, Steps& out);
  void give_up(std::string_view why, contract::Exit code, Instant now, Steps& out);
  void watch(Index index, Instant now, Steps& out);
  Instant next_look(const Slot& slot) const;
  void set_draining(Index index, bool on, std::optional<Duration> goodbye, Steps& out);
  void stop_all(Duration over, Instant now, Steps& out);
  void finish_if_empty(Steps& out);
  bool any_ready() const;
  bool hopeless() const;  // every slot has failed and none was ever ready

  Settings settings_;
  std::vector<Slot> slots_;
  bool stopping_ = false;
  bool hurried_ = false;  // stopping: goodbyes are due at once
  bool ever_ready_ = false;
  bool all_ready_said_ = false;
  bool replaced_said_ = false;
  bool finished_ = false;
  std::optional<Instant> grace_until_;    // stopping: when what is left is killed
  std::optional<Instant> leaving_until_;  // not stopping yet: when it stops, sessions or not
};

}  // namespace nxb::supervisor
