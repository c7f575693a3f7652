// tests/fuzz/url_jsonp.cc - what a client says in a URL, and how it is answered as a script; Basic credentials, too.
// The input is a target without its first slash.
// Properties: %XX is decoded exactly once, and a broken escape, a NUL or a `#` in a path is refused (H-08); a query
// gives what another reader of it finds (H-37); nothing but a name becomes a callback (H-38); a script holds nothing
// that ends a string, a line or an HTML element, and its string says what the answer was (H-39).
// SPDX-License-Identifier: MIT
#include <optional>

#include "bytes.h"
#include "common/base/check.h"
#include "worker/http/basic.h"
#include "worker/http/jsonp.h"
#include "worker/http/parser.h"
#include "worker/http/query.h"

using namespace nxb;

namespace {

int hex(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
  std::size_t at = kDigits.find(c);
  return at == kDigits.npos ? -1 : static_cast<int>(at % 16);
}

// The same by another hand; nothing for a broken escape.
std::optional<std::string> decoded(std::string_view text, bool query) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += query && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  return out;
}

bool is_visible(std::string_view text) {
  for (char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

bool is_name(std::string_view text) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$";
  bool first = !text.empty() && kFirst.find(text.front()) != kFirst.npos;
  return first && text.size() <= 128 && text.find_first_not_of(std::string(kFirst) + "0123456789.") == text.npos;
}

void check_target(const std::string& target) {
  http::ParserPool pool(http::Limits{});
  http::Parser parser(pool);
  auto step = parser.feed("GET " + target + " HTTP/1.1\r\nHost: example.org\r\n\r\n");
  if (!is_visible(target) || target.size() > http::Limits{}.request_line - 20) return;
  std::size_t mark = std::min(target.find('?'), target.size());
  auto path = decoded(std::string_view(target).substr(0, mark), false);
  bool good = path && path->find('\0') == path->npos && target.find('#') == target.npos;
  NXB_CHECK((step.state == http::Parser::State::Complete) == good, "a target is misjudged");
  if (!good) return;
  NXB_CHECK(parser.request().path == *path, "a path is decoded to another");
  NXB_CHECK(parser.request().query == target.substr(std::min(mark + 1, target.size())), "a query from nowhere");
}

// A string literal of JSON, back to its text.
std::string unescaped(std::string_view literal) {
  std::string out;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    char c = literal[i];
    NXB_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '<' && c != '>' && c != '&', "left as it was");
    if (c != '\\') {
      out += c;
      continue;
    }
    NXB_CHECK(literal.size() - i >= 2, "half an escape");
    c = literal[++i];
    if (c == '"' || c == '\\') {
      out += c;
      continue;
    }
    NXB_CHECK(c == 'u' && literal.size() - i >= 5, "an escape that JSON does not have");
    int unit = 0;
    for (int digit = 0; digit < 4; ++digit) unit = unit * 16 + hex(literal[++i]);
    NXB_CHECK(unit >= 0 && (unit < 0x80 || unit == 0x2028 || unit == 0x2029), "an escape for nothing");
    if (unit < 0x80) {
      out += static_cast<char>(unit);
    } else {
      out += unit == 0x2028 ? "\xe2\x80\xa8" : "\xe2\x80\xa9";
    }
  }
  return out;
}

void check_script(std::string_view callback, std::string_view reply) {
  std::string script = http::jsonp(callback, reply);
  std::string before = "/**/" + std::string(callback) + "({\"reply\":\"";
  NXB_CHECK(script.starts_with(before) && script.ends_with("\"});"), "another script");
  NXB_CHECK(script.find("\xe2\x80\xa8") == script.npos && script.find("\xe2\x80\xa9") == script.npos, "a line ends");
  std::string_view literal = std::string_view(script).substr(before.size(), script.size() - before.size() - 4);
  NXB_CHECK(unescaped(literal) == reply, "a script says something else");
}

void check_query(std::string_view query) {
  auto read = http::read_query(query);
  http::Query found;
  bool good = true;
  while (!query.empty()) {
    std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    std::size_t mark = std::min(pair.find('='), pair.size());
    auto name = decoded(pair.substr(0, mark), true);
    auto value = decoded(pair.substr(std::min(mark + 1, pair.size())), true);
    good = good && name && value;
    if (!good || (*name != "data" && *name != "callback")) continue;
    auto& to = *name == "data" ? found.data : found.callback;
    good = !to;
    to = value;
  }
  NXB_CHECK(bool(read) == good, "a query is misjudged");
  if (!good) return;
  NXB_CHECK(read->data == found.data && read->callback == found.callback, "a query is read wrong");
  std::string callback = read->callback.value_or("f");
  NXB_CHECK(http::is_callback(callback) == is_name(callback), "a callback is misjudged");
  if (is_name(callback)) check_script(callback, read->data.value_or(""));
}

void check_basic(std::string_view input) {
  auto read = http::read_basic("Basic " + std::string(input));
  if (!read) return;
  NXB_CHECK(read->user.find(':') == std::string::npos, "a colon in a name");
  NXB_CHECK((read->user.size() + read->password.size()) * 4 <= input.size() * 3, "credentials from nowhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  check_target("/" + std::string(input));
  std::size_t mark = input.find('?');
  check_query(mark == input.npos ? input : input.substr(mark + 1));
  check_script("f", input);
  check_basic(input);
  return 0;
}
