// worker/edge/balance.h - which worker gets a new WebSocket: the one with the fewest sessions (of both kinds).
// Runs in: worker. I/O: none; time is an argument. Owned by: edge::Shared.
//
// A BOSH session lives where the hash of its sid says; a WebSocket is one connection, and may live anywhere. The worker
// that accepted it looks at what all say of themselves in the shared segment, keeps it if it has hardly more than the
// least, and otherwise gives it away, once (hops).
//
// Those given away are under way until their new owner counts them; meanwhile each counts as a session of the owner's
// here, or a burst would all go to the same one. A mailbox keeps its order, so as many have arrived as the owner has
// taken over since. Connections that others gave it are taken for ours, which errs by what is in its mailbox, and only
// until it is read.
//
// A worker that takes nothing for kSlow is stuck, or dead (then its sessions read 0): it gets no more until it moves, or
// after kForget what was under way is forgotten and it is tried again.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/base/clock.h"

namespace nxb::edge {

// What a worker says of itself.
struct Load {
  std::uint64_t sessions = 0;
  std::uint64_t taken_over = 0;  // connections, ever
  bool closed = false;           // its mailbox is full, it has no room for a connection, or takes no new sessions
};

class Balance {
 public:
  static constexpr Duration kSlow{200};
  static constexpr Duration kForget{6'000};  // longer than a hand-over waits before it is given back

  Balance(std::uint32_t self, std::uint32_t workers) : self_(self), workers_(workers) {}
  std::uint32_t choose(const std::vector<Load>& loads, Instant now);  // perhaps this worker itself
  void gave(std::uint32_t worker, Instant now);                       // one to that worker
  std::size_t under_way(std::uint32_t worker) const { return workers_[worker].under_way.size(); }

 private:
  struct Worker {
    std::uint64_t taken_over = 0;  // when last looked at
    std::deque<Instant> under_way;
  };
  static void look(Worker& worker, const Load& load, Instant now);
  const std::uint32_t self_;
  std::vector<Worker> workers_;
};

}  // namespace nxb::edge
