// worker/http/base64.cc - see base64.h.
// SPDX-License-Identifier: MIT
#include "worker/http/base64.h"

#include <cstdint>

namespace nxb::http {
namespace {

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

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

}  // namespace nxb::http
