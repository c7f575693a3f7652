// worker/edge/template.cc - see template.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/template.h"

#include "worker/xml/reader.h"

namespace nxb::edge {
namespace {

void fill(std::string& out, std::string_view text, const Fields& fields);

std::string_view value_of(const Fields& fields, std::string_view name) {
  auto at = fields.values.find(name);
  return at == fields.values.end() ? std::string_view() : at->second;
}

// `rest` is behind the tag {{#name}} or {{^name}}; what is behind its end is left of it.
void fill_list(std::string& out, char kind, std::string_view name, std::string_view& rest, const Fields& fields) {
  const std::string closing = "{{/" + std::string(name) + "}}";
  const std::size_t end = rest.find(closing);
  const std::string_view inner = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + closing.size());
  auto at = fields.lists.find(name);
  const bool empty = at == fields.lists.end() || at->second.empty();
  if (kind == '^' && empty) fill(out, inner, fields);
  if (kind == '^' || empty) return;
  for (const Fields& element : at->second) fill(out, inner, element);
}

void fill(std::string& out, std::string_view text, const Fields& fields) {
  for (;;) {
    const std::size_t tag = text.find("{{");
    out += text.substr(0, tag);
    if (tag == std::string_view::npos) return;
    text.remove_prefix(tag + 2);
    const std::size_t end = text.find("}}");
    std::string_view name = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    if (name.starts_with('{')) {
      out += value_of(fields, name.substr(1));
      if (text.starts_with('}')) text.remove_prefix(1);
    } else if (name.starts_with('#') || name.starts_with('^')) {
      fill_list(out, name[0], name.substr(1), text, fields);
    } else {
      xml::append_escaped(out, value_of(fields, name));
    }
  }
}

}  // namespace

std::string filled(std::string_view text, const Fields& fields) {
  std::string out;
  fill(out, text, fields);
  return out;
}

}  // namespace nxb::edge
