// worker/xmpp/bounce.cc - the error for a stanza that its client never collected (XEP-0206 7, RFC 6120 8.3).
// It has no `from`: the server stamps the address of the stream, and refuses a stream that names another.
// SPDX-License-Identifier: MIT
#include "worker/xml/tree.h"
#include "worker/xmpp/splitter.h"

namespace nxb::xmpp {

std::string bounce(xml::Pool& pool, const Stanza& undelivered) {
  if (undelivered.kind != Kind::Message && undelivered.kind != Kind::Iq) return {};
  auto read = xml::read_tree(pool, undelivered.bytes, 1);
  if (!read) return {};  // mending may have carried it over a limit
  const xml::Node stanza = *std::move(read);
  const bool iq = undelivered.kind == Kind::Iq;
  const std::string_view type = stanza.attribute("type");
  if (type == "error" || (iq && type != "get" && type != "set")) return {};  // U-61

  const std::string_view name = iq ? "iq" : "message";
  std::string out = "<" + std::string(name) + " xmlns='jabber:client' type='error'";
  if (auto id = stanza.attribute("id"); !id.empty()) xml::append_attribute(out, "id", id);
  if (auto from = stanza.attribute("from"); !from.empty()) xml::append_attribute(out, "to", from);
  out += iq ? "><error type='cancel'><service-unavailable" : "><error type='wait'><recipient-unavailable";
  out += " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></";
  out += name;
  out += '>';
  return out;
}

}  // namespace nxb::xmpp
