// worker/bosh/polling_rule.h - how often a client of a polling session may ask (XEP-0124 11 and 12).
// Runs in: worker. I/O: none; times come in. Owned by: bosh::Session, in a polling session only.
// A tenth of `polling` is forgiven: what arrives 4.5 s after the last may have been sent 5 s after it.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "common/base/clock.h"

namespace nxb::bosh {

class PollingRule final {
 public:
  explicit PollingRule(Duration polling) : polling_(polling), shortest_(polling - polling / 10) {}

  // A new request arrived, in any order. True: it came too soon after the one before, should that matter (B-77).
  bool arrived(Instant at) {
    bool soon = last_arrival_ && at - *last_arrival_ < shortest_;
    last_arrival_ = at;
    return soon;
  }
  // The turn of a request has come. False: two empty ones in a row, too close, the first answered without payloads
  // (B-79). One that overtook its predecessor on the way, or was repeated meanwhile (so that nobody knows any more when
  // it came: no arrival), says nothing about the client.
  bool take(bool empty, std::optional<Instant> arrival) {
    bool judged = empty && idle_poll_ && arrival && *arrival >= *idle_poll_;
    bool good = !judged || *arrival - *idle_poll_ >= shortest_;
    idle_poll_ = empty ? arrival : std::nullopt;
    return good;
  }
  Duration polling() const { return polling_; }
  void answered_with_payloads() { idle_poll_.reset(); }

 private:
  Duration polling_;
  Duration shortest_;
  std::optional<Instant> last_arrival_;
  std::optional<Instant> idle_poll_;  // the last request taken, if it was empty and brought nothing
};

}  // namespace nxb::bosh
