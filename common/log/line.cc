// common/log/line.cc - logfmt and JSON.
// SPDX-License-Identifier: MIT
#include "common/log/line.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace nxb::log {
namespace {

struct Character {
  std::size_t size = 0;  // in bytes; 0: the text does not begin with one
  std::uint32_t code = 0;
};

// The first character of a text that should be UTF-8.
Character first_of(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, first};
  std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  std::uint32_t code = first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {size, code};
}

// Controls of terminals, line ends, what turns the direction of a text; none of them is above U+FFFF.
bool steers(std::uint32_t code) {
  if (code < 0xa0) return code < 0x20 || code >= 0x7f;
  return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

// In JSON the character; a reader of text looks for bytes.
void append_number(std::string& line, const Character& character, std::string_view bytes, Format format) {
  std::array<char, 8> number{};
  if (format == Format::Json) {
    constexpr unsigned kNone = 0xfffd;  // what stands for what is no character
    std::snprintf(number.data(), number.size(), "\\u%04x", character.size > 0 ? character.code & 0xffffU : kNone);
    line += number.data();
    return;
  }
  for (char byte : bytes) {
    std::snprintf(number.data(), number.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    line += number.data();
  }
}

void append_escaped(std::string& line, std::string_view value, Format format, std::size_t most) {
  std::string_view rest = value.substr(0, most);
  while (!rest.empty()) {
    const char first = rest.front();
    const Character character = first_of(rest);
    const std::size_t size = std::max<std::size_t>(character.size, 1);
    if (character.size == 0 && value.size() > most && rest.size() < 4 && (first & 0xc0) == 0xc0) break;  // cut in two
    if (first == '"' || first == '\\') {
      line += '\\';
      line += first;
    } else if (first == '\n') {
      line += "\\n";
    } else if (character.size > 0 && !steers(character.code)) {
      line.append(rest.substr(0, size));
    } else {
      append_number(line, character, rest.substr(0, size), format);
    }
    rest.remove_prefix(size);
  }
  if (value.size() > most) line += "...";
}

bool needs_quotes(std::string_view value) {
  if (value.empty() || value.size() > kMaxValue) return true;
  for (char letter : value) {
    auto byte = static_cast<unsigned char>(letter);
    if (byte <= ' ' || byte >= 0x7f || letter == '"' || letter == '\\' || letter == '=') return true;
  }
  return false;
}

void append_quoted(std::string& line, std::string_view value, Format format, std::size_t most = kMaxValue) {
  line += '"';
  append_escaped(line, value, format, most);
  line += '"';
}

void append_field(std::string& line, Format format, std::string_view key, std::string_view value, bool number,
                  std::size_t most = kMaxValue) {
  const bool json = format == Format::Json;
  line += json ? ",\"" : " ";
  line += key;
  line += json ? "\":" : "=";
  if (number || (!json && !needs_quotes(value))) {
    line += value;
  } else {
    append_quoted(line, value, format, most);
  }
}

void append_field(std::string& line, Format format, const Field& field) {
  append_field(line, format, field.key, field.value, field.number, field.whole ? std::string::npos : kMaxValue);
}

void put_digits(std::string& text, std::size_t at, std::size_t count, int number) {
  for (; count > 0; number /= 10) text[at + --count] = static_cast<char>('0' + number % 10);
}

}  // namespace

// Not strftime and printf: they would be a third of what a line costs.
std::string timestamp(std::int64_t wall_ms) {
  std::time_t seconds = wall_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::string text = "0000-00-00T00:00:00.000Z";
  put_digits(text, 0, 4, utc.tm_year + 1900);
  put_digits(text, 5, 2, utc.tm_mon + 1);
  put_digits(text, 8, 2, utc.tm_mday);
  put_digits(text, 11, 2, utc.tm_hour);
  put_digits(text, 14, 2, utc.tm_min);
  put_digits(text, 17, 2, utc.tm_sec);
  put_digits(text, 20, 3, static_cast<int>(wall_ms % 1000));
  return text;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Trace:
      return "trace";
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warn:
      return "warn";
    case Level::Error:
      return "error";
    case Level::Off:
      return "off";
  }
  return "";
}

std::string text_value(std::string_view value) {
  if (!needs_quotes(value)) return std::string(value);
  std::string text;
  append_quoted(text, value, Format::Text);
  return text;
}

std::string json_text(std::string_view value, std::size_t most) {
  std::string text;
  append_quoted(text, value, Format::Json, most);
  return text;
}

std::string json_object(std::span<const Field> fields) {
  std::string line;
  for (const Field& field : fields) append_field(line, Format::Json, field);
  if (line.empty()) return "{}";
  line.front() = '{';  // in place of the first comma
  return line + '}';
}

std::string format_line(Format format, std::int64_t wall_ms, Level level, std::string_view who, std::string_view event,
                        std::span<const Field> fields) {
  std::string line;
  line.reserve(160);
  if (format == Format::Json) {
    line += "{\"time\":\"" + timestamp(wall_ms) + "\",\"level\":\"" + std::string(name_of(level)) + '"';
  } else {
    line += timestamp(wall_ms) + " " + std::string(name_of(level));
  }
  append_field(line, format, "event", event, false);
  if (!who.empty()) append_field(line, format, "proc", who, false);
  for (const Field& field : fields) append_field(line, format, field);
  line += format == Format::Json ? "}\n" : "\n";
  return line;
}

}  // namespace nxb::log
