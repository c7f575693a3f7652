// tests/unit/common/text_test.cc - ASCII case, tokens and blanks.
// SPDX-License-Identifier: MIT
#include "common/base/text.h"

#include <doctest/doctest.h>

#include <string>

namespace nxb {

TEST_CASE("case is ASCII's: other bytes stay as they are, and differ from one another") {
  CHECK(lowered("AZaz@[`{09\xC3\x84") == "azaz@[`{09\xC3\x84");
  CHECK(uppered("AZaz@[`{09\xC3\xA4") == "AZAZ@[`{09\xC3\xA4");
  CHECK(equals_ignoring_case("Content-TYPE", "cONTENT-type"));
  CHECK(equals_ignoring_case("", ""));
  CHECK_FALSE(equals_ignoring_case("a", "ab"));
  CHECK_FALSE(equals_ignoring_case("ab", "a"));
  CHECK_FALSE(equals_ignoring_case("@", "`"));
  CHECK_FALSE(equals_ignoring_case("[", "{"));
  CHECK_FALSE(equals_ignoring_case("\xC3\x84", "\xC3\xA4"));
}

TEST_CASE("a token has letters, digits and fifteen other characters (RFC 9110 5.6.2)") {
  CHECK(is_token("azAZ09!#$%&'*+-.^_`|~"));
  std::size_t found = 0;
  for (int c = 0; c < 256; ++c) found += is_token(std::string(1, static_cast<char>(c))) ? 1 : 0;
  CHECK(found == 26 + 26 + 10 + 15);
  CHECK_FALSE(is_token(""));
  CHECK_FALSE(is_token("a b"));
  CHECK_FALSE(is_token(" a"));
  CHECK_FALSE(is_token("a:"));
}

TEST_CASE("trimming takes spaces and tabs at both ends, and nothing else") {
  CHECK(trimmed(" \t a \t b\t ") == "a \t b");
  CHECK(trimmed(" \t ").empty());
  CHECK(trimmed("").empty());
  CHECK(trimmed("\r\na\v") == "\r\na\v");
}

TEST_CASE("eight bytes are printable when each of them is, wherever another one stands") {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t at = 0; at < 8; ++at) {
      for (char other : {' ', '~', 'a'}) {
        std::string text(8, other);
        text[at] = static_cast<char>(byte);
        CHECK(eight_printable(text.data()) == (byte >= 0x20 && byte <= 0x7e));
      }
    }
  }
}

}  // namespace nxb
