// supervisor/admin/explain.h - what can be known of a session (O-18), from what workers say and which of them were lost.
// Runs in: supervisor. I/O: none.
// A sid tells which worker owns it and nothing more. So of one that is not found it cannot be said whether it was issued
// by a process that is gone, or never: the answer names what is possible, and since when it would be remembered.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/fleet.h"

namespace nxb::supervisor::admin {

struct Findings {
  std::optional<Index> owner;  // of a full sid; nothing: all workers were asked
  std::vector<Reply> replies;
  std::vector<Fleet::Loss> losses;
};

// Of something done to a session: {"ok":true,"state":"kicked",...} if that is how it ended up, or why not.
std::string done_line(std::string_view state, std::string_view sid, const Findings& findings);
std::string explain_line(std::string_view sid, const Findings& findings);

}  // namespace nxb::supervisor::admin
