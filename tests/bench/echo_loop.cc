// tests/bench/echo_loop.cc - see echo_loop.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/echo_loop.h"

#include <algorithm>

namespace nxb::bench {

void EchoLoop::start(double seconds, double rate) {
  Micros now = now_us();
  end_ = now + static_cast<Micros>(seconds * 1e6);
  interval_ = rate > 0 ? 1e6 / rate : 0;
  due_exactly_ = static_cast<double>(now);
  due_ = now;
  free_.clear();
  tally_.begin();
  for (std::size_t i = 0; i < crowd_.size(); ++i) {
    if (rate > 0) {
      free_.push_back(&crowd_.at(i));
    } else {
      send(crowd_.at(i), now);
    }
  }
}

void EchoLoop::send(Session& session, Micros intended) {
  sent_[session.index] = intended;
  ++under_way_;
  session.echo();
}

void EchoLoop::echoed(Session& session) {
  Micros now = now_us();
  --under_way_;
  tally_.operation(now - sent_[session.index]);
  if (interval_ == 0) {
    if (now < end_) send(session, now);
  } else if (!waiting_.empty()) {
    Micros intended = waiting_.front();
    waiting_.pop_front();
    send(session, intended);
  } else {
    free_.push_back(&session);
  }
}

void EchoLoop::send_due() {
  if (interval_ == 0) return;
  for (Micros now = now_us(); due_ < end_ && due_ <= now;) {
    if (free_.empty()) {
      waiting_.push_back(due_);
    } else {
      Session& session = *free_.front();
      free_.pop_front();
      send(session, due_);
    }
    due_exactly_ += interval_;
    due_ = static_cast<Micros>(due_exactly_);
  }
}

Micros EchoLoop::until_due() const {
  return interval_ == 0 || due_ >= end_ ? -1 : std::max<Micros>(due_ - now_us(), 0);
}

}  // namespace nxb::bench
