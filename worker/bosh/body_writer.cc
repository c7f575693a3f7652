// worker/bosh/body_writer.cc - writing <body/>. Always unprefixed and with its xmlns first (B-05: JSJaC compares the
// tag name with "body"); xmlns:xmpp where attributes of that namespace are used. Payloads stand by themselves already
// (B-13); xmlns:stream is declared beside them where features or a stream error are expected, for clients that look
// for it on <body/>.
// SPDX-License-Identifier: MIT
#include "worker/bosh/body.h"

namespace nxb::bosh {
namespace {

constexpr std::string_view kOpen = "<body xmlns='http://jabber.org/protocol/httpbind'";
constexpr std::string_view kXmppDeclaration = " xmlns:xmpp='urn:xmpp:xbosh'";
constexpr std::string_view kStreamDeclaration = " xmlns:stream='http://etherx.jabber.org/streams'";

void append_number(std::string& out, std::string_view name, std::uint64_t value) {
  xml::append_attribute(out, name, std::to_string(value));
}

void append_if_any(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) xml::append_attribute(out, name, value);
}

// As long as it has to be: answers are kept. To grow `start` would make it up to twice as long.
std::string finish(std::string start, std::string_view payloads) {
  if (payloads.empty()) return std::move(start) + "/>";
  std::string whole;
  whole.reserve(start.size() + payloads.size() + 8);
  whole.append(start).append(1, '>').append(payloads).append("</body>");
  return whole;
}

}  // namespace

std::string write_creation(const CreationAnswer& answer, std::string_view payloads) {
  std::string out(kOpen);
  out += kXmppDeclaration;
  out += kStreamDeclaration;
  xml::append_attribute(out, "sid", answer.sid);
  append_number(out, "wait", answer.wait);
  append_number(out, "requests", answer.requests);
  append_number(out, "hold", answer.hold);
  append_number(out, "inactivity", answer.inactivity);
  if (answer.maxpause != 0) append_number(out, "maxpause", answer.maxpause);  // 0: pausing is not offered
  if (answer.polling) append_number(out, "polling", *answer.polling);
  xml::append_attribute(out, "ver", std::to_string(answer.ver.major) + '.' + std::to_string(answer.ver.minor));
  append_if_any(out, "from", answer.from);
  append_if_any(out, "to", answer.to);
  append_if_any(out, "stream", answer.stream);
  if (answer.ack) append_number(out, "ack", *answer.ack);
  append_if_any(out, "authid", answer.authid);
  xml::append_attribute(out, "xmpp:restartlogic", "true");
  append_if_any(out, "xmpp:version", answer.xmpp_version);
  return finish(std::move(out), payloads);
}

std::string write_answer(const Heading& heading, std::string_view payloads) {
  std::string out(kOpen);
  if (!heading.xmpp_version.empty()) out += kXmppDeclaration;
  if (heading.features) out += kStreamDeclaration;
  if (heading.terminate) {
    xml::append_attribute(out, "type", "terminate");
    append_if_any(out, "condition", wire_name(heading.condition));
  }
  append_if_any(out, "stream", heading.stream);
  append_if_any(out, "from", heading.from);
  append_if_any(out, "to", heading.to);
  append_if_any(out, "authid", heading.authid);
  append_if_any(out, "xmpp:version", heading.xmpp_version);
  if (heading.ack) append_number(out, "ack", *heading.ack);
  if (heading.report) {
    append_number(out, "report", heading.report->rid);
    append_number(out, "time", heading.report->milliseconds);
  }
  return finish(std::move(out), payloads);
}

std::string write_answer(std::string_view payloads) { return finish(std::string(kOpen), payloads); }

std::string write_terminate(Condition condition, std::string_view payloads) {
  Heading heading;
  heading.terminate = true;
  heading.condition = condition;
  heading.features = condition == Condition::RemoteStreamError;
  return write_answer(heading, payloads);
}

std::string write_see_other_uri(std::string_view uri) {
  std::string element = "<uri>";  // in the namespace of <body/>
  xml::append_escaped(element, uri);
  element += "</uri>";
  return write_terminate(Condition::SeeOtherUri, element);
}

std::string write_recoverable_error() {
  std::string out(kOpen);
  xml::append_attribute(out, "type", "error");
  return finish(std::move(out), {});
}

}  // namespace nxb::bosh
