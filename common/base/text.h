// common/base/text.h - what HTTP, BOSH and the configuration have in common about texts: ASCII case, tokens, blanks.
// Runs in: every process. I/O: none. No locale: bytes beyond ASCII are letters to nobody here and stay as they are.
// SPDX-License-Identifier: MIT
#pragma once

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

}  // namespace nxb
