// worker/edge/client_address.cc - see client_address.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <algorithm>
#include <charconv>

#include "common/base/address.h"
#include "common/base/text.h"
#include "worker/edge/forwarded.h"

namespace nxb::edge {
namespace {

struct Node {
  std::string_view ip, port;
};

// A node as proxies write it: an address, perhaps with a port, IPv6 perhaps in brackets.
Node node_of(std::string_view item) {
  item = trimmed(item);
  if (item.starts_with('[')) {
    std::size_t end = item.find(']');
    if (end == std::string_view::npos) return {};
    std::string_view rest = item.substr(end + 1);
    return {item.substr(1, end - 1), rest.starts_with(':') ? rest.substr(1) : std::string_view()};
  }
  std::size_t colon = item.find(':');
  bool one_colon = colon != std::string_view::npos && item.find(':', colon + 1) == std::string_view::npos;
  return one_colon ? Node{item.substr(0, colon), item.substr(colon + 1)} : Node{item, {}};
}

// RFC 7239 6 allows "_hidden" as well: not known.
std::uint16_t port_of(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), port);
  return bad == std::errc{} && end == text.data() + text.size() ? port : std::uint16_t{0};
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

// Each hop is believed by the one behind it only: `client` becomes the left-most that a trusted hop vouches for.
// Returns how many hops were walked.
std::size_t walk(const TrustedProxies& trusted, const std::vector<std::string_view>& nodes, gateway::Client& client) {
  std::size_t hops = 0;
  while (trusted.contains(client.address) && hops < nodes.size()) {
    Node node = node_of(nodes[nodes.size() - 1 - hops]);
    if (!Address::from_ip(node.ip, 0)) break;
    client.address = node.ip;
    client.port = port_of(node.port);
    ++hops;
  }
  return hops;
}

// Empty: nobody said it.
std::string_view scheme_of(const std::vector<std::string_view>& schemes, std::size_t hops) {
  if (schemes.empty()) return {};
  std::size_t from_right = std::min(std::max<std::size_t>(hops, 1), schemes.size());
  return schemes[schemes.size() - from_right];
}

}  // namespace

AddressAndPort address_and_port(std::string_view peer) {
  // Asked for each request: what needs no parser goes without. IPv6 has forms that are IPv4's.
  const std::size_t colon = peer.rfind(':');
  if (peer.find_first_not_of("0123456789.") == colon && colon != peer.npos) {
    return {std::string(peer.substr(0, colon)), port_of(peer.substr(colon + 1))};
  }
  auto address = Address::parse(peer);
  if (!address) return {"unix", 0};  // the one form that does not parse is an unnamed unix peer
  return {address->ip_text(), address->port()};
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& rules, bool accept_proxy) : accept_proxy_(accept_proxy) {
  for (std::string_view text : rules) {
    if (auto range = AddressRange::parse(text)) ranges_.push_back(*std::move(range));
  }
}

bool TrustedProxies::contains(std::string_view ip) const {
  if (ip == "unix") return std::ranges::any_of(ranges_, &AddressRange::has_unix);
  auto address = Address::from_ip(ip, 0);
  return address && std::ranges::any_of(ranges_, [&](const AddressRange& range) { return range.contains(*address); });
}

bool TrustedProxies::speaks_for_others(const Peer& peer) const {
  return contains(peer.ip) && (!accept_proxy_ || peer.port != 0);
}

gateway::Client client_of(const TrustedProxies& trusted, const Peer& peer, const http::Request& request) {
  gateway::Client client{std::string(peer.ip), peer.secure, peer.port};
  if (!trusted.speaks_for_others(peer)) return client;
  std::vector<std::string_view> nodes = items_of(request.x_forwarded_for);
  std::vector<std::string_view> schemes = items_of(request.x_forwarded_proto);
  const bool own_nodes = !nodes.empty();
  const bool own_schemes = !schemes.empty();
  const std::vector<ForwardedElement> elements = parse_forwarded(request.forwarded);
  for (const ForwardedElement& element : elements) {
    if (!own_nodes) nodes.push_back(element.node);
    if (!own_schemes) schemes.push_back(element.proto);
  }
  const std::string_view scheme = scheme_of(schemes, walk(trusted, nodes, client));
  if (!scheme.empty()) client.secure = equals_ignoring_case(scheme, "https");
  return client;
}

}  // namespace nxb::edge
