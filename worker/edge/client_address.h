// worker/edge/client_address.h - whose request is it: the peer's, or a name given by a proxy we trust (H-47).
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/address_range.h"

namespace nxb::edge {

// The trusted_proxies of one listener: each as AddressRange::parse takes it.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  explicit TrustedProxies(
      const std::vector<std::string>& rules);  // rules were checked at load; a wrong one matches nothing
  bool contains(std::string_view ip) const;    // "unix", or an address without port

 private:
  std::vector<AddressRange> ranges_;
};

// `peer_ip` as Address::ip_text gives it. With a trusted peer: the right-most address of X-Forwarded-For that is not
// itself a trusted proxy; what is no address there ends the walk.
std::string client_address(const TrustedProxies& trusted, std::string_view peer_ip, std::string_view x_forwarded_for);

}  // namespace nxb::edge
