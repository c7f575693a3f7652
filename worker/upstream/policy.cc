// worker/upstream/policy.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/policy.h"

#include <algorithm>
#include <utility>

#include "worker/dns/resolver.h"

namespace nxb::upstream {
namespace {

constexpr std::uint16_t kXmppPort = 5222, kDirectTlsPort = 5223;

// An entry that is not a domain is kept as it is: it then matches nothing (configuration checks refuse it earlier).
std::string normalised_entry(const std::string& entry) {
  bool subdomains = entry.size() > 1 && entry.front() == '.';
  auto domain = normalise_domain(subdomains ? std::string_view(entry).substr(1) : std::string_view(entry));
  return domain ? (subdomains ? "." : "") + domain->ascii : entry;
}

std::vector<std::string> normalised(const std::vector<std::string>& entries) {
  std::vector<std::string> out;
  for (const std::string& entry : entries) out.push_back(normalised_entry(entry));
  return out;
}

bool lists(const std::vector<std::string>& entries, std::string_view ascii) {
  return std::ranges::any_of(entries, [&](std::string_view entry) { return covers(entry, ascii); });
}

Result<Target> fixed_target(const config::Domain& entry, const Domain& domain) {
  Target target;
  target.chosen_by_operator = !entry.target.empty();
  if (entry.target.starts_with("unix:")) {
    NXB_TRY(target.unix_socket, Address::parse(entry.target));
  } else if (!entry.target.empty()) {
    NXB_TRY(auto where, parse_host_port(entry.target));
    target.host = where.host;
    target.port = where.port;
  } else {
    target.host = domain.ascii;
    target.port = entry.tls == config::TlsMode::Direct ? kDirectTlsPort : kXmppPort;
  }
  target.tls = entry.tls;
  return target;
}

std::optional<ProxyVersion> version_of(config::ProxyProtocol protocol) {
  switch (protocol) {
    case config::ProxyProtocol::Off:
      return std::nullopt;
    case config::ProxyProtocol::V1:
      return ProxyVersion::V1;
    case config::ProxyProtocol::V2:
      return ProxyVersion::V2;
  }
  return std::nullopt;
}

}  // namespace

std::string Target::text() const {
  if (unix_socket) return unix_socket->text();
  if (host.empty()) return "";  // refused before there was one
  std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return name + ":" + std::to_string(port);
}

std::optional<Target> target_of(const Target& general, const std::string& host, std::uint16_t port, bool direct_tls) {
  if (!direct_tls && general.tls == config::TlsMode::Direct) return std::nullopt;
  Target target = general;
  target.host = host;
  target.port = port;
  if (direct_tls) target.tls = config::TlsMode::Direct;
  return target;
}

Policy::Policy(const config::Config::Upstream& config)
    : config_(&config),
      allow_(normalised(config.allow)),
      deny_(normalised(config.deny)),
      gone_(normalised(config.gone)),
      filter_(config.route_filter) {
  for (const config::Domain& entry : config.domain) {
    auto domain = normalise_domain(entry.name);
    if (domain) fixed_.emplace(domain->ascii, &entry);
  }
}

bool Policy::permitted(std::string_view ascii) const {
  if (!allow_.empty()) return lists(allow_, ascii);  // both given: allow wins (U-02)
  return !lists(deny_, ascii);
}

// Sets where to connect, and nothing of TLS: the certificate must speak for the domain (B-26, U-50).
Refusal Policy::take_route(std::string_view text, config::RouteMode mode, Target& target) const {
  auto route = parse_route(text);
  if (!route) return {bosh::Condition::BadRequest, "route: " + route.error().text};
  if (route->proto != "xmpp") return {bosh::Condition::HostUnknown, "route: not the protocol xmpp"};
  if (mode == config::RouteMode::Filtered && !filter_.names(*route)) {
    if (!filter_.has_addresses()) return {bosh::Condition::HostUnknown, "route: not an allowed host"};
    target.filtered = true;
  }
  target.host = std::move(route->host);
  target.port = route->port;
  return {};
}

Choice Policy::choose(std::string_view to, std::string_view route) const {
  Choice choice;
  auto domain = normalise_domain(to);
  if (!domain) {
    choice.refusal = {bosh::Condition::ImproperAddressing, domain.error().text};
    return choice;
  }
  choice.domain = *std::move(domain);
  if (lists(gone_, choice.domain.ascii)) {
    choice.refusal = {bosh::Condition::HostGone, "not served any more"};  // B-18
    return choice;
  }
  if (!permitted(choice.domain.ascii)) {
    choice.refusal = {bosh::Condition::HostUnknown, "not an allowed domain"};  // U-63
    return choice;
  }
  auto at = fixed_.find(choice.domain.ascii);
  Target& target = choice.target;
  if (at != fixed_.end()) {
    auto fixed = fixed_target(*at->second, choice.domain);
    if (!fixed) {
      choice.refusal = {bosh::Condition::InternalServerError, "target: " + fixed.error().text};
      return choice;
    }
    target = *std::move(fixed);
  } else {
    target.host = choice.domain.ascii;
    target.port = kXmppPort;
  }
  const config::Domain* entry = at == fixed_.end() ? nullptr : at->second;
  auto mode = entry && entry->route ? *entry->route : config_->route;
  if (!route.empty() && mode != config::RouteMode::Off && !target.chosen_by_operator) {  // U-03 comes before U-04
    choice.refusal = take_route(route, mode, target);
    if (choice.refusal.condition != bosh::Condition::None) return choice;
  } else {
    choice.by_srv = !target.chosen_by_operator && dns::known_addresses(target.host, target.port).empty();  // U-10, U-14
  }
  bool other_identity = entry && !entry->tls_name.empty() && entry->tls_name != entry->name;
  target.tls_identity = other_identity ? entry->tls_name : choice.domain.ascii;
  target.identity_is_domain = !other_identity;
  target.tls_ca = entry && !entry->tls_ca.empty() ? entry->tls_ca : config_->tls_ca;
  target.tls_verify = entry ? entry->tls_verify : config_->tls_verify;
  target.proxy = version_of(entry ? entry->proxy_protocol.value_or(config_->proxy_protocol) : config_->proxy_protocol);
  return choice;
}

bool Policy::may_connect(const Target& target, const Address& address) const {
  if (target.filtered && !filter_.contains(address)) return false;
  return target.chosen_by_operator || config_->allow_private_targets ||
         !(address.is_private() || address.is_loopback());
}

config::TlsMode Policy::tls_mode(const Target& target, const Address& address) const {
  if (target.tls) return *target.tls;
  bool near = address.is_private() || address.is_loopback();
  return near && config_->tls == config::TlsMode::Required ? config::TlsMode::Offered : config_->tls;
}

}  // namespace nxb::upstream
