// tests/fuzz/forwarded.cc - whose request is it (H-47): trusted proxies, X-Forwarded-For, and addresses as text.
// The input is lines: the trusted proxies, comma-separated; the peer; X-Forwarded-For; X-Forwarded-Proto; Forwarded.
// Properties: the result is the peer or an address that stands in a field; nobody but a trusted peer is believed; the
// word of a trusted one is taken. Whatever stands before it in Forwarded, what a proxy adds is read as it was meant or
// nothing is. Addresses print as what parses to them.
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <vector>

#include "bytes.h"
#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "worker/edge/forwarded.h"

using namespace nxb;

namespace {

std::string_view take_until(std::string_view& text, char end) {
  std::string_view taken = text.substr(0, text.find(end));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return taken;
}

void check_address(std::string_view text) {
  auto host_port = parse_host_port(text);
  if (host_port) NXB_CHECK(!host_port->host.empty() && host_port->host.size() <= text.size(), "a host from nowhere");
  auto address = Address::parse(text);
  if (!address) return;
  auto again = Address::parse(address->text());
  NXB_CHECK(again && again->text() == address->text(), "an address that does not print as itself");
  NXB_CHECK(again->is_private() == address->is_private(), "an address is another when printed");
}

void check_client(const edge::TrustedProxies& trusted, std::string_view peer, const http::Request& request) {
  gateway::Client client = edge::client_of(trusted, {peer, 4711}, request);
  const std::string& found = client.address;
  if (!trusted.contains(peer)) {
    return NXB_CHECK(found == peer && !client.secure, "a peer is believed that is not trusted");
  }
  std::string_view nodes = request.x_forwarded_for;
  NXB_CHECK(found == peer || bool(Address::from_ip(found, 0)), "no address");
  if (nodes.empty()) return;
  NXB_CHECK(found == peer || nodes.find(found) != nodes.npos, "an address from nowhere");
  std::string_view last = trimmed(nodes.substr(nodes.rfind(',') + 1));
  if (!trusted.contains(last) && Address::from_ip(last, 0)) {
    NXB_CHECK(found == last, "the word of a trusted peer is not taken");
  }
}

void check_added(std::string_view field) {
  for (const auto& element : edge::parse_forwarded(field)) {
    NXB_CHECK(element.node.size() + element.proto.size() <= field.size(), "an element from nowhere");
  }
  auto elements = edge::parse_forwarded(std::string(field) + ", for=192.0.2.7;proto=https");
  if (elements.empty()) return;
  NXB_CHECK(elements.back().node == "192.0.2.7" && elements.back().proto == "https", "the proxy is not heard");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  std::string_view list = take_until(input, '\n');
  std::string_view peer = take_until(input, '\n');
  std::vector<std::string> rules;
  while (!list.empty()) rules.emplace_back(take_until(list, ','));
  http::Request request;
  request.x_forwarded_for = take_until(input, '\n');
  request.x_forwarded_proto = take_until(input, '\n');
  request.forwarded = input;
  check_client(edge::TrustedProxies(rules), peer, request);
  check_added(input);
  check_address(peer);
  check_address(request.x_forwarded_for);
  return 0;
}
