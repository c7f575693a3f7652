// common/config/change.h - from one configuration to another while running: what differs, and what has to wait (O-33).
// Runs in: supervisor. I/O: none. Which options wait for a restart says their row of options.def: only_at_start().
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"

namespace nxb::config {

struct Change {
  Config config;                           // `wanted`, but what needs a restart is as it was
  std::vector<std::string> changed;        // "section.key"; of a list of sections its name
  std::vector<std::string> needs_restart;  // "section.key"
};
Change change_of(const Config& running, const Config& wanted);

}  // namespace nxb::config
