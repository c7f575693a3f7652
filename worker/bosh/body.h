// worker/bosh/body.h - the <body/> wrapper both ways: attributes typed and bounded, payloads opaque bytes.
// Runs in: worker. I/O: none. Codec for XEP-0124 6-7 and the attribute table of 22.
// Payloads are copied byte for byte; only what changes meaning when a stanza changes its parent is mended in its
// start tag (B-11, B-12): the default namespace and prefixes declared on <body/>.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "worker/bosh/conditions.h"
#include "worker/xml/reader.h"

namespace nxb::bosh {

struct Version {
  std::uint32_t major = 1, minor = 6;
  friend auto operator<=>(const Version&, const Version&) = default;
};

struct Body {
  // Set when the XML is a <body/> but an attribute is missing or malformed: what the client is to be told. The
  // other members are still filled as far as they could be read, so that a known session can be ended (B-42).
  Condition problem = Condition::None;
  std::string problem_text;  // for the log

  std::string sid;                     // empty: asks for a session (B-15)
  std::optional<Rid> rid;              // nothing: missing or malformed (problem is set)
  bool terminate = false;              // type='terminate'
  bool restart = false;                // xmpp:restart, by namespace
  std::optional<std::uint16_t> pause;  // seconds
  std::optional<std::uint64_t> ack;
  std::string stream, key, newkey;
  std::string ua, stream_attrs;  // extensions of node-xmpp-bosh (C-44, C-45), as the client wrote them

  // Creation (and add-stream, restart) attributes; ignored on other requests (B-63).
  std::string to, from, lang, route, content;
  std::optional<std::uint16_t> wait, inactivity;  // seconds
  std::optional<std::uint8_t> hold;
  std::optional<Version> ver;  // nothing: legacy client (B-106)
  std::string xmpp_version;    // "" = absent

  std::string payloads;  // mended, ready for an XMPP stream whose default namespace is jabber:client
  std::uint32_t payload_count = 0;
};

// Fails only when the text is not one well-formed <body/> in the BOSH namespace (B-05 to B-09): the client is told
// bad-request and no session is touched. Everything else is reported in Body::problem.
Result<Body> parse_body(xml::Pool& pool, std::string_view text);

// --- writing; every function returns the complete element ---

// The attributes of a session creation answer (B-30 to B-35).
struct CreationAnswer {
  std::string sid, from, to;              // to: echo of the client's `from` (C-42)
  std::string stream;                     // "" = multiple streams are not offered (B-38)
  std::string_view authid, xmpp_version;  // "" = the server has not said it yet
  std::uint32_t wait = 0, hold = 0, requests = 0, inactivity = 0, maxpause = 0;
  std::optional<std::uint32_t> polling;
  std::optional<std::uint64_t> ack;
  Version ver;
};
std::string write_creation(const CreationAnswer& answer, std::string_view payloads);
// An answer that arrived late or never (B-67).
struct Report {
  std::uint64_t rid = 0;
  std::uint16_t milliseconds = 0;  // since it was sent; never more than the schema can say (B-68)
};
// What an ordinary answer says beside its payloads. Empty members are not written.
struct Heading {
  bool terminate = false;  // type='terminate'
  Condition condition = Condition::None;
  bool features = false;  // features, or a stream error, are among the payloads: their prefix is declared (B-35)
  std::string_view stream, from, to, authid, xmpp_version;
  std::optional<std::uint64_t> ack;
  std::optional<Report> report;
};
std::string write_answer(const Heading& heading, std::string_view payloads);
std::string write_answer(std::string_view payloads);  // payloads may be empty
// Payloads (the rest of the queue, then a stream error) go inside. None = a terminate without condition.
std::string write_terminate(Condition condition, std::string_view payloads = {});
std::string write_see_other_uri(std::string_view uri);  // terminate, with the URI inside (B-109)
std::string write_recoverable_error();                  // <body type='error'/> (B-49)

}  // namespace nxb::bosh
