// common/base/network.h - who counts as one client: an IPv4 address, or the /64 of an IPv6 address (H-45).
// Runs in: worker. I/O: none.
// A /64 is what one household or machine gets: whoever has one has 2^64 addresses to come from.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/address.h"

namespace nxb {

class Network {
 public:
  static Network of(const Address& ip);                                   // IPv4 or IPv6
  static std::optional<Network> of(std::string_view ip);                  // as Address::ip_text; nothing for "unix"
  std::string bytes() const { return {prefix_.begin(), prefix_.end()}; }  // a key; equal for equal networks
  friend auto operator<=>(const Network&, const Network&) = default;

 private:
  std::array<std::uint8_t, 16> prefix_{};  // IPv4 as ::ffff:a.b.c.d, however it was written
};

// How many things each network has. Only those that have one cost memory. A tree: clients choose their addresses, and
// could choose such as collide in a hash.
class NetworkCounts {
 public:
  std::uint32_t of(const Network& network) const;
  void add(const Network& network) { ++counts_[network]; }
  void remove(const Network& network);
  std::size_t size() const { return counts_.size(); }

 private:
  std::map<Network, std::uint32_t> counts_;
};

}  // namespace nxb
