// tests/bench/echo_loop.h - when which session sends. Closed: each as soon as it has its answer. Open: at a fixed rate, whichever
// session is free, and the time an answer took is counted from when it should have been sent: a server that stops for a moment
// pays for all who would have sent meanwhile. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/crowd.h"
#include "tests/bench/tally.h"

namespace nxb::bench {

class EchoLoop {
 public:
  EchoLoop(Crowd& crowd, Tally& tally) : crowd_(crowd), tally_(tally), sent_(crowd.size()) {}

  void start(double seconds, double rate);  // 0: closed
  void echoed(Session& session);
  void send_due();           // open: what is to be sent by now
  Micros until_due() const;  // negative: nothing is
  bool is_done() const { return under_way_ == 0 && waiting_.empty() && (due_ >= end_ || interval_ == 0); }

 private:
  void send(Session& session, Micros intended);

  Crowd& crowd_;
  Tally& tally_;
  std::vector<Micros> sent_;  // for each session, when its echo was or should have been sent
  Micros end_ = 0;
  std::size_t under_way_ = 0;
  double interval_ = 0, due_exactly_ = 0;  // of an open loop
  Micros due_ = 0;                         // the next to be sent
  std::deque<Micros> waiting_;             // were due, but no session was free
  std::deque<Session*> free_;
};

}  // namespace nxb::bench
