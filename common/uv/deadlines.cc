// common/uv/deadlines.cc - a binary heap that is touched only when a deadline comes earlier.
// SPDX-License-Identifier: MIT
#include "common/uv/deadlines.h"

#include <algorithm>

#include "common/base/check.h"

namespace nxb::uv {
namespace {

constexpr std::size_t kMaxFamilies = 16;
constexpr std::size_t kStaleAllowance = 64;  // stale heap entries that are never worth a rebuild

}  // namespace

std::size_t DeadlineQueue::KeyHash::operator()(const DeadlineKey& key) const noexcept {
  // Ids are a slot in the low and a generation in the high half: spread both (Fibonacci hashing).
  std::uint64_t mixed = (key.id ^ (std::uint64_t{key.family} << 56)) * 0x9e37'79b9'7f4a'7c15ULL;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}

void DeadlineQueue::set(DeadlineKey key, Instant at) {
  auto [entry, fresh] = times_.try_emplace(key, Times{at, at});
  Times& times = entry->second;
  times.due = at;
  if (!fresh && at >= times.queued) return;  // later: the heap's entry will notice when its time comes
  times.queued = at;
  push(at, key);
}

void DeadlineQueue::clear(DeadlineKey key) {
  if (times_.erase(key) == 0) return;
  trim();
}

std::optional<Instant> DeadlineQueue::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<DeadlineKey> DeadlineQueue::take_due(Instant now) {
  while (!heap_.empty() && heap_.front().at <= now) {
    Entry top = heap_.front();
    std::ranges::pop_heap(heap_, later);
    heap_.pop_back();
    auto at = times_.find(top.key);
    if (at == times_.end() || at->second.queued != top.at) continue;  // cleared, or moved earlier
    if (at->second.due > top.at) {                                    // it was moved later: back in line
      at->second.queued = at->second.due;
      push(at->second.due, top.key);
      continue;
    }
    times_.erase(at);
    return top.key;
  }
  return std::nullopt;
}

void DeadlineQueue::push(Instant at, DeadlineKey key) {
  heap_.push_back({at, key});
  std::ranges::push_heap(heap_, later);
  trim();
}

void DeadlineQueue::trim() {
  if (!times_.empty() && heap_.size() <= 2 * times_.size() + kStaleAllowance) return;
  heap_.clear();
  for (auto& [key, times] : times_) {
    times.queued = times.due;
    heap_.push_back({times.due, key});
  }
  std::ranges::make_heap(heap_, later);
}

Deadlines::Deadlines(Loop& loop) : loop_(loop), timer_(loop, [this] { on_timer(); }) {}

Deadlines::Family Deadlines::add(DeadlineSink& sink) {
  NXB_CHECK(sinks_.size() < kMaxFamilies, "too many families of deadlines");
  sinks_.push_back(&sink);
  return static_cast<Family>(sinks_.size() - 1);
}

void Deadlines::set(Family family, std::uint64_t id, Instant at) {
  NXB_CHECK(family < sinks_.size(), "a deadline of a family that does not exist");
  queue_.set({family, id}, firing_ ? std::max(at, loop_.now() + 1ms) : at);
  if (!firing_) rearm();
}

void Deadlines::clear(Family family, std::uint64_t id) {
  queue_.clear({family, id});
  if (!firing_) rearm();
}

void Deadlines::on_timer() {
  armed_.reset();
  firing_ = true;
  const Instant now = loop_.now();
  while (auto key = queue_.take_due(now)) sinks_[key->family]->on_deadline(key->id, now);
  firing_ = false;
  rearm();
}

void Deadlines::rearm() {
  auto next = queue_.next();
  if (!next) {
    if (armed_) timer_.stop();
    armed_.reset();
    return;
  }
  if (armed_ && *armed_ <= *next) return;  // a wake-up that comes too early finds nothing due and arms again
  armed_ = next;
  timer_.start(*next - loop_.now());
}

}  // namespace nxb::uv
