// worker/upstream/route.cc - see route.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/route.h"

#include <algorithm>
#include <utility>

#include "common/base/domain.h"
#include "common/base/text.h"

namespace nxb::upstream {
namespace {

// A host as it is looked up. An entry of the filter that is none is kept as it is and matches nothing.
Result<std::string> host_of(const std::string& text) {
  if (Address::from_ip(text, 0)) {  // one spelling for all of an address
    NXB_TRY(auto address, Address::from_ip(text, 0));
    return address.ip_text();
  }
  NXB_TRY(auto domain, normalise_domain(text));
  return domain.ascii;
}

}  // namespace

Result<Route> parse_route(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !std::ranges::all_of(text.substr(0, colon), is_alnum) || colon == 0) {
    return Error{Code::BadInput, "no protocol"};
  }
  NXB_TRY(auto where, parse_host_port(text.substr(colon + 1)));
  NXB_TRY(auto host, host_of(where.host));
  return Route{std::string(text.substr(0, colon)), std::move(host), where.port};
}

RouteFilter::RouteFilter(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    bool bracketed = entry.size() > 2 && entry.front() == '[' && entry.back() == ']';
    auto range = AddressRange::parse(bracketed ? std::string_view(entry).substr(1, entry.size() - 2) : entry);
    if (range && !range->has_unix()) {
      ranges_.push_back(*range);
      continue;
    }
    auto with_port = parse_host_port(entry);
    std::string name = with_port ? with_port->host : entry;
    bool subdomains = !with_port && name.size() > 1 && name.front() == '.';
    auto host = host_of(subdomains ? name.substr(1) : name);
    if (host) hosts_.push_back({(subdomains ? "." : "") + *host, with_port ? with_port->port : std::uint16_t{0}});
  }
}

bool RouteFilter::names(const Route& route) const {
  return std::ranges::any_of(hosts_, [&](const Host& host) {
    return (host.port == 0 || host.port == route.port) && covers(host.name, route.host);
  });
}

bool RouteFilter::contains(const Address& address) const {
  return std::ranges::any_of(ranges_, [&](const AddressRange& range) { return range.contains(address); });
}

}  // namespace nxb::upstream
