// worker/ws/message.h - one text message of a client -> what it says (RFC 7395 3.3; the draft's framing, W-50 to W-53).
// Runs in: worker. I/O: none. Codec. What it means at this point of the stream is the session's to judge.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/xml/reader.h"

namespace nxb::ws {

// The framing namespace, and what Strophe.js compares as a whole string (W-44).
inline constexpr std::string_view kFraming = "urn:ietf:params:xml:ns:xmpp-framing";
inline constexpr std::string_view kClose = "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />";

// What a stream error says (RFC 6120 4.9.3): those that a message by itself can deserve.
enum class Wrong : std::uint8_t {
  Nothing,
  NotWellFormed,     // two roots, text, a partial element, bad XML (W-27)
  RestrictedXml,     // comment, instruction, DTD, entity (W-28)
  InvalidNamespace,  // open or close of another namespace (W-30)
  PolicyViolation,   // one of the limits: depth, attributes, size (H-32)
};

struct Message {
  enum class Kind : std::uint8_t {
    Blank,         // whitespace only: ignored (W-27)
    Open,          // <open/>
    Close,         // <close/>
    LegacyHeader,  // <stream:stream ...>, closed or not (W-50, W-51)
    LegacyEnd,     // exactly </stream:stream> (W-52)
    StartTls,      // <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/> (W-48)
    Element,       // anything else that is one whole element
    Wrong,
  };
  Kind kind = Kind::Blank;
  Wrong wrong = Wrong::Nothing;
  bool header_closed = false;           // LegacyHeader: it ended in "/>" (W-51)
  std::string to, from, version, lang;  // Open, LegacyHeader: as written, unescaped; empty when absent
  std::string element;                  // Element: namespace-complete for a stream of jabber:client (W-35)
};

// `text` is valid UTF-8. `max_stanza_size`: of the element as it came (W-20).
Message parse_message(xml::Pool& pool, std::string_view text, std::uint64_t max_stanza_size);

}  // namespace nxb::ws
