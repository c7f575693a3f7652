// worker/upstream/tls_rule.h - what a configured TLS mode asks of a stream that begins in clear (U-39).
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include "common/config/config.h"
#include "worker/xmpp/client_stream.h"

namespace nxb::upstream {

inline xmpp::TlsRule rule_of(config::TlsMode mode) {
  switch (mode) {
    case config::TlsMode::Required:
    case config::TlsMode::Direct:
      return xmpp::TlsRule::Required;
    case config::TlsMode::Offered:
      return xmpp::TlsRule::Offered;
    case config::TlsMode::Off:
      return xmpp::TlsRule::Off;
  }
  return xmpp::TlsRule::Required;
}

}  // namespace nxb::upstream
