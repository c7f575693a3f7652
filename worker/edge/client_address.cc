// worker/edge/client_address.cc - see client_address.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <algorithm>

#include "common/base/address.h"
#include "common/base/text.h"
#include "worker/edge/forwarded.h"

namespace nxb::edge {
namespace {

// A node as proxies write it: an address, perhaps with a port, IPv6 perhaps in brackets.
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

std::vector<std::string_view> items_of(std::string_view list) {
  std::vector<std::string_view> items;
  while (!list.empty()) {
    std::size_t comma = list.find(',');
    items.push_back(trimmed(list.substr(0, comma)));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return items;
}

// Each hop is believed by the one behind it only: `address` becomes the left-most that a trusted hop vouches for.
// Returns how many hops were walked.
std::size_t walk(const TrustedProxies& trusted, const std::vector<std::string_view>& nodes, std::string& address) {
  std::size_t hops = 0;
  while (trusted.contains(address) && hops < nodes.size()) {
    std::string_view ip = bare_ip(nodes[nodes.size() - 1 - hops]);
    if (!Address::from_ip(ip, 0)) break;
    address = ip;
    ++hops;
  }
  return hops;
}

bool is_secure(const std::vector<std::string_view>& schemes, std::size_t hops) {
  if (schemes.empty()) return false;
  std::size_t from_right = std::min(std::max<std::size_t>(hops, 1), schemes.size());
  return equals_ignoring_case(schemes[schemes.size() - from_right], "https");
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

gateway::Client client_of(const TrustedProxies& trusted, std::string_view peer_ip, const http::Request& request) {
  gateway::Client client{std::string(peer_ip), false};
  if (!trusted.contains(peer_ip)) return client;
  std::vector<std::string_view> nodes = items_of(request.x_forwarded_for);
  std::vector<std::string_view> schemes = items_of(request.x_forwarded_proto);
  const bool own_nodes = !nodes.empty();
  const bool own_schemes = !schemes.empty();
  const std::vector<ForwardedElement> elements = parse_forwarded(request.forwarded);
  for (const ForwardedElement& element : elements) {
    if (!own_nodes) nodes.push_back(element.node);
    if (!own_schemes) schemes.push_back(element.proto);
  }
  client.secure = is_secure(schemes, walk(trusted, nodes, client.address));
  return client;
}

}  // namespace nxb::edge
