// supervisor/ctl/client.h - one question to the admin socket, one answer, or a stream of events.
// Runs in: nxbctl. I/O: a blocking unix socket with a time limit.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace nxb::ctl {

// Where a supervisor of this user listens by default, then where the system's does (O-13).
std::vector<std::string> default_sockets();

std::string request_line(const std::string& command, const std::map<std::string, std::string>& arguments);

// The answer's line, without its newline. Code::NotFound: nobody listens at the path.
inline constexpr std::chrono::seconds kPatience{5};  // the supervisor answers within a second (O-13)
Result<std::string> ask(const std::string& path, std::string_view request_line,
                        std::chrono::seconds patience = kPatience);

// The answer's line, then those that follow it, as they come, without their newlines; until `take` returns false, nobody
// reads our output any more, or the other side closes the connection, which is an error (Code::Closed).
Status follow(const std::string& path, std::string_view request_line,
              const std::function<bool(std::string_view)>& take);

}  // namespace nxb::ctl
