// supervisor/privileges.h - as whom nxb runs, and what it leaves behind when it dies (O-11).
// Runs in: supervisor. I/O: the user database; the process's own ids and limits.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "common/config/config.h"
#include "common/uv/child.h"

namespace nxb::supervisor {

// The user and group that [server] names; nothing: none is named, or this process is not root and cannot become anybody.
Result<std::optional<uv::Identity>> identity_for(const config::Config::Server& server);

// The group of `admin_group`; nothing: none is named (O-13).
Result<std::optional<gid_t>> admin_group_of(const config::Config::Server& server);

// What is wrong with whom this process runs as; "" is nothing.
std::string problem_with_user(const config::Config::Server& server);

// Root opens a file with the rights of `identity`, and no more: what is at the path is that user's to choose, a worker
// may have made it a link. Who is not root, or has no identity to take on, does `work` as it is.
Status with_rights_of(const std::optional<uv::Identity>& identity, const std::function<Status()>& work);

// This process becomes `identity` for good, and proves it.
Status become(const uv::Identity& identity);

// A listener that only root could bind again.
bool has_privileged_port(const config::Config& config);

// Memory holds passwords: no core file, and no debugger of the same user. Inherited by workers, which do the second
// themselves: it does not outlive exec.
void forbid_core_dumps();

}  // namespace nxb::supervisor
