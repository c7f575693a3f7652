// worker/edge/client_address.cc - see client_address.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <algorithm>

#include "common/base/address.h"
#include "common/base/text.h"

namespace nxb::edge {
namespace {

// An item of X-Forwarded-For as proxies write it: an address, perhaps with a port, IPv6 perhaps in brackets.
std::string_view bare_ip(std::string_view item) {
  item = trimmed(item);
  if (item.starts_with('[')) {
    std::size_t end = item.find(']');
    return end == std::string_view::npos ? std::string_view() : item.substr(1, end - 1);
  }
  std::size_t colon = item.find(':');
  bool one_colon = colon != std::string_view::npos && item.find(':', colon + 1) == std::string_view::npos;
  return one_colon ? item.substr(0, colon) : item;
}

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<std::string>& rules) {
  for (std::string_view text : rules) {
    if (auto range = AddressRange::parse(text)) ranges_.push_back(*std::move(range));
  }
}

bool TrustedProxies::contains(std::string_view ip) const {
  if (ip == "unix") return std::ranges::any_of(ranges_, &AddressRange::has_unix);
  auto address = Address::from_ip(ip, 0);
  return address && std::ranges::any_of(ranges_, [&](const AddressRange& range) { return range.contains(*address); });
}

std::string client_address(const TrustedProxies& trusted, std::string_view peer_ip, std::string_view x_forwarded_for) {
  std::string found(peer_ip);
  std::string_view left = x_forwarded_for;
  // Each hop is believed by the one behind it only; `found` is the left-most address that a trusted hop vouches for.
  while (trusted.contains(found) && !left.empty()) {
    std::size_t comma = left.rfind(',');
    std::string_view item = comma == std::string_view::npos ? left : left.substr(comma + 1);
    left = comma == std::string_view::npos ? std::string_view() : left.substr(0, comma);
    std::string_view ip = bare_ip(item);
    if (!Address::from_ip(ip, 0)) break;
    found = ip;
  }
  return found;
}

}  // namespace nxb::edge
