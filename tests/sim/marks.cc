// tests/sim/marks.cc - see marks.h.
// SPDX-License-Identifier: MIT
#include "marks.h"

namespace nxb::sim {

namespace {

std::string_view start_tag(std::string_view body) { return body.substr(0, body.find('>')); }

}  // namespace

void append_marked(std::string& out, Mark mark, std::size_t padding) {
  char text[48] = "<message nxb='";
  char* at = std::to_chars(text + 14, text + 24, mark.stream).ptr;
  *at++ = '.';
  at = std::to_chars(at, text + 46, mark.number).ptr;
  out.append(text, at);
  out += "'>";
  out.append(padding, 'x');
  out += "</message>";
}

std::string_view attribute(std::string_view body, std::string_view name) {
  std::string_view tag = start_tag(body);
  for (std::size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    std::size_t value = at + name.size() + 2;
    if (at == 0 || tag[at - 1] != ' ' || tag.substr(at + name.size(), 2) != "='") continue;
    return tag.substr(value, tag.find('\'', value) - value);
  }
  return {};
}

std::uint64_t number_attribute(std::string_view body, std::string_view name) {
  std::string_view text = attribute(body, name);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_terminate(std::string_view body) { return attribute(body, "type") == "terminate"; }

bool is_recoverable(std::string_view body) {
  return body == "<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>";
}

bool is_complete(std::string_view body) {
  return body.ends_with("</body>") || (body.ends_with("/>") && body.find('>') == body.size() - 1);
}

bool has_payloads(std::string_view body) { return !start_tag(body).ends_with('/'); }

std::string brief(std::string_view body) {
  constexpr std::string_view kTold[] = {"type",   "condition", "ack", "report", "time",
                                        "stream", "from",      "sid", "authid"};
  std::string note = has_payloads(body) ? "body" : "empty";
  for (std::string_view name : kTold) {
    std::string_view value = attribute(body, name);
    if (present(value)) note += " " + std::string(name) + "=" + std::string(value);
  }
  read_marks(body,
             [&note](Mark mark) { note += " " + std::to_string(mark.stream) + "." + std::to_string(mark.number); });
  return note;
}

std::string brief_request(const bosh::Body& body) {
  std::string note = body.payload_count == 0 ? "empty" : "payloads=" + std::to_string(body.payload_count);
  if (body.terminate) note += " terminate";
  if (body.restart) note += " restart";
  if (body.pause) note += " pause=" + std::to_string(*body.pause);
  if (body.ack) note += " ack=" + std::to_string(*body.ack);
  if (!body.key.empty()) note += " key=" + body.key.substr(0, 4);
  if (!body.newkey.empty()) note += " newkey=" + body.newkey.substr(0, 4);
  if (!body.stream.empty()) note += " stream=" + body.stream;
  if (!body.to.empty()) note += " to=" + body.to + (body.xmpp_version.empty() ? "" : " version=" + body.xmpp_version);
  if (body.problem != bosh::Condition::None) note += " problem";
  read_marks(body.payloads,
             [&note](Mark mark) { note += " " + std::to_string(mark.stream) + "." + std::to_string(mark.number); });
  return note;
}

}  // namespace nxb::sim
