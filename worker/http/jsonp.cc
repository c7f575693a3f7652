// worker/http/jsonp.cc - see jsonp.h.
// SPDX-License-Identifier: MIT
#include "worker/http/jsonp.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/text.h"

namespace nxb::http {
namespace {

constexpr std::size_t kLongestCallback = 128;
constexpr std::string_view kLineSeparator = "\xe2\x80\xa8";       // U+2028 and U+2029 end a line in JavaScript before
constexpr std::string_view kParagraphSeparator = "\xe2\x80\xa9";  // ES2019, also inside a string

void append_unit(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

bool must_be_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&' || c == '\x7f';
}

void append_json_string(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string_view here = text.substr(i, 3);
    if (here == kLineSeparator || here == kParagraphSeparator) {
      out += here == kLineSeparator ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (must_be_escaped(text[i])) {
      append_unit(out, text[i]);
    } else {
      if (text[i] == '"' || text[i] == '\\') out += '\\';
      out += text[i];
    }
  }
}

}  // namespace

bool is_callback(std::string_view name) {
  auto first = [](char c) { return (is_alnum(c) && (c < '0' || c > '9')) || c == '_' || c == '$'; };
  auto rest = [](char c) { return is_alnum(c) || c == '_' || c == '$' || c == '.'; };
  return !name.empty() && name.size() <= kLongestCallback && first(name.front()) &&
         std::all_of(name.begin(), name.end(), rest);
}

std::string jsonp(std::string_view callback, std::string_view reply) {
  NXB_CHECK(is_callback(callback), "a JSONP callback was checked");
  std::string out;
  out.reserve(reply.size() + reply.size() / 4 + callback.size() + 24);
  out.append("/**/").append(callback).append("({\"reply\":\"");
  append_json_string(out, reply);
  out += "\"});";
  return out;
}

}  // namespace nxb::http
