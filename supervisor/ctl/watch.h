// supervisor/ctl/watch.h - `nxbctl stats --watch`: every counter with its rate, again and again (O-15).
// Runs in: nxbctl. rates() has no I/O.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace nxb::ctl {

struct Room {
  std::size_t columns, rows;
};

// The answer to `stats`, and an earlier one of `elapsed` ago, "" if there is none, as a table: total, rate, and as many
// workers as fit. If not all rows fit, counters that are 0 are left out first.
Result<std::string> rates(std::string_view answer, std::string_view earlier, Duration elapsed, Room room);

// "", "2", "0.5": how often; an error is for the user.
Result<Duration> parse_interval(std::string_view seconds);

enum class Form : unsigned char { Table, Json };
// On a terminal the whole screen, until Ctrl-C or q; elsewhere one table, or one line of JSON, behind the other, until
// nobody reads. An error: the supervisor cannot be asked (any more).
Status watch_stats(const std::string& path, std::string_view request, Duration interval, Form form);

}  // namespace nxb::ctl
