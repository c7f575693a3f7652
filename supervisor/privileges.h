// supervisor/privileges.h - as whom nxb runs, and what it leaves behind when it dies (O-11).
// Runs in: supervisor. I/O: the user database; the process's own ids and limits.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>

#include "common/config/config.h"
#include "common/uv/child.h"

namespace nxb::supervisor {

// The user and group that [server] names; nothing: none is named, or this process is not root and cannot become anybody.
Result<std::optional<uv::Identity>> identity_for(const config::Config::Server& server);

// The group of `admin_group`; nothing: none is named (O-13).
Result<std::optional<gid_t>> admin_group_of(const config::Config::Server& server);

// This process becomes `identity` for good, and proves it.
Status become(const uv::Identity& identity);

// A listener that only root could bind again.
bool has_privileged_port(const config::Config& config);

// Memory holds passwords: no core file, and no debugger of the same user. Inherited by workers, which do the second
// themselves: it does not outlive exec.
void forbid_core_dumps();

}  // namespace nxb::supervisor
