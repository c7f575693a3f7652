// worker/upstream/race.cc - see race.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/race.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace nxb::upstream {

using namespace race;

void Race::on(const Event& event, Instant now, Actions& out) {
  std::visit([&](const auto& each) { take(each, now, out); }, event);
  NXB_PARANOID_CHECK(is_consistent(), "race after an event");
}

bool Race::is_consistent() const {
  if (entries_.size() > kMaxAddresses || next_target_ > std::min(setup_.targets, kMaxTargets)) return false;
  switch (state_) {
    case State::Idle:
      return entries_.empty() && next_target_ == 0 && !looking_up_;
    case State::Running:
      return trying() > 0 || looking_up_;  // else it waits for nothing
    case State::Won:
    case State::Lost:
      return trying() == 0 && !looking_up_;
  }
  return false;
}

std::size_t Race::trying() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [](const Entry& entry) { return entry.phase == Phase::Trying; }));
}

std::optional<std::size_t> Race::first_waiting() const {
  auto at = std::ranges::find_if(entries_, [](const Entry& entry) { return entry.phase == Phase::Waiting; });
  if (at == entries_.end()) return std::nullopt;
  return static_cast<std::size_t>(at - entries_.begin());
}

Instant Race::turn_of_address() const {
  return at_once_ || trying() == 0 ? Instant::min() : last_begun_ + kNextAddress;
}

// Attempts at earlier targets go on meanwhile; the patience is for the one that was begun last.
Instant Race::turn_of_target() const {
  bool hope = std::ranges::any_of(
      entries_, [this](const Entry& entry) { return entry.phase == Phase::Trying && entry.target == last_target_; });
  return hope ? last_begun_ + kNextTarget : Instant::min();
}

std::optional<Instant> Race::next_deadline() const {
  if (state_ != State::Running) return std::nullopt;
  Instant next = setup_.end_by;
  for (const Entry& entry : entries_) {
    if (entry.phase == Phase::Trying) next = std::min(next, entry.give_up);
  }
  if (first_waiting()) {
    next = std::min(next, turn_of_address());
  } else if (!looking_up_ && more_targets()) {
    next = std::min(next, turn_of_target());
  }
  return next;
}

void Race::take(const Started&, Instant now, Actions& out) {
  if (!NXB_EXPECT(state_ == State::Idle, "a race is started once")) return;
  state_ = State::Running;
  advance(now, out);
}

void Race::take(const Resolved& resolved, Instant now, Actions& out) {
  if (state_ != State::Running || !looking_up_) return;
  looking_up_ = false;
  for (const Address& address : resolved.addresses) {
    if (entries_.size() == kMaxAddresses) break;
    entries_.push_back({address, next_target_ - 1, Phase::Waiting, {}});
  }
  at_once_ = true;  // it had its wait before it was looked up
  advance(now, out);
}

void Race::take(const Connected& connected, Instant, Actions& out) {
  if (state_ != State::Running) return;
  if (!NXB_EXPECT(connected.attempt < entries_.size(), "an attempt is one of ours")) return;
  entries_[connected.attempt].phase = Phase::Over;
  drop_all(false, out);
  if (std::exchange(looking_up_, false)) --next_target_;
  state_ = State::Won;
  out.push_back(Won{connected.attempt});
}

void Race::take(const Failed& failed, Instant now, Actions& out) {
  if (state_ != State::Running) return;
  if (!NXB_EXPECT(failed.attempt < entries_.size(), "an attempt is one of ours")) return;
  entries_[failed.attempt].phase = Phase::Over;
  at_once_ = true;
  advance(now, out);
}

void Race::take(const GoOn&, Instant now, Actions& out) {
  if (!NXB_EXPECT(state_ == State::Won, "only what was won can be of no use")) return;
  state_ = State::Running;
  if (now >= setup_.end_by) return lose(true, out);
  advance(now, out);  // nothing is under way, so that nothing waits for its turn
}

void Race::take(const TimePassed&, Instant now, Actions& out) {
  if (state_ != State::Running) return;
  if (now >= setup_.end_by) return lose(true, out);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].phase != Phase::Trying || now < entries_[i].give_up) continue;
    entries_[i].phase = Phase::Over;
    out.push_back(Drop{i, true});
    at_once_ = true;
  }
  advance(now, out);
}

// Begins what may begin now.
void Race::advance(Instant now, Actions& out) {
  if (auto next = first_waiting()) {
    if (now >= turn_of_address()) begin(*next, now, out);
  } else if (looking_up_) {
    return;
  } else if (more_targets()) {
    if (now < turn_of_target()) return;
    looking_up_ = true;
    out.push_back(LookUp{next_target_++});
  } else if (trying() == 0) {
    lose(false, out);
  }
}

void Race::begin(std::size_t attempt, Instant now, Actions& out) {
  Entry& entry = entries_[attempt];
  entry.phase = Phase::Trying;
  entry.give_up = now + setup_.connect_timeout;
  last_begun_ = now;
  last_target_ = entry.target;
  at_once_ = false;
  out.push_back(Connect{attempt, entry.target, entry.address});
}

void Race::drop_all(bool timed_out, Actions& out) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].phase != Phase::Trying) continue;
    entries_[i].phase = timed_out ? Phase::Over : Phase::Waiting;
    out.push_back(Drop{i, timed_out});
  }
}

void Race::lose(bool timed_out, Actions& out) {
  drop_all(timed_out, out);
  looking_up_ = false;
  state_ = State::Lost;
  out.push_back(Lost{timed_out});
}

}  // namespace nxb::upstream
