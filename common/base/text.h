// common/base/text.h - what HTTP, BOSH and the configuration have in common about texts: ASCII case, tokens, blanks.
// Runs in: every process. I/O: none. No locale: bytes beyond ASCII are letters to nobody here and stay as they are.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace nxb {

bool is_alnum(char c);
char lower(char c);
std::string lowered(std::string_view text);
std::string uppered(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

bool is_token(std::string_view text);             // RFC 9110 5.6.2: names of methods, headers, codings
std::string_view trimmed(std::string_view text);  // without the spaces and tabs around it

// Whether the eight bytes at `at` are all printable ASCII, the space included: most text, and nothing in it needs a
// closer look.
inline bool eight_printable(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  // Bytes from 0x80, below 0x20 (a borrow), and 0x7f (a carry).
  return ((word | (word - 0x20 * kOnes) | (word + kOnes)) & (0x80 * kOnes)) == 0;
}

}  // namespace nxb
