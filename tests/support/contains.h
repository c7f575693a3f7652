// tests/support/contains.h - whether a text has a part, for CHECK().
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace nxb::testing {

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace nxb::testing
