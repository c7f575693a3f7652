// common/base/network.cc - see network.h.
// SPDX-License-Identifier: MIT
#include "common/base/network.h"

#include <netinet/in.h>

#include <cstring>

namespace nxb {
namespace {

constexpr std::size_t kHostBytes = 8;  // of an IPv6 address: what the client chooses itself

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) {
  constexpr std::array<std::uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(bytes.data(), kPrefix.data(), kPrefix.size()) == 0;
}

}  // namespace

Network Network::of(const Address& ip) {
  Network network;
  if (ip.family() == AF_INET) {
    network.prefix_[10] = network.prefix_[11] = 0xff;
    std::memcpy(&network.prefix_[12], &reinterpret_cast<const sockaddr_in*>(ip.get())->sin_addr, 4);
  } else {
    std::memcpy(network.prefix_.data(), &reinterpret_cast<const sockaddr_in6*>(ip.get())->sin6_addr, 16);
    if (!is_mapped(network.prefix_)) std::memset(&network.prefix_[16 - kHostBytes], 0, kHostBytes);
  }
  return network;
}

std::optional<Network> Network::of(std::string_view ip) {
  auto address = Address::from_ip(ip, 0);
  if (!address) return std::nullopt;
  return of(*address);
}

std::uint32_t NetworkCounts::of(const Network& network) const {
  auto at = counts_.find(network);
  return at == counts_.end() ? 0 : at->second;
}

void NetworkCounts::remove(const Network& network) {
  auto at = counts_.find(network);
  if (at != counts_.end() && --at->second == 0) counts_.erase(at);
}

}  // namespace nxb
