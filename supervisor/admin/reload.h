// supervisor/admin/reload.h - what came of a reload, for nxbctl, for subscribers and for `status` (O-15, O-17, O-33).
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "supervisor/admin/feed.h"
#include "supervisor/reload_report.h"

namespace nxb::supervisor::admin {

std::string reload_line(const ReloadReport& report);  // the answer of the command
Event reload_event(const ReloadReport& report);

}  // namespace nxb::supervisor::admin
