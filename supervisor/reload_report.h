// supervisor/reload_report.h - what came of a reload (O-15, O-17, O-33); admin/reload.h puts it into words.
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace nxb::supervisor {

struct ReloadReport {
  struct Verdict {
    std::uint32_t worker = 0;
    std::string state;  // applied, silent, absent, refused
    std::string error;  // of one that refused
  };
  std::int64_t at_ms = 0;           // since 1970
  std::vector<std::string> errors;  // not empty: nothing has changed
  std::vector<std::string> warnings;
  std::vector<std::string> changed, needs_restart;  // "section.key"
  std::vector<Verdict> workers;

  // It holds, and no worker refused it; a silent or absent one gets it when it is there.
  bool ok() const {
    return errors.empty() &&
           std::ranges::none_of(workers, [](const Verdict& verdict) { return verdict.state == "refused"; });
  }
};

}  // namespace nxb::supervisor
