// supervisor/exit_text.h - how a worker process ended, for the log and the operator. Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "common/uv/child.h"

namespace nxb::supervisor {

std::string describe(uv::ChildExit how);  // "signal 9 (Killed)", "exit 78 (refused its configuration)"

}  // namespace nxb::supervisor
