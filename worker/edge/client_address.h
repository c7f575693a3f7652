// worker/edge/client_address.h - whose request is it: the peer's, or a name given by a proxy we trust (H-47).
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nxb::edge {

// The trusted_proxies of one listener: "192.0.2.1", "10.0.0.0/8", "2001:db8::/32", and "unix" for every unix peer.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  explicit TrustedProxies(
      const std::vector<std::string>& rules);  // rules were checked at load; a wrong one matches nothing
  bool contains(std::string_view ip) const;    // "unix", or an address without port

 private:
  struct Rule {
    std::array<std::uint8_t, 16> network{};  // IPv4 as ::ffff:a.b.c.d
    std::uint32_t bits = 128;
  };
  std::vector<Rule> rules_;
  bool unix_ = false;
};

// `peer_ip` as Address::ip_text gives it. With a trusted peer: the right-most address of X-Forwarded-For that is not
// itself a trusted proxy; what is no address there ends the walk.
std::string client_address(const TrustedProxies& trusted, std::string_view peer_ip, std::string_view x_forwarded_for);

}  // namespace nxb::edge
