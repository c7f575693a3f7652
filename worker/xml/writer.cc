// worker/xml/writer.cc - escaping and names on the way out. Values are always written in single quotes.
// SPDX-License-Identifier: MIT
#include <libxml/tree.h>

#include "worker/xml/reader.h"

namespace nxb::xml {
namespace {

// Not find_first_of, which calls memchr for every character.
bool is_special(char c) {
  switch (c) {
    case '&':
    case '<':
    case '>':
    case '\'':
    case '"':
    case '\t':
    case '\n':
    case '\r':
      return true;
    default:
      return false;
  }
}

}  // namespace

void append_escaped(std::string& out, std::string_view value) {
  for (std::size_t at = 0; at < value.size();) {
    std::size_t special = at;
    while (special < value.size() && !is_special(value[special])) ++special;
    out.append(value.substr(at, special - at));
    if (special == value.size()) return;
    switch (value[special]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&apos;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\t':
        out += "&#9;";
        break;  // a reader would make a space of it
      case '\n':
        out += "&#10;";
        break;
      default:
        out += "&#13;";
        break;
    }
    at = special + 1;
  }
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out += ' ';
  out += name;
  out += "='";
  append_escaped(out, value);
  out += '\'';
}

void append_declaration(std::string& out, std::string_view prefix, std::string_view uri) {
  out += " xmlns";
  if (!prefix.empty()) {
    out += ':';
    out += prefix;
  }
  out += "='";
  append_escaped(out, uri);
  out += '\'';
}

bool is_ncname(const std::string& text) {
  bool has_nul = text.find('\0') != std::string::npos;  // where libxml2 would stop reading
  return !has_nul && xmlValidateNCName(reinterpret_cast<const xmlChar*>(text.c_str()), 0) == 0;
}

}  // namespace nxb::xml
