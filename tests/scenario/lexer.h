// tests/scenario/lexer.h - one line of a scenario to words and arguments.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "script.h"

namespace nxb::scenario {

struct Line {
  Step step;            // verb "" = an empty line
  bool opens = false;   // ends with `{`
  bool closes = false;  // is `}`
};

// The error says what is wrong, not where.
Result<Line> read_line(std::string_view text, int number);

}  // namespace nxb::scenario
