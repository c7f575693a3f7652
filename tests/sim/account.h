// tests/sim/account.h - the witness's own, simpler account of one session: what was granted, and the rids.
// It shares no code with the session.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "worker/bosh/session.h"

namespace nxb::sim {

struct Granted {
  Granted(const bosh::SessionLimits& limits, const bosh::Body& creation);
  Duration wait, creation_wait, gap, grace, max_pause, polling;
  Duration inactivity;      // as told
  Duration abort_grace;     // patience with a client that dropped what was held; nothing: no less than with others
  std::uint32_t hold_told;  // in the creation answer
  std::uint32_t hold;       // 0 also for wait 0
  std::uint32_t requests, max_streams;
  std::uint64_t max_pending;
  bool acks, polls;
};

struct Held {
  std::uint64_t rid = 0;
  RequestId id;
  Instant arrived;  // its first copy
  bool live = true;
  int resends = 0;
  std::string key;
  bool poll = false;  // an empty request and nothing else
};

struct Early {
  Held held;
  bosh::Body body;
};

inline constexpr int kMaxResends = 10;  // B-50

struct Kept {
  std::uint64_t rid = 0;
  std::string text;
  bool silent = false;  // nobody was there to hear it: the text is known when it is repeated
  Instant composed;
  int resends = 0;
  std::string key;
  bosh::StreamNumber stream = 0;  // whose stanzas are in it
  std::uint64_t upto = 0;         // the highest of them
  int repeats_after_end = 0;
};

// Which rids were processed, which wait, what was said.
class Rids {
 public:
  Rids(const Granted& granted, const bosh::Body& creation, RequestId id, Instant now);

  std::uint64_t last() const { return last_; }  // processed in order
  std::uint64_t answered() const { return last_ - held_.size(); }
  std::deque<Held>& held() { return held_; }
  const std::deque<Held>& held() const { return held_; }
  std::map<std::uint64_t, Early>& early() { return early_; }
  std::deque<Kept>& kept() { return kept_; }
  Held* find_open(std::uint64_t rid);
  Kept* find_kept(std::uint64_t rid);
  bool gone(RequestId id);  // true: it was held or early
  std::size_t live() const;

  void process(Held request);
  // The lowest held one is answered. Answers that are not kept any more go, and `freed` is told which.
  template <class Freed>
  void answer(Kept kept, bool pause, Freed freed) {
    held_.pop_front();
    kept_.push_back(std::move(kept));
    one_more_ = pause ? 1 : 0;
    trim(freed);
  }
  template <class Freed>
  void acknowledge(std::uint64_t upto, Freed freed) {
    acked_ = std::max(acked_, upto);
    one_more_ = 0;
    trim(freed);
  }
  void keep_at_end(Kept kept);     // in any order
  std::uint64_t received() const;  // the highest with all lower ones received
  std::uint64_t acked() const { return acked_; }

 private:
  template <class Freed>
  void trim(Freed freed) {
    while (!kept_.empty() && kept_.front().rid + requests_ + one_more_ <= answered() &&
           (!acks_ || kept_.front().rid <= acked_)) {
      freed(kept_.front());
      kept_.pop_front();
    }
  }
  std::uint32_t requests_;
  std::uint32_t one_more_ = 0;  // a pause is one request more than may be open (B-45), so one more answer is under way
  bool acks_;
  std::uint64_t last_, acked_ = 0;
  std::deque<Held> held_;
  std::map<std::uint64_t, Early> early_;
  std::deque<Kept> kept_;  // ascending
};

}  // namespace nxb::sim
