// worker/gateway/farewell.h - which session is told goodbye when: all of them evenly over a time (O-08).
// Runs in: worker. I/O: none; time is an argument. Owned by: gateway::Gateway.
// The first is told at once. One that ended by itself meanwhile keeps its place: nobody is told then.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "worker/gateway/ports.h"

namespace nxb::gateway {

class Farewell {
 public:
  using Session = std::variant<SessionKey, SocketId>;

  Farewell() = default;
  // Both kinds take turns, so that neither waits for the other.
  Farewell(const std::vector<SessionKey>& bosh, const std::vector<SocketId>& sockets, Instant now, Duration over);
  std::optional<Instant> next() const;  // when the next one is told; nothing: all were
  std::optional<Session> take(Instant now);

 private:
  std::vector<Session> all_;
  std::size_t told_ = 0;
  Instant begun_{};
  Duration over_{0};
};

}  // namespace nxb::gateway
