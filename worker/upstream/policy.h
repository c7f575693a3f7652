// worker/upstream/policy.h - which domains may be asked for, and where each of them is served (U-01 to U-04, U-09,
// U-10, U-16). Runs in: worker. I/O: none. Made from the configuration, which outlives it; assigned anew at a reload. choose() is the place where a domain becomes
// something to connect to, or to be looked up.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/address.h"
#include "common/base/domain.h"
#include "common/base/proxy_header.h"
#include "common/base/result.h"
#include "common/config/config.h"
#include "worker/bosh/conditions.h"
#include "worker/upstream/route.h"

namespace nxb::upstream {

struct Target {
  std::string host;  // a name or an IP literal; empty when `unix_socket` is set
  std::uint16_t port = 0;
  std::optional<Address> unix_socket;
  bool chosen_by_operator = false;     // from [[upstream.domain]] target: private addresses are fine
  bool filtered = false;               // by a client's route: only to addresses that route_filter has
  std::optional<config::TlsMode> tls;  // set for this domain; nothing = by the rule of U-39
  std::string tls_identity;            // whom the certificate must speak for (U-50)
  bool identity_is_domain = true;      // not replaced by tls_name
  std::string tls_ca;                  // "" = the system's trust store
  bool tls_verify = true;
  std::optional<ProxyVersion> proxy = {};  // its server is told in a PROXY header who the client is (O-30)
  std::string text() const;                // for logs
};

struct Refusal {
  bosh::Condition condition = bosh::Condition::None;  // None: not refused
  std::string why;
};

struct Choice {
  Refusal refusal;
  Domain domain;
  Target target;
  bool by_srv = false;  // SRV is asked first (U-05); `target` is for a domain without
};

// What an SRV record names, for the domain that `general` was chosen for; nothing if it is configured to be left out:
// tls = "direct" has no use for targets without direct TLS. Those with it get direct TLS whatever is configured, since
// they speak nothing else (U-45).
std::optional<Target> target_of(const Target& general, const std::string& host, std::uint16_t port, bool direct_tls);

class Policy {
 public:
  explicit Policy(const config::Config::Upstream& config);
  Choice choose(std::string_view to, std::string_view route = {}) const;  // route: the client's, may be empty
  // Checked on the address connected to, never on a name (U-16).
  bool may_connect(const Target& target, const Address& address) const;
  config::TlsMode tls_mode(const Target& target, const Address& address) const;  // U-39

 private:
  bool permitted(std::string_view ascii) const;
  Refusal take_route(std::string_view text, config::RouteMode mode, Target& target) const;

  const config::Config::Upstream* config_;
  std::vector<std::string> allow_, deny_, gone_;  // normalised; ".example" = the name and its subdomains
  RouteFilter filter_;
  std::unordered_map<std::string, const config::Domain*> fixed_;
};

}  // namespace nxb::upstream
