// tests/sim/world.cc - see world.h.
// SPDX-License-Identifier: MIT
#include "world.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "common/base/check.h"

namespace nxb::sim {

std::uint64_t Dice::next() {  // splitmix64
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

World::World(std::uint64_t seed, std::uint64_t operations, bool trace)
    : dice(seed), operations_(operations), scene_end_(operations), trace_(trace) {}

void World::scene(std::uint64_t operations) { scene_end_ = std::min(operations_, operations_done_ + operations); }

std::uint32_t World::plan(Duration delay) {
  NXB_CHECK(delay >= Duration::zero() && delay <= kFarthestPlan, "a plan for a day that comes");
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(tasks_.size()));
    tasks_.emplace_back();
  }
  std::uint32_t task = free_.back();
  free_.pop_back();
  entries_.push_back({now + delay, ++planned_, task});
  std::push_heap(entries_.begin(), entries_.end());
  return task;
}

bool World::step() {
  if (entries_.empty() || failed_) return false;
  Entry next = entries_.front();
  std::pop_heap(entries_.begin(), entries_.end());
  entries_.pop_back();
  now = next.at;
  Task& task = tasks_[next.task];
  task();
  task.clear();
  free_.push_back(next.task);
  return true;
}

void World::note(std::string_view what, std::uint64_t a, std::uint64_t b) {
  std::uint64_t head = what.size();
  std::memcpy(&head, what.data(), std::min(what.size(), sizeof head));
  mix(static_cast<std::uint64_t>(now.time_since_epoch().count()) ^ head << 1);
  mix(a ^ b << 32);
  if (trace_) trace(std::string(what) + " " + std::to_string(a) + " " + std::to_string(b));
}

void World::note_text(std::string_view text) {
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    mix(word);
  }
  word = text.size() << 56;
  std::memcpy(&word, text.data(), text.size());
  mix(word);
}

void World::trace(const std::string& line) const {
  std::printf("%lld %s\n", static_cast<long long>(now.time_since_epoch().count()), line.c_str());
}

void World::fail(std::string_view why) {
  if (failed_) return;
  failed_ = true;
  failure_ = why;
  note("FAILED");
  if (trace_) trace("FAILED " + failure_);
}

}  // namespace nxb::sim
