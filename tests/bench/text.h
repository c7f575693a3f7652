// tests/bench/text.h - what these programs have to find in XML that they know the shape of, and numbers of one width.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nxb::bench {

// What stands between the first `begin` and the next `end`; empty: not there.
inline std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
  std::size_t from = text.find(begin);
  if (from == std::string_view::npos) return {};
  from += begin.size();
  std::size_t to = text.find(end, from);
  return to == std::string_view::npos ? std::string_view() : text.substr(from, to - from);
}

// The value of the first attribute of that name, however quoted; empty: there is none.
inline std::string_view attribute(std::string_view text, std::string_view name) {
  std::string begin = " " + std::string(name) + "=";
  std::size_t from = text.find(begin);
  if (from == std::string_view::npos || from + begin.size() >= text.size()) return {};
  from += begin.size();
  char quote = text[from];
  std::size_t to = text.find(quote, from + 1);
  return to == std::string_view::npos ? std::string_view() : text.substr(from + 1, to - from - 1);
}

constexpr std::size_t kNumberWidth = 16;
inline std::string padded(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(kNumberWidth - digits.size(), '0') + digits;
}

}  // namespace nxb::bench
