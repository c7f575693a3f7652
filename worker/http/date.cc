// worker/http/date.cc - see date.h.
// SPDX-License-Identifier: MIT
#include "worker/http/date.h"

#include <array>
#include <ctime>

namespace nxb::http {

std::string_view Date::at(std::int64_t wall_ms) {
  std::int64_t second = wall_ms / 1000;
  if (second == second_) return text_;
  second_ = second;
  // Not strftime: its names depend on the locale.
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::time_t time = second;
  std::tm parts{};
  gmtime_r(&time, &parts);
  auto two = [](int number) {
    std::string digits = std::to_string(number);
    return digits.size() < 2 ? "0" + digits : digits;
  };
  text_ = kDays[static_cast<std::size_t>(parts.tm_wday)];
  text_ += ", " + two(parts.tm_mday) + " " + kMonths[static_cast<std::size_t>(parts.tm_mon)] + " ";
  text_ += std::to_string(parts.tm_year + 1900) + " ";
  text_ += two(parts.tm_hour) + ":" + two(parts.tm_min) + ":" + two(parts.tm_sec) + " GMT";
  return text_;
}

}  // namespace nxb::http
