// supervisor/ctl/client.h - one question to the admin socket, one answer.
// Runs in: nxbctl. I/O: a blocking unix socket with a time limit.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace nxb::ctl {

// Where a supervisor of this user listens by default, then where the system's does (O-13).
std::vector<std::string> default_sockets();

// The answer's line, without its newline. Code::NotFound: nobody listens at the path.
Result<std::string> ask(const std::string& path, std::string_view request_line);

}  // namespace nxb::ctl
