// worker/gateway/cut_histogram.cc - see cut_histogram.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/cut_histogram.h"

#include <limits>

namespace nxb::gateway {

std::optional<CutHistogram::Peak> CutHistogram::cut(Duration age, Instant now, const std::optional<Network>& of) {
  const auto bucket = static_cast<std::size_t>((age + Duration{500}).count() / 1000);
  if (age <= kFromAge || bucket + 1 >= kBuckets) return std::nullopt;
  if (!since_ || now - *since_ >= kWindow) {
    since_ = now;
    cuts_.fill(0);
    all_ = 0;
    networks_ = {};
  }
  if (of && !counts(*of)) return std::nullopt;
  if (cuts_[bucket] == std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  ++cuts_[bucket];
  ++all_;
  if (all_ < kLeast) return std::nullopt;
  std::optional<Peak> peak = highest();
  if (!peak) return std::nullopt;
  age_ = peak->age;
  seen_ = now;
  if (told_ && now - *told_ < kRemember) return std::nullopt;
  told_ = now;
  return peak;
}

bool CutHistogram::counts(const Network& network) {
  const std::uint32_t before = networks_.of(network);
  if (before >= kOfNetwork || (before == 0 && networks_.size() >= kNetworks)) return false;
  networks_.add(network);
  return true;
}

Duration CutHistogram::age(Instant now) const { return seen_ && now - *seen_ < kRemember ? age_ : Duration{}; }

// The second with the most cuts, with its neighbours: what is cut at 30 s is found at 29.6 s and at 30.7 s as well.
std::optional<CutHistogram::Peak> CutHistogram::highest() const {
  std::size_t at = 1;
  std::uint32_t most = 0;
  for (std::size_t i = 1; i + 1 < kBuckets; ++i) {
    const std::uint32_t near = std::uint32_t{cuts_[i - 1]} + cuts_[i] + cuts_[i + 1];
    if (near < most || (near == most && cuts_[i] <= cuts_[at])) continue;
    most = near;
    at = i;
  }
  if (most < kLeast || most * 2 <= all_) return std::nullopt;
  return Peak{std::chrono::seconds(at), most, all_};
}

}  // namespace nxb::gateway
