// supervisor/admin/json.h - JSON as the admin socket writes it: keys in their order, one object on one line.
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace nxb::supervisor::admin {

using Json = nlohmann::ordered_json;

// With its newline. What is not UTF-8, as a path may be, is replaced: dump() may not fail. In ASCII: in it are words of
// clients, and some characters beyond it steer a terminal.
inline std::string line_of(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n'; }

}  // namespace nxb::supervisor::admin
