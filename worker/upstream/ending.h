// worker/upstream/ending.h - what a client is told of the way in which its server's stream ended (U-62 to U-72).
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include "worker/bosh/conditions.h"
#include "worker/xmpp/client_stream.h"

namespace nxb::upstream {

inline bosh::Condition condition_of(xmpp::Ending ending) {
  switch (ending) {
    case xmpp::Ending::Closed:
      return bosh::Condition::None;
    case xmpp::Ending::StreamError:
      return bosh::Condition::RemoteStreamError;
    case xmpp::Ending::Lost:
    case xmpp::Ending::NoTls:
    case xmpp::Ending::BadServer:
    case xmpp::Ending::TimedOut:
      return bosh::Condition::RemoteConnectionFailed;
    case xmpp::Ending::TooMuchHeld:
      return bosh::Condition::PolicyViolation;
  }
  return bosh::Condition::InternalServerError;
}

}  // namespace nxb::upstream
