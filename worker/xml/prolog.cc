// worker/xml/prolog.cc - what may stand before a root. Read here and not by libxml2, which would change its encoding as
// the declaration (or the first four bytes) tells it.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "worker/xml/reader.h"

namespace nxb::xml {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr std::string_view kDeclaration = "<?xml";
constexpr std::size_t kLongestDeclaration = 256;

using enum Prolog::State;

bool is_utf8_name(std::string_view name) {
  constexpr std::string_view kUtf8 = "utf-8";
  return std::ranges::equal(name, kUtf8,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
}

// Takes ` name = 'value'` off the front; false if it is not there.
bool take_pair(std::string_view& text, std::string_view name, std::string_view& value) {
  std::string_view rest = skip_space(text);
  if (rest.size() == text.size() || !rest.starts_with(name)) return false;
  rest = skip_space(rest.substr(name.size()));
  if (!rest.starts_with('=')) return false;
  rest = skip_space(rest.substr(1));
  if (rest.empty() || (rest.front() != '\'' && rest.front() != '"')) return false;
  std::size_t close = rest.find(rest.front(), 1);
  if (close == std::string_view::npos) return false;
  value = rest.substr(1, close - 1);
  text = rest.substr(close + 1);
  return true;
}

// `text` is what stands between "<?xml" and "?>".
bool is_good_declaration(std::string_view text) {
  std::string_view version, encoding, standalone;
  if (!take_pair(text, "version", version) || !version.starts_with("1.") || version.size() < 3) return false;
  if (version.find_first_not_of("0123456789", 2) != std::string_view::npos) return false;
  if (take_pair(text, "encoding", encoding) && !is_utf8_name(encoding)) return false;
  if (take_pair(text, "standalone", standalone) && standalone != "yes" && standalone != "no") return false;
  return skip_space(text).empty();
}

}  // namespace

Prolog skip_prolog(std::string_view bytes, Prologs kind) {
  std::string_view rest = bytes;
  auto incomplete_start = [&rest](std::string_view wanted) {
    return rest.size() < wanted.size() && wanted.starts_with(rest);
  };
  if (rest.empty() || incomplete_start(kBom)) return {Incomplete};
  if (rest.starts_with(kBom)) rest.remove_prefix(kBom.size());
  if (kind == Prologs::Lenient) rest = skip_space(rest);
  if (incomplete_start(kDeclaration) || rest == kDeclaration) return {Incomplete};
  if (rest.starts_with(kDeclaration) && is_space(rest[kDeclaration.size()])) {
    std::size_t end = rest.substr(0, kLongestDeclaration).find("?>");
    if (end == std::string_view::npos) return {rest.size() < kLongestDeclaration ? Incomplete : Bad};
    if (!is_good_declaration(rest.substr(kDeclaration.size(), end - kDeclaration.size()))) return {Bad};
    rest.remove_prefix(end + 2);
  }
  rest = skip_space(rest);
  if (rest.empty()) return {Incomplete};
  if (rest.front() != '<') return {Bad};
  if (rest.size() == 1) return {Incomplete};
  if (rest[1] == '!' || rest[1] == '?') return {Restricted};
  return {Complete, bytes.size() - rest.size()};
}

}  // namespace nxb::xml
