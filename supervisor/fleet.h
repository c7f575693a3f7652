// supervisor/fleet.h - the workers: spawns, feeds and buries them as Policy says; one record per worker slot.
// Runs in: supervisor. I/O: processes, control channels, mailboxes, the stats segment. Owned by: main.
// Mailboxes, segment and listening sockets outlive every worker, so a dead one is replaced in place: what waits in its
// mailbox or in the listen queue is there for the next (ARCHITECTURE, Processes).
// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/secret.h"
#include "common/stats/stats.h"
#include "common/uv/child.h"
#include "common/uv/loop.h"
#include "supervisor/control.h"
#include "supervisor/policy.h"
#include "supervisor/questions.h"
#include "supervisor/sealed_text.h"

namespace nxb::supervisor {

class Fleet final : private ControlSink {
  struct Private {
    explicit Private() = default;
  };

 public:
  struct Listening {
    std::uint16_t number = 0;  // in the configuration's [[listen]]
    int fd = -1;
  };
  struct Setup {
    std::string worker_path;
    std::string config_json;  // for workers; make() takes it out, as it may hold the keys of listeners
    Settings policy;
    std::optional<uv::Identity> worker_identity;  // nothing: as this process
    std::vector<Listening> listeners;  // those open, by number; owned by the caller, alive while they are here
  };
  struct Hooks {
    std::function<void()> on_all_ready;
    std::function<void(Duration at_most)> on_stopping;         // once
    std::function<void(Index, const ipc::Events&)> on_events;  // of sessions; only while published
    std::function<void(Index, int pid, std::uint64_t restarts)> on_worker_ready;
    std::function<void(Index, int pid, const std::string& how, Duration age)> on_worker_exit;
    std::function<std::string(std::string_view what)> on_ask;  // of a worker, for its pages
    std::function<void(contract::Exit)> on_finished;           // no worker process is left; the fleet does nothing more
  };
  struct WorkerInfo {
    Index index = 0;
    int pid = 0;  // 0: no process now
    std::uint32_t generation = 0;
    WorkerState state = WorkerState::Idle;
    bool stuck = false;     // it should serve, and does not answer or its loop stands still
    bool draining = false;  // it takes no new sessions
    Duration uptime{0};
    std::uint64_t restarts = 0;
    std::string last_exit;  // "" = this slot never lost a worker

    std::string_view word() const;  // its state, as all are told it
  };

  // A process that ended without being asked to; its sessions went with it.
  struct Loss {
    Index worker = 0;
    int pid = 0;
    std::string how;
    std::int64_t started_ms = 0, ended_ms = 0;  // since 1970
  };
  static constexpr std::size_t kLossesKept = 4;  // of each worker, the last ones

  static Result<std::unique_ptr<Fleet>> make(uv::Loop& loop, Setup setup, Hooks hooks);
  Fleet(Private, uv::Loop& loop, Setup setup, Hooks hooks, stats::Segment segment, Descriptor null, SealedText config);
  void begin();
  // Goodbyes over that time, or shutdown_timeout; a second call is for haste, a third kills.
  void stop(std::optional<Duration> over = {});
  void drain(std::optional<Index> worker, bool on, std::optional<Duration> goodbye);  // nothing: all of them
  void leave();  // drain, then stop when no session is left
  bool stopping() const { return policy_.stopping(); }
  bool draining() const;        // all of them
  bool standing_still() const;  // some worker's loop

  std::vector<WorkerInfo> workers() const;
  const stats::Segment& stats() const { return segment_; }

  void publish(bool on);                         // whether workers, those to come as well, tell events
  void set_log_level(const std::string& level);  // of workers, those to come as well
  void tell_all(const ipc::Message& message);    // every worker there is just now, but for one that takes nothing
  // Answers come within Questions::kPatience, or that one; of all workers if none is named.
  void ask(std::optional<Index> whom, const std::string& what, const std::string& argument, Questions::Done done,
           std::optional<Duration> patience = std::nullopt);
  // For workers that run and for those to come. What each says of it, within kReloadPatience: "" is that it holds.
  Status reconfigure(std::string config_json, std::vector<Listening> listeners, Questions::Done done);
  static constexpr Duration kReloadPatience{2'000};
  Index owner_of(std::string_view sid) const;
  std::vector<Loss> losses() const;  // by worker, oldest first

 private:
  struct Slot {
    Descriptor mailbox_in;              // what the worker of this slot receives from
    Descriptor mailbox_out;             // what every worker sends to
    Descriptor listener_mail;           // to the process that is here (common/ipc/listener_mail.h)
    std::set<std::uint16_t> listeners;  // those open that it has
    std::uint32_t reload_due = 0;       // it is to be told; the id of the question, 0: it knows
    std::unique_ptr<uv::Child> child;
    std::unique_ptr<Control> control;
    bool told_to_publish = false;
    std::uint64_t spawned = 0;  // processes so far
    Instant started_at{};
    std::string last_exit;
    std::deque<Loss> losses;
  };

  void on_worker_ready(Index index) override;
  void on_worker_events(Index index, const ipc::Events& events) override;
  void on_worker_answer(Index index, const ipc::Answer& answer) override;
  void on_worker_asks(Index index, const ipc::Ask& ask) override;
  void on_worker_reloaded(Index index, const ipc::Reloaded& reloaded) override;
  void on_worker_misbehaved(Index index, std::string_view how) override;
  void on_worker_drained(Index index) override;
  void on_exit(Index index, uv::ChildExit how);

  void on_time();
  void look_whether_empty();
  std::uint64_t sessions() const;
  void deliver(Event event);
  void rearm();
  void perform(const Spawn& step);
  void perform(const Postponed& step);
  void perform(const Kill& step);
  void perform(const SendStop& step);
  void perform(const SendDrain& step);
  void perform(const WorkersReplaced&);
  void perform(const AllReady&);
  void perform(const GiveUp& step);
  void perform(const AllGone&);

  Status start_process(Index index);
  void tell_publish(Slot& slot);
  void tell_reload(Slot& slot);
  Reply::State put_reload(Index index, std::uint32_t id);
  Reply::State put(Index index, const ipc::Question& question);
  std::vector<int> descriptors_for(Index index, int control, int listener_mail) const;  // common/ipc/contract.h

  uv::Loop& loop_;
  Setup setup_;
  Hooks hooks_;
  stats::Segment segment_;
  Descriptor null_;
  SealedText config_;
  HashKey routing_key_;  // one for all workers and for the supervisor's whole life: sids stay where they are
  Policy policy_;
  std::vector<Slot> slots_;
  uv::Timer timer_;
  uv::Timer leaving_;
  std::deque<Event> inbox_;
  bool pumping_ = false;
  bool publishing_ = false;
  std::string log_level_;  // "": the configured one
  bool stopping_told_ = false;
  Questions questions_;
  Questions reloads_;  // of which configuration holds
  contract::Exit exit_code_ = contract::Exit::Clean;
  std::string last_error_;
};

}  // namespace nxb::supervisor
