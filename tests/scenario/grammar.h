// tests/scenario/grammar.h - which verbs there are, where they stand, and what may follow them: one table.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "script.h"

namespace nxb::scenario {

enum class Place : std::uint8_t { Top, Client, Server };

// "" when the line is one of the language; else what is wrong with it.
std::string objection(const Step& step, Place place);
bool needs_real_processes(const Step& step, Place place);

}  // namespace nxb::scenario
