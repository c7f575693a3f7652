// worker/edge/balance.cc - see balance.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/balance.h"

#include <algorithm>
#include <limits>

namespace nxb::edge {
namespace {

// Within this much of the least, moving is not worth its cost.
std::uint64_t slack(std::uint64_t least) { return 2 + least / 64; }

}  // namespace

std::uint32_t Balance::choose(const std::vector<Load>& loads, Instant now) {
  std::uint32_t best = self_;
  std::uint64_t least = loads[self_].closed ? std::numeric_limits<std::uint64_t>::max() : loads[self_].sessions;
  const auto count = static_cast<std::uint32_t>(workers_.size());
  for (std::uint32_t step = 1; step < count; ++step) {  // each begins behind itself: not all find the same one
    const std::uint32_t index = (self_ + step) % count;
    Worker& worker = workers_[index];
    look(worker, loads[index], now);
    if (loads[index].closed) continue;
    if (!worker.under_way.empty() && now - worker.under_way.front() > kSlow) continue;
    const std::uint64_t load = loads[index].sessions + worker.under_way.size();
    if (load >= least) continue;
    best = index;
    least = load;
  }
  return !loads[self_].closed && loads[self_].sessions <= least + slack(least) ? self_ : best;
}

void Balance::gave(std::uint32_t worker, Instant now) { workers_[worker].under_way.push_back(now); }

void Balance::look(Worker& worker, const Load& load, Instant now) {
  const std::uint64_t arrived = load.taken_over - worker.taken_over;
  worker.taken_over = load.taken_over;
  auto& waiting = worker.under_way;
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(std::min(arrived, waiting.size())));
  while (!waiting.empty() && now - waiting.front() > kForget) waiting.pop_front();
}

}  // namespace nxb::edge
