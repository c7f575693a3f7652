// worker/edge/peer_limit.cc - see peer_limit.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/peer_limit.h"

#include "common/base/address.h"

namespace nxb::edge {

PeerLimit::Verdict PeerLimit::judge(const std::string& peer, std::uint16_t listener) const {
  auto network = counted(peer, listener);
  if (!network) return Verdict::Welcome;
  const std::uint64_t open = connections_.of(*network);
  if (open < most_) return Verdict::Welcome;
  return open < std::uint64_t{most_} * 2 ? Verdict::Refused : Verdict::Shut;
}

void PeerLimit::opened(const std::string& peer, std::uint16_t listener) {
  if (auto network = counted(peer, listener)) connections_.add(*network);
}

void PeerLimit::closed(const std::string& peer, std::uint16_t listener) {
  if (auto network = counted(peer, listener)) connections_.remove(*network);
}

std::optional<Network> PeerLimit::counted(const std::string& peer, std::uint16_t listener) const {
  if (most_ == 0) return std::nullopt;
  auto address = Address::parse(peer);
  if (!address || address->family() == AF_UNIX) return std::nullopt;
  const std::string ip = address->ip_text();
  if (listener < trusted_.size() && trusted_[listener].speaks_for_others({ip, address->port()})) return std::nullopt;
  return Network::of(*address);
}

}  // namespace nxb::edge
