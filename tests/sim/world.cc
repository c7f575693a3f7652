// tests/sim/world.cc - see world.h.
// SPDX-License-Identifier: MIT
#include "world.h"

#include <cstdio>

namespace nxb::sim {

std::uint64_t Dice::next() {  // splitmix64
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

World::World(std::uint64_t seed, std::uint64_t operations, bool trace)
    : dice(seed), operations_(operations), trace_(trace) {}

void World::in(Duration delay, std::function<void()> what) { events_.emplace(now + delay, std::move(what)); }

bool World::step() {
  if (events_.empty() || !failure_.empty()) return false;
  auto next = events_.begin();
  now = next->first;
  auto what = std::move(next->second);
  events_.erase(next);
  what();
  return true;
}

void World::note(const std::string& line) {
  std::string full = std::to_string(now.time_since_epoch().count()) + " " + line;
  for (char c : full) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211ULL;  // FNV-1a
  if (trace_) std::printf("%s\n", full.c_str());
}

void World::fail(const std::string& why) {
  if (!failure_.empty()) return;
  failure_ = why;
  note("FAILED " + why);
}

}  // namespace nxb::sim
