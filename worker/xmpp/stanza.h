// worker/xmpp/stanza.h - one top-level element of an XMPP stream as it passes through nxb: what it is, and its bytes.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace nxb::xmpp {

enum class Kind : std::uint8_t {
  Features,     // stream:features
  StreamError,  // stream:error
  Message,
  Presence,
  Iq,     // jabber:client
  Other,  // anything else: SASL, SM, ...
};

struct Stanza {
  Kind kind = Kind::Other;
  std::string bytes;  // namespace-complete by itself (B-13), otherwise as received
};

}  // namespace nxb::xmpp
