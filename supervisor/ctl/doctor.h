// supervisor/ctl/doctor.h - `nxbctl doctor`: what an operator would look at first, looked at (O-20).
// Runs in: nxbctl. diagnose() has no I/O.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace nxb::ctl {

// What the machine says of one process; nothing: it may not be looked at by this user.
struct Descriptors {
  std::uint64_t open = 0, limit = 0;
};
struct Machine {
  std::map<int, Descriptors> processes;    // workers, by pid
  std::optional<bool> clock_synchronised;  // nothing: it is not known
};

struct Finding {
  enum class Kind : std::uint8_t { Good, Unknown, Bad };
  Kind kind;
  std::string what, text;
};

// From the answers to status, stats and workers.
Result<std::vector<Finding>> diagnose(std::string_view status, std::string_view stats, std::string_view workers,
                                      const Machine& machine);
std::string render_findings(const std::vector<Finding>& findings, bool json);

// Asks, looks, and tells. An error: it cannot be asked.
Result<std::vector<Finding>> examine(const std::string& path);

}  // namespace nxb::ctl
