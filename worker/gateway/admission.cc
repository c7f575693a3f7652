// worker/gateway/admission.cc - see admission.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/admission.h"

#include <utility>

namespace nxb::gateway {

bool Buckets::take(const Network& network, const Rate& rate, Instant now) {
  if (rate.per_second == 0) return true;
  age(rate, now);
  auto node = old_.extract(network);
  TokenBucket& bucket = node ? young_.insert(std::move(node)).position->second : young_[network];
  return bucket.take(rate, now);
}

void Buckets::age(const Rate& rate, Instant now) {
  const auto life = std::chrono::ceil<Duration>(std::chrono::microseconds(rate.full_us()));
  if (now - since_ < life && young_.size() < kMost / 2) return;
  const bool both_over = now - since_ >= 2 * life;
  old_ = both_over ? decltype(old_)() : std::move(young_);
  young_.clear();
  since_ = now;
}

Admission::Verdict Admission::judge(std::string_view ip, const Limits& limits, Instant now) {
  auto network = Network::of(ip);
  if (!network) return Verdict::Welcome;
  if (limits.sessions != 0 && sessions_.of(*network) >= limits.sessions) return Verdict::TooMany;
  return buckets_.take(*network, limits.creation, now) ? Verdict::Welcome : Verdict::TooFast;
}

bool Admission::take(std::string_view ip, const Rate& rate, Instant now) {
  auto network = Network::of(ip);
  return !network || buckets_.take(*network, rate, now);
}

void Admission::opened(std::string_view ip) {
  if (auto network = Network::of(ip)) sessions_.add(*network);
}

void Admission::ended(std::string_view ip) {
  if (auto network = Network::of(ip)) sessions_.remove(*network);
}

}  // namespace nxb::gateway
