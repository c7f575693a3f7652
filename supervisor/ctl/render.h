// supervisor/ctl/render.h - the admin socket's JSON as text for people: aligned columns, readable units.
// Runs in: nxbctl. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace nxb::ctl {

std::string readable_bytes(std::uint64_t bytes);  // "314 B", "1.5 KiB", "20.0 MiB"
std::string readable_time(double seconds);        // "12s", "3m 07s", "2h 05m", "9d 04h"

// Words of an answer, whole, on one line and in nobody's quotes; nothing in them can steer a terminal. Whoever answered is
// not known to be nxb.
std::string harmless(std::string_view words);

// Columns as wide as their widest cell; the first row is the heading. Numbers and units are right-aligned.
enum class Align { Left, Right };
std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<Align>& columns);

// An answer whose "ok" is false becomes an Error (Refused), one that is not an answer BadInput.
Result<std::string> render(std::string_view command, std::string_view answer_line);

// One event as one line: time, worker, type, session, domain, then the rest as key=value; safe to show on a terminal.
std::string render_event(std::string_view line);

}  // namespace nxb::ctl
