// worker/ws/writer.cc - see writer.h. Double quotes throughout: Strophe.js tests xmlns="..." as text.
// SPDX-License-Identifier: MIT
#include "worker/ws/writer.h"

#include <algorithm>

#include "worker/ws/message.h"

namespace nxb::ws {
namespace {

constexpr std::string_view kManagement = "urn:xmpp:sm:";

void append(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ' ';
  out += name;
  out += "=\"";
  xml::append_escaped(out, value);
  out += '"';
}

void append(std::string& out, const Greeting& greeting) {
  append(out, "from", greeting.from);
  append(out, "id", greeting.id);
  append(out, "version", greeting.version);
  append(out, "xml:lang", greeting.lang);
}

// The start tag of a well-formed element, up to its '>'.
std::string_view start_tag(std::string_view element) {
  std::size_t at = 0;
  while (at < element.size() && element[at] != '>') {
    bool quoted = element[at] == '"' || element[at] == '\'';
    std::size_t close = quoted ? element.find(element[at], at + 1) : at;
    if (close == std::string_view::npos) break;
    at = close + 1;
  }
  return element.substr(0, at);
}

bool says_language(std::string_view tag) {
  constexpr std::string_view kName = "xml:lang";
  for (std::size_t at = tag.find_first_of("\"' \t\r\n"); at < tag.size();) {
    if (tag[at] == '"' || tag[at] == '\'') {
      at = tag.find(tag[at], at + 1);
      if (at == std::string_view::npos) return false;
    } else if (xml::is_space(tag[at]) && tag.substr(at + 1).starts_with(kName)) {
      std::string_view rest = tag.substr(at + 1 + kName.size());
      if (xml::skip_space(rest).starts_with('=')) return true;
    }
    ++at;
  }
  return false;
}

}  // namespace

std::string write_open(const Greeting& greeting) {
  std::string out = "<open";
  append(out, "xmlns", kFraming);
  append(out, greeting);
  return out + "/>";
}

std::string write_legacy_header(const Greeting& greeting, HeaderForm form) {
  std::string out = "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\"";
  append(out, greeting);
  return out + (form == HeaderForm::Closed ? "/>" : ">");
}

std::string write_see_other_uri(std::string_view uri) {
  std::string out = "<close";
  append(out, "xmlns", kFraming);
  append(out, "see-other-uri", uri);
  return out + "/>";
}

std::string write_stream_error(std::string_view condition) {
  std::string out = "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><";
  out += condition;
  return out + " xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error>";
}

std::string with_language(std::string element, std::string_view lang) {
  if (lang.empty()) return element;
  std::string_view tag = start_tag(element);
  if (says_language(tag) || tag.find(kManagement) != std::string_view::npos) return element;
  std::string attribute;
  append(attribute, "xml:lang", lang);
  element.insert(std::min(tag.find_first_of(" \t\r\n/"), tag.size()), attribute);
  return element;
}

}  // namespace nxb::ws
