// supervisor/admin/request.h - one line of the admin socket as a command of commands.def with its arguments.
// Runs in: supervisor. I/O: none. What is not in the table is an error that names what is.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "supervisor/admin/commands.def"

namespace nxb::supervisor::admin {

#define NXB_ADMIN_ENUM(name, help) name,
enum class Command : std::uint8_t { NXB_ADMIN_COMMANDS(NXB_ADMIN_ENUM) };
#undef NXB_ADMIN_ENUM

bool is_snapshot(Command command);  // the supervisor answers by itself, at once
bool is_setting(Command command);   // it does so

struct Request {
  Command command = Command::status;
  std::map<std::string, std::string, std::less<>> arguments;  // none of them empty
  std::string argument(std::string_view name) const;          // "": not given
};

Result<Request> parse_request(std::string_view line);

bool is_sid(std::string_view text);  // a whole one, by its form
// What names a session: a whole sid, or its short form as the log writes it, in any case.
Result<std::string> parse_sid(std::string_view text);

}  // namespace nxb::supervisor::admin
