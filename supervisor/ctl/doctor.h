// supervisor/ctl/doctor.h - `nxbctl doctor`: what an operator would look at first, looked at (O-20).
// Runs in: nxbctl. diagnose() has no I/O.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
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
  std::map<int, Descriptors> processes;           // workers, by pid
  std::optional<bool> clock_synchronised;         // nothing: it is not known
  std::optional<std::uint64_t> log_bytes_free{};  // for the file of the log; nothing: there is none, or it is not known
};

struct Finding {
  enum class Kind : std::uint8_t { Good, Unknown, Warning, Bad };
  Kind kind;
  std::string what, text;
};

// From the answers to status, stats and workers.
Result<std::vector<Finding>> diagnose(std::string_view status, std::string_view stats, std::string_view workers,
                                      const Machine& machine);
std::string render_findings(const std::vector<Finding>& findings, bool json);

inline constexpr std::chrono::seconds kProbePatience{15};  // the supervisor waits 12

// From the answer to `probe`; a refusal is a finding, too.
std::vector<Finding> findings_of_probe(std::string_view answer);

// Asks, looks, and tells; of a domain's servers as well, unless it is "". An error: it cannot be asked.
Result<std::vector<Finding>> examine(const std::string& path, const std::string& domain = {});

}  // namespace nxb::ctl
