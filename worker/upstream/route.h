// worker/upstream/route.h - the `route` attribute, with which a client chooses the host (XEP-0124 7.1; B-26, C-14).
// Runs in: worker. I/O: none. Whether routes are taken at all is for policy.h to say.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address.h"
#include "common/base/address_range.h"
#include "common/base/result.h"

namespace nxb::upstream {

struct Route {
  std::string proto;
  std::string host;  // lower case, A-labels; an IP address without brackets
  std::uint16_t port = 0;
};

// `proto:host:port`, IPv6 in []. It is no URI: `xmpp://host:port` is an error.
Result<Route> parse_route(std::string_view text);

// [upstream] route_filter. An entry names a host ("host", ".domain", both for every port, or "host:port") or addresses
// ("address/prefix", "address"). The latter allow whatever host leads to them, whence two questions.
class RouteFilter {
 public:
  explicit RouteFilter(const std::vector<std::string>& entries);
  bool names(const Route& route) const;         // asked before the look-up
  bool contains(const Address& address) const;  // asked of each address
  bool has_addresses() const { return !ranges_.empty(); }

 private:
  struct Host {
    std::string name;        // as Route::host; ".domain" = with subdomains
    std::uint16_t port = 0;  // 0: any
  };
  std::vector<Host> hosts_;
  std::vector<AddressRange> ranges_;
};

}  // namespace nxb::upstream
