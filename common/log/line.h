// common/log/line.h - one event as one line of text or JSON.
// Runs in: every process. I/O: none. Values are hostile: cut at kMaxValue bytes (but for Field::uncut), and nothing in them can end the line,
// leave its quotes or steer a terminal. Keys and event names are literals of the code and taken as they are.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/log/log.h"

namespace nxb::log {

inline constexpr std::size_t kMaxValue = 256;  // what is longer ends in "..."

std::string timestamp(std::int64_t wall_ms);  // 2026-11-23T13:20:00.123Z
std::string_view name_of(Level level);
// As in a line of text: escaped, and in quotes if it needs some.
std::string text_value(std::string_view value);
// A JSON string, with the same care; cut at `most` bytes.
std::string json_text(std::string_view value, std::size_t most);
// {"key":"value",...}, without newline: the same care for values.
std::string json_object(std::span<const Field> fields);
// With the newline. `who` becomes proc=, after the event; an empty one is left out.
std::string format_line(Format format, std::int64_t wall_ms, Level level, std::string_view who, std::string_view event,
                        std::span<const Field> fields);

}  // namespace nxb::log
