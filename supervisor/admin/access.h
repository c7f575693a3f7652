// supervisor/admin/access.h - who may use the admin socket: root, nxb's own user, the members of one group (O-13).
// Runs in: supervisor. I/O: the file of the socket; asks the kernel who connected.
// The file's mode keeps others out already. It is asked again because a folder may be bound into a container, or a mode
// be changed by hand. The groups are those that the peer's process has, as for the mode: no user database is asked,
// which could keep the loop waiting.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/result.h"

namespace nxb::supervisor::admin {

// Of a socket just bound, with mode 0600: the group may connect, too.
Status open_to_group(const std::string& path, gid_t group);

// Of a connection.
bool may_command(int fd, std::optional<gid_t> group);

}  // namespace nxb::supervisor::admin
