// worker/http/basic.cc - see basic.h.
// SPDX-License-Identifier: MIT
#include "worker/http/basic.h"

#include <cstdint>

#include "common/base/text.h"

namespace nxb::http {
namespace {

constexpr std::string_view kScheme = "Basic";

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

Result<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return Error{Code::BadInput, "base64 of a wrong length"};
  std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size() - padding; ++i) {
    int value = sextet(text[i]);
    if (value < 0) return Error{Code::BadInput, "no base64"};
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    if (i % 4 != 0) out += static_cast<char>((bits >> (6 - 2 * (i % 4))) & 0xff);
  }
  return out;
}

}  // namespace

Result<Credentials> read_basic(std::string_view authorization) {
  if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return Error{Code::BadInput, "another scheme"};
  }
  authorization.remove_prefix(kScheme.size());
  if (!authorization.starts_with(' ')) return Error{Code::BadInput, "no space behind the scheme"};
  NXB_TRY(std::string text, from_base64(trimmed(authorization)));
  std::size_t colon = text.find(':');
  if (colon == std::string::npos) return Error{Code::BadInput, "no colon"};
  return Credentials{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace nxb::http
