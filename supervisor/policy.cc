// supervisor/policy.cc - the restart and stop rules; see policy.h for the states.
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#include "supervisor/policy.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/base/check.h"

namespace nxb::supervisor {

std::string_view name_of(WorkerState state) {
  switch (state) {
    case WorkerState::Idle:
      return "idle";
    case WorkerState::Starting:
      return "starting";
    case WorkerState::Ready:
      return "ready";
    case WorkerState::Ending:
      return "ending";
    case WorkerState::Waiting:
      return "waiting";
    case WorkerState::Gone:
      return "gone";
  }
  return "";
}

bool Policy::Slot::has_process() const {
  return state == WorkerState::Starting || state == WorkerState::Ready || state == WorkerState::Ending;
}

Policy::Policy(const Settings& settings) : settings_(settings), slots_(settings.workers) {
  NXB_CHECK(settings.workers > 0, "a fleet without workers");
  NXB_CHECK(settings.watchdog > Duration::zero(), "a watchdog without patience");
}

void Policy::on(const Event& event, Instant now, Steps& out) {
  std::visit([&](const auto& happened) { handle(happened, now, out); }, event);
  NXB_PARANOID_CHECK(is_consistent(), "policy after an event");
}

void Policy::handle(const Begin&, Instant now, Steps& out) {
  for (Index i = 0; i < slots_.size(); ++i) {
    if (slots_[i].state == WorkerState::Idle) spawn(i, now, out);
  }
}

void Policy::handle(const WorkerReady& event, Instant now, Steps& out) {
  Slot& slot = slots_.at(event.index);
  if (slot.state != WorkerState::Starting) return;  // killed or told to stop meanwhile, or said twice
  slot.state = WorkerState::Ready;
  slot.ready_at = now;
  slot.beat_at = now;
  slot.was_ready = true;
  ever_ready_ = true;
  replaced_said_ = false;
  bool all = std::ranges::all_of(slots_, [](const Slot& s) { return s.state == WorkerState::Ready; });
  if (all && !std::exchange(all_ready_said_, true)) out.emplace_back(AllReady{});
}

void Policy::handle(const WorkerExited& event, Instant now, Steps& out) {
  Slot& slot = slots_.at(event.index);
  if (!NXB_EXPECT(slot.has_process(), "an exit from a slot without a process")) return;
  slot.suspected_at.reset();
  slot.kill_at.reset();
  if (stopping_) {
    slot.state = WorkerState::Gone;
    return finish_if_empty(out);
  }
  bool had_failed = std::exchange(slot.has_failed, true);
  if (event.status == static_cast<int>(contract::Exit::BadConfig)) {
    // The same configuration would be refused again. Workers that took it go on serving (they are never touched).
    slot.state = WorkerState::Gone;
    if (!any_ready()) give_up("a worker refused its configuration", contract::Exit::BadConfig, now, out);
    return;
  }
  if (event.status == static_cast<int>(contract::Exit::OtherVersion) && !std::exchange(replaced_said_, true)) {
    out.emplace_back(WorkersReplaced{});
  }
  if (hopeless()) {
    slot.state = WorkerState::Gone;
    return give_up("no worker ever came up", contract::Exit::Failed, now, out);
  }
  bool healthy = slot.was_ready && now - slot.ready_at >= contract::kHealthyAfter;
  bool quick = !slot.was_ready || now - slot.started_at <= contract::kQuickDeath;
  if (healthy) slot.backoff = Duration::zero();
  if (!had_failed || healthy || !quick) return spawn(event.index, now, out);
  replace(event.index, now, out);
}

void Policy::handle(const WorkerMisbehaved& event, Instant, Steps& out) {
  Slot& slot = slots_.at(event.index);
  if (slot.has_process()) kill(event.index, "it broke the control protocol", out);
}

// A worker's word: the segment is its to write.
void Policy::handle(const HeartbeatSeen& event, Instant now, Steps&) {
  Slot& slot = slots_.at(event.index);
  if (slot.state != WorkerState::Ready || event.at <= slot.beat_at) return;
  slot.beat_at = std::min(event.at, now);
  slot.suspected_at.reset();
}

void Policy::handle(const TimePassed&, Instant now, Steps& out) {
  for (Index i = 0; i < slots_.size(); ++i) {
    if (slots_[i].kill_at && now >= *slots_[i].kill_at) kill(i, "it did not die of the abort", out);
  }
  if (leaving_until_ && now >= *leaving_until_) return stop_all(settings_.shutdown_timeout, now, out);
  if (stopping_) {
    if (grace_until_ && now >= *grace_until_) kill_all("it did not stop in time", out);
    return;
  }
  for (Index i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.state == WorkerState::Waiting && now >= slot.due) spawn(i, now, out);
    if (slot.state == WorkerState::Starting && now >= slot.started_at + contract::kReadyWithin) {
      kill(i, "it was not ready in time", out);
    }
    if (slot.state == WorkerState::Ready) watch(i, now, out);
  }
}

