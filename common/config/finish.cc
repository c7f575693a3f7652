// common/config/finish.cc - see finish.h.
// SPDX-License-Identifier: MIT
#include "common/config/finish.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/address.h"
#include "common/base/domain.h"
#include "common/base/text.h"
#include "common/config/file.h"
#include "common/config/host.h"
#include "common/config/rule.h"

namespace nxb::config {
namespace {

constexpr std::size_t kPasswordFileMost = 4096;
constexpr std::uint64_t kBesideStanza = 1 << 20;  // of max_buffer
constexpr Duration kShortestPing{1'000};

// The place of a key, where the file has it; else of the section.
Place place_of(const Place& at, const Node::Table& table, std::string_view key) {
  const Entry* entry = find_entry(table, key);
  return entry ? at.inside(key, entry->line) : at;
}

// Line of element `index` of an array of sections, and of `key` in it.
Place place_in(const Place& at, const Node::Table& table, std::string_view list, std::size_t index,
               std::string_view key) {
  const Entry* entry = find_entry(table, list);
  const auto* array = entry ? entry->value.get<Node::Array>() : nullptr;
  if (!array || index >= array->size()) return at;
  const Node& element = (*array)[index];
  const auto* inner = element.get<Node::Table>();
  const Entry* found = inner ? find_entry(*inner, key) : nullptr;
  return at.inside(list, element.line).inside(key, found ? found->line : element.line);
}

// The same for `key` of section `section` of the whole file.
Place place_in(const Place& at, const Node::Table& table, std::string_view section, std::string_view key) {
  const Entry* entry = find_entry(table, section);
  const auto* inner = entry ? entry->value.get<Node::Table>() : nullptr;
  const Entry* found = inner ? find_entry(*inner, key) : nullptr;
  return at.inside(section, entry ? entry->line : 0).inside(key, found ? found->line : 0);
}

bool is_given(const Node::Table& table, std::string_view section, std::string_view key) {
  const Entry* entry = find_entry(table, section);
  const auto* inner = entry ? entry->value.get<Node::Table>() : nullptr;
  return inner && find_entry(*inner, key);
}

// The server is read until a client is behind; one more stanza must not be what ends it (W-26).
void check_room(const Place& at, const Node::Table& table, const Config& config) {
  const std::uint64_t least = config.upstream.max_xmpp_stanza_size + kBesideStanza;
  if (config.websocket.max_buffer >= least) return;
  const bool by_stanza = !is_given(table, "websocket", "max_buffer");
  const Place place = by_stanza ? place_in(at, table, "upstream", "max_xmpp_stanza_size")
                                : place_in(at, table, "websocket", "max_buffer");
  place.error(
      "one stanza of max_xmpp_stanza_size could end a client that reads; allowed: max_buffer in [websocket] of "
      "at least max_xmpp_stanza_size and 1 MiB, " +
      std::to_string(least) + " bytes");
}

// Both are lower case and in A-labels by now.
bool lists(const std::vector<std::string>& entries, std::string_view domain) {
  return std::any_of(entries.begin(), entries.end(), [&](std::string_view entry) { return covers(entry, domain); });
}

// A client that names no domain would be sent to one that is refused (B-17, U-02).
void check_default_domain(const Place& at, const Node::Table& table, const Config::Upstream& upstream) {
  const std::string& domain = upstream.default_domain;
  if (domain.empty()) return;
  std::string_view refused = lists(upstream.gone, domain)                                ? "is in gone"
                             : !upstream.allow.empty() && !lists(upstream.allow, domain) ? "is not in allow"
                             : upstream.allow.empty() && lists(upstream.deny, domain)    ? "is in deny"
                                                                                         : "";
  if (refused.empty()) return;
  place_of(at, table, "default_domain")
      .warning("\"" + domain + "\" " + std::string(refused) + ": clients that name no domain are refused");
}

// Each of the two means nothing without the other.
void check_program(const Place& at, const Node::Table& table, const Config& config) {
  const bool wanted = config.upstream.kind == UpstreamKind::External;
  if (wanted && config.external.socket.empty()) {
    place_in(at, table, "upstream", "kind").error("has no program; allowed: \"external\" with socket in [external]");
  } else if (!wanted && !config.external.socket.empty()) {
    place_in(at, table, "external", "socket").warning("is never connected to: kind in [upstream] is not \"external\"");
  }
}

// The same header twice, with perhaps two values: a balancer could take either (O-41).
void check_node_header(const Place& at, const Node::Table& table, const Config& config) {
  const std::string& header = config.sticky.header;
  auto same = [&](const auto& pair) { return equals_ignoring_case(pair.first, header); };
  if (header.empty() || std::none_of(config.http.headers.begin(), config.http.headers.end(), same)) return;
  place_in(at, table, "sticky", "header")
      .error("\"" + header + "\" is in headers of [http] already; allowed: one of the two");
}

void check_group(const Place& at, const Node::Table& table, std::string_view key, const std::string& name) {
  if (name.empty() || group_exists(name)) return;
  place_of(at, table, key).error("there is no group \"" + name + "\"; allowed: one of this system");
}

bool ends_in_port_0(std::string_view address) {
  return address.size() >= 2 && address.substr(address.size() - 2) == ":0";
}

void check_listeners(const Place& at, const Node::Table& table, const Config& config) {
  std::set<std::string_view> addresses;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const std::string& address = config.listen[i].address;
    if (address.empty() || ends_in_port_0(address))
      continue;  // wrong already; the kernel chooses another port each time
    if (!addresses.insert(address).second) {
      place_in(at, table, "listen", i, "address")
          .error("\"" + address + "\" is listened on already; allowed: each address once");
    }
  }
}

bool is_everywhere(const Address& address) { return address.ip_text() == "0.0.0.0" || address.ip_text() == "::"; }

// Whether both cannot be listened on: they are one, or one is a port of all addresses, the other of one of them.
bool collide(const std::string& one, const std::string& other) {
  if (ends_in_port_0(one) || ends_in_port_0(other)) return false;
  auto a = Address::parse(one);
  auto b = Address::parse(other);
  if (one == other || !a || !b || a->family() == AF_UNIX || a->family() != b->family()) return one == other;
  return a->port() == b->port() && (is_everywhere(*a) || is_everywhere(*b));
}

// /metrics has an address that clients do not come to (O-23).
void check_metrics(const Place& at, const Node::Table& table, const Config& config) {
  const std::string& address = config.metrics.listen;
  auto taken = [&](const Listen& listen) { return collide(listen.address, address); };
  auto by = std::find_if(config.listen.begin(), config.listen.end(), taken);
  if (address.empty() || by == config.listen.end()) return;
  place_in(at, table, "metrics", "listen")
      .error("\"" + address + "\" is taken by \"" + by->address + "\" of [[listen]]; allowed: an address of its own");
}

}  // namespace

void finish(const Place& at, const Node::Table& table, Config::Server& server) {
  if (!server.user.empty() && !user_exists(server.user)) {
    place_of(at, table, "user").error("there is no user \"" + server.user + "\"; allowed: one of this system");
  }
  check_group(at, table, "group", server.group);
  check_group(at, table, "admin_group", server.admin_group);
  if (!server.group.empty() && server.user.empty()) {
    place_of(at, table, "group").error("is given without user; allowed: with a user");
  }
  if (server.workers == 0) server.workers = usable_cpus();
  if (server.admin_socket.empty()) server.admin_socket = default_admin_socket();
}

void finish(const Place& at, const Node::Table& table, Listen& listen) {
  if (!find_entry(table, "address")) listen.address = kDefaultListen;
  if (listen.accept_proxy && listen.trusted_proxies.empty()) {  // O-30
    place_of(at, table, "accept_proxy")
        .error(
            "is true without trusted_proxies, and nobody could connect; allowed: true with a list of them, or false");
  }
}

void finish(const Place& at, const Node::Table& table, Config::Http& http) {
  const auto& origins = http.allowed_origins;
  const bool any_origin = std::find(origins.begin(), origins.end(), "*") != origins.end();
  if (any_origin && origins.size() > 1) {
    place_of(at, table, "allowed_origins")
        .error("has \"*\" beside other origins; allowed: \"*\" alone, or a list without it");
  }
  if (any_origin && http.allow_credentials) {  // H-33
    place_of(at, table, "allow_credentials")
        .error("is true while allowed_origins is \"*\"; allowed: true with a list of origins, or false");
  }
}

void finish(const Place& at, const Node::Table& table, Config::Bosh& bosh) {
  if (bosh.default_inactivity <= bosh.max_inactivity) return;
  const std::string_view key = find_entry(table, "default_inactivity") ? "default_inactivity" : "max_inactivity";
  place_of(at, table, key).error("default_inactivity is above max_inactivity; allowed: at most max_inactivity");
}

// So short a period would be all that a client does; 0 is off.
void finish(const Place& at, const Node::Table& table, Config::WebSocket& websocket) {
  if (websocket.ping_interval == Duration::zero() || websocket.ping_interval >= kShortestPing) return;
  place_of(at, table, "ping_interval").error("is below one second; allowed: 0, or \"1s\" to \"1h\"");
}

void finish(const Place& at, const Node::Table& table, Domain& domain) {
  if (!find_entry(table, "name"))
    at.inside("name", 0).error("is missing; allowed: the domain that this section is for");
  const Place verify = place_of(at, table, "tls_verify");
  if (find_entry(table, "tls_verify") && !domain.tls_verify) {
    verify.warning("certificates of " + domain.name + " are not checked");  // U-53
  }
  if (!domain.target.empty() && domain.route.value_or(RouteMode::Off) != RouteMode::Off) {
    place_of(at, table, "route").warning("is never looked at: the target comes first");  // U-03, U-04
  }
}

void finish(const Place& at, const Node::Table& table, Config::Upstream& upstream) {
  if (!upstream.tls_verify) place_of(at, table, "tls_verify").warning("certificates of servers are not checked");
  check_default_domain(at, table, upstream);
  const Entry* entry = find_entry(table, "domain");
  const auto* given = entry ? entry->value.get<Node::Array>() : nullptr;
  const auto filters = [](const Domain& domain) { return domain.route == RouteMode::Filtered; };
  const bool filtered =
      upstream.route == RouteMode::Filtered || std::any_of(upstream.domain.begin(), upstream.domain.end(), filters);
  if (filtered && upstream.route_filter.empty()) {
    place_of(at, table, "route_filter").warning("no route is allowed: \"filtered\" with an empty route_filter");
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < upstream.domain.size(); ++i) {
    Domain& domain = upstream.domain[i];
    const auto* keys = given && i < given->size() ? (*given)[i].get<Node::Table>() : nullptr;
    if (keys && !find_entry(*keys, "tls_verify")) domain.tls_verify = upstream.tls_verify;
    if (!domain.name.empty() && !names.insert(domain.name).second) {
      place_in(at, table, "domain", i, "name")
          .error("\"" + domain.name + "\" has a section already; allowed: one per domain");
    }
  }
}

void finish(const Place& at, const Node::Table& table, Config::External& external) {
  if (external.reconnect_min <= external.reconnect_max) return;
  const std::string_view key = find_entry(table, "reconnect_min") ? "reconnect_min" : "reconnect_max";
  place_of(at, table, key).error("reconnect_min is above reconnect_max; allowed: at most reconnect_max");
}

// The workers, which may not be allowed to read the file, are told what is in it.
void finish(const Place& at, const Node::Table& table, Config::Monitor& monitor) {
  std::string path = std::exchange(monitor.system_info_password_file, {});
  if (path.empty()) return;
  const Place file = place_of(at, table, "system_info_password_file");
  if (!monitor.system_info_password.empty()) {
    return file.error("is given beside system_info_password; allowed: one of the two");
  }
  auto text = read_file(path, kPasswordFileMost);
  if (!text) return file.error(text.error().text + "; allowed: a readable file with a password");
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (text->empty()) return file.error("is empty; allowed: a readable file with a password");
  monitor.system_info_password = *std::move(text);
}

// O-41: a name that nobody asks for is not looked up.
void finish(const Place& at, const Node::Table& table, Config::Sticky& sticky) {
  const bool wanted = !sticky.cookie.empty() || !sticky.header.empty();
  if (!wanted && !sticky.node.empty()) place_of(at, table, "node").warning("is told to nobody: no cookie, no header");
  if (!wanted || !sticky.node.empty()) return;
  const std::string host = host_name();
  sticky.node = host.substr(0, host.find('.'));  // without its domain
  if (sticky.node.empty() || !check::node_or_none(sticky.node).empty()) {
    at.inside("node", 0).error("is missing, and the host's name cannot take its place; allowed: a name of this node");
  }
}

void finish(const Place& at, const Node::Table& table, Config::Log& log) {
  if (log.file.empty()) return;
  const std::string problem = writing_problem(log.file);
  if (problem.empty()) return;
  place_of(at, table, "file")
      .error("\"" + log.file + "\" " + problem + "; allowed: a file in a folder that can be written");
}

void finish(const Place& at, const Node::Table& table, Config& config) {
  if (config.server.workers == 0) finish(at, {}, config.server);  // no [server] at all
  check_room(at, table, config);
  check_program(at, table, config);
  check_node_header(at, table, config);
  if (config.listen.empty() && !find_entry(table, "listen")) config.listen.push_back({std::string(kDefaultListen), {}});
  if (config.listen.empty()) place_of(at, table, "listen").error("is empty; allowed: at least one [[listen]]");
  check_listeners(at, table, config);
  check_metrics(at, table, config);
}

}  // namespace nxb::config
