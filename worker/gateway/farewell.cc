// worker/gateway/farewell.cc - see farewell.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/farewell.h"

#include <cstdint>

namespace nxb::gateway {

Farewell::Farewell(const std::vector<SessionKey>& bosh, const std::vector<SocketId>& sockets, Instant now,
                   Duration over)
    : begun_(now), over_(over) {
  all_.reserve(bosh.size() + sockets.size());
  std::size_t b = 0;
  std::size_t s = 0;
  while (b < bosh.size() || s < sockets.size()) {  // whichever kind has the smaller part of it in the list
    if (s == sockets.size() || (b < bosh.size() && b * sockets.size() <= s * bosh.size())) {
      all_.emplace_back(bosh[b++]);
    } else {
      all_.emplace_back(sockets[s++]);
    }
  }
}

std::optional<Instant> Farewell::next() const {
  if (told_ == all_.size()) return std::nullopt;
  const auto part = static_cast<std::int64_t>(told_) * over_.count() / static_cast<std::int64_t>(all_.size());
  return begun_ + Duration{part};
}

std::optional<Farewell::Session> Farewell::take(Instant now) {
  auto due = next();
  if (!due || now < *due) return std::nullopt;
  return all_[told_++];
}

}  // namespace nxb::gateway