void Policy::watch(Index index, Instant now, Steps& out) {
  Slot& slot = slots_[index];
  if (now < next_look(slot)) return;
  if (!slot.suspected_at) {
    slot.suspected_at = now;
    if (now < next_look(slot)) return;
  }
  slot.suspected_at.reset();
  slot.state = WorkerState::Ending;
  slot.kill_at = now + contract::kAbortGrace;
  out.emplace_back(Kill{index, SIGABRT, "its loop stands still"});
}

Instant Policy::next_look(const Slot& slot) const {
  const Duration quarter = settings_.watchdog / 4;
  if (!slot.suspected_at) return slot.beat_at + settings_.watchdog - quarter;
  return std::max(slot.beat_at + settings_.watchdog, *slot.suspected_at + quarter);
}

void Policy::handle(const StopRequested& event, Instant now, Steps& out) {
  if (!stopping_) return stop_all(event.over.value_or(settings_.shutdown_timeout), now, out);
  if (std::exchange(hurried_, true)) return kill_all("stop was asked for again", out);
  if (!grace_until_) return;  // they are being killed
  grace_until_ = std::min(*grace_until_, now + contract::kNowGrace);
  for (Index i = 0; i < slots_.size(); ++i) {
    if (slots_[i].has_process()) out.emplace_back(SendStop{i, Duration::zero()});
  }
}

void Policy::handle(const DrainRequested& event, Instant, Steps& out) {
  if (stopping_) return;
  if (!event.on && !event.index) leaving_until_.reset();  // one worker that serves again keeps nobody here
  for (Index i = 0; i < slots_.size(); ++i) {
    if (!event.index || *event.index == i) set_draining(i, event.on, event.goodbye, out);
  }
}

void Policy::handle(const LeaveRequested&, Instant now, Steps& out) {
  if (stopping_ || leaving_until_) return;
  leaving_until_ = now + settings_.drain_timeout;
  for (Index i = 0; i < slots_.size(); ++i) set_draining(i, true, std::nullopt, out);
}

void Policy::handle(const SessionsGone&, Instant now, Steps& out) {
  if (leaving_until_) stop_all(Duration::zero(), now, out);
}

void Policy::handle(const Reconfigured&, Instant now, Steps& out) {
  if (stopping_) return;
  for (Index i = 0; i < slots_.size(); ++i) {
    if (slots_[i].state == WorkerState::Gone) spawn(i, now, out);
  }
}

void Policy::set_draining(Index index, bool on, std::optional<Duration> goodbye, Steps& out) {
  Slot& slot = slots_[index];
  slot.draining = on;
  bool serving = slot.state == WorkerState::Starting || slot.state == WorkerState::Ready;
  if (serving) out.emplace_back(SendDrain{index, on, goodbye});
}

void Policy::spawn(Index index, Instant now, Steps& out) {
  Slot& slot = slots_[index];
  slot.state = WorkerState::Starting;
  slot.started_at = now;
  slot.was_ready = false;
  out.emplace_back(Spawn{index});
  if (slot.draining) out.emplace_back(SendDrain{index, true, std::nullopt});
}

