// supervisor/admin/reload.h - what came of a reload, for nxbctl, for subscribers and for `status` (O-15, O-17, O-33).
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/admin/feed.h"

namespace nxb::supervisor::admin {

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

  bool ok() const;  // it holds, and no worker refused it; a silent or absent one gets it when it is there
};

std::string reload_line(const ReloadReport& report);  // the answer of the command
Event reload_event(const ReloadReport& report);

}  // namespace nxb::supervisor::admin
