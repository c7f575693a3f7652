// worker/edge/failure_limit.cc - see failure_limit.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/failure_limit.h"

#include <algorithm>

namespace nxb::edge {

void FailureLimit::add(const std::string& address, Instant now) {
  if (!by_address_.contains(address)) make_room(now);
  Failures& failures = by_address_[address];
  if (failures.count == 0 || now - failures.first >= kWindow) failures = {now, 0};
  ++failures.count;
}

std::optional<Duration> FailureLimit::blocked_for(const std::string& address, Instant now) const {
  auto at = by_address_.find(address);
  if (at == by_address_.end() || at->second.count < kMost) return std::nullopt;
  Duration left = kWindow - (now - at->second.first);
  return left > Duration{0} ? std::optional(left) : std::nullopt;
}

void FailureLimit::make_room(Instant now) {
  if (by_address_.size() < kAddresses) return;
  std::erase_if(by_address_, [now](const auto& known) { return now - known.second.first >= kWindow; });
  if (by_address_.size() < kAddresses) return;
  by_address_.erase(std::min_element(by_address_.begin(), by_address_.end(),
                                     [](const auto& a, const auto& b) { return a.second.first < b.second.first; }));
}

}  // namespace nxb::edge