void Policy::kill(Index index, std::string_view why, Steps& out) {
  slots_[index].state = WorkerState::Ending;
  slots_[index].suspected_at.reset();
  slots_[index].kill_at.reset();
  out.emplace_back(Kill{index, SIGKILL, why});
}

void Policy::kill_all(std::string_view why, Steps& out) {
  grace_until_.reset();
  for (Index i = 0; i < slots_.size(); ++i) {
    if (slots_[i].has_process()) kill(i, why, out);
  }
}

// Back-off: the slot has failed before, and soon after its last start.
void Policy::replace(Index index, Instant now, Steps& out) {
  Slot& slot = slots_[index];
  slot.backoff = std::clamp(slot.backoff * 2, contract::kFirstBackoff, contract::kBackoffCeiling);
  slot.state = WorkerState::Waiting;
  slot.due = now + slot.backoff;
  out.emplace_back(Postponed{index, slot.backoff});
}

void Policy::give_up(std::string_view why, contract::Exit code, Instant now, Steps& out) {
  out.emplace_back(GiveUp{why, code});
  stop_all(Duration::zero(), now, out);
}

void Policy::stop_all(Duration over, Instant now, Steps& out) {
  stopping_ = true;
  hurried_ = over == Duration::zero();
  leaving_until_.reset();
  grace_until_ = now + over + contract::kStopGrace;
  for (Index i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    bool serving = slot.state == WorkerState::Starting || slot.state == WorkerState::Ready;
    if (serving) out.emplace_back(SendStop{i, over});
    slot.suspected_at.reset();
    slot.state = slot.has_process() ? WorkerState::Ending : WorkerState::Gone;
  }
  finish_if_empty(out);
}

void Policy::finish_if_empty(Steps& out) {
  if (std::ranges::any_of(slots_, [](const Slot& s) { return s.state != WorkerState::Gone; })) return;
  grace_until_.reset();
  finished_ = true;
  out.emplace_back(AllGone{});
}

bool Policy::any_ready() const {
  return std::ranges::any_of(slots_, [](const Slot& s) { return s.state == WorkerState::Ready; });
}

bool Policy::hopeless() const {
  return !ever_ready_ && std::ranges::all_of(slots_, [](const Slot& s) { return s.has_failed; });
}

std::optional<Instant> Policy::next_deadline() const {
  std::optional<Instant> next = stopping_ ? grace_until_ : leaving_until_;
  auto consider = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const Slot& slot : slots_) {
    if (slot.kill_at) consider(*slot.kill_at);
    if (slot.state == WorkerState::Ready) consider(next_look(slot));
    if (slot.state == WorkerState::Starting) consider(slot.started_at + contract::kReadyWithin);
    if (slot.state == WorkerState::Waiting) consider(slot.due);
  }
  return next;
}

bool Policy::is_consistent() const {
  if (finished_ && !(stopping_ && !grace_until_)) return false;
  if (stopping_ && leaving_until_) return false;
  return std::ranges::all_of(slots_, [this](const Slot& slot) {
    if (slot.suspected_at && slot.state != WorkerState::Ready) return false;
    if (slot.kill_at && slot.state != WorkerState::Ending) return false;
    switch (slot.state) {  // no default: a new state must be thought about here
      case WorkerState::Idle:
        return !stopping_ && !slot.has_failed;
      case WorkerState::Starting:
        return !stopping_ && !slot.was_ready;
      case WorkerState::Ready:
        return !stopping_ && slot.was_ready && ever_ready_;
      case WorkerState::Ending:
        return !finished_;
      case WorkerState::Waiting:
        return !stopping_ && slot.has_failed && slot.backoff >= contract::kFirstBackoff &&
               slot.backoff <= contract::kBackoffCeiling;
      case WorkerState::Gone:
        return stopping_ || slot.has_failed;
    }
    return false;
  });
}

}  // namespace nxb::supervisor
