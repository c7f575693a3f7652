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

Policy::Policy(Index workers) : slots_(workers) { NXB_CHECK(workers > 0, "a fleet without workers"); }

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
  slot.was_ready = true;
  ever_ready_ = true;
  replaced_said_ = false;
  bool all = std::ranges::all_of(slots_, [](const Slot& s) { return s.state == WorkerState::Ready; });
  if (all && !std::exchange(all_ready_said_, true)) out.emplace_back(AllReady{});
}

void Policy::handle(const WorkerExited& event, Instant now, Steps& out) {
  Slot& slot = slots_.at(event.index);
  if (!NXB_EXPECT(slot.has_process(), "an exit from a slot without a process")) return;
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

void Policy::handle(const TimePassed&, Instant now, Steps& out) {
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
  }
}

void Policy::handle(const StopRequested&, Instant now, Steps& out) {
  if (stopping_) return kill_all("stop was asked for twice", out);
  stop_all(now, out);
}

void Policy::spawn(Index index, Instant now, Steps& out) {
  Slot& slot = slots_[index];
  slot.state = WorkerState::Starting;
  slot.started_at = now;
  slot.was_ready = false;
  out.emplace_back(Spawn{index});
}

void Policy::kill(Index index, std::string_view why, Steps& out) {
  slots_[index].state = WorkerState::Ending;
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
  stop_all(now, out);
}

void Policy::stop_all(Instant now, Steps& out) {
  stopping_ = true;
  grace_until_ = now + contract::kStopGrace;
  for (Index i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    bool serving = slot.state == WorkerState::Starting || slot.state == WorkerState::Ready;
    if (serving) out.emplace_back(SendStop{i});
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
  if (stopping_) return grace_until_;
  std::optional<Instant> next;
  auto consider = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const Slot& slot : slots_) {
    if (slot.state == WorkerState::Starting) consider(slot.started_at + contract::kReadyWithin);
    if (slot.state == WorkerState::Waiting) consider(slot.due);
  }
  return next;
}

bool Policy::is_consistent() const {
  if (finished_ && !(stopping_ && !grace_until_)) return false;
  return std::ranges::all_of(slots_, [this](const Slot& slot) {
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
