// tests/scenario/parser.h - the text of a scenario to a Script. The language is described in tests/scenarios/README.md.
// Every mistake is an error that names file and line: an unknown verb or argument, a word too many, a block that does
// not end, a scenario that claims a stage on which it cannot play.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "script.h"

namespace nxb::scenario {

inline constexpr Duration kLongestLive{3'000};  // what a scenario of the live stage may wait and advance in all

// `origin` is what errors call the text.
Result<Script> parse(std::string_view text, std::string_view origin);

// "30s", "250ms", "2m"; nothing for anything else.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace nxb::scenario
