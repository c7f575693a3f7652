// worker/upstream/finding.h - one thing that was looked at for an operator, and how it stands (O-20).
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/tls/peer_certificate.h"

namespace nxb::upstream {

struct Finding {
  enum class Kind : std::uint8_t { Ok, Warning, Problem };
  Kind kind;
  std::string what, text;
};

// Of one certificate. `distrusted`: why it is not believed; "" = it is, or (not `verified`) nobody asks.
Finding finding_of(const tls::PeerCertificate& certificate, const std::string& target, const std::string& identity,
                   const std::string& distrusted, bool verified);

// {"domain":"...","findings":[{"kind":"ok","what":"...","text":"..."}]}
std::string to_json(const std::string& domain, const std::vector<Finding>& findings);

}  // namespace nxb::upstream
