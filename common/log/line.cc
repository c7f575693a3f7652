// common/log/line.cc - logfmt and JSON.
// SPDX-License-Identifier: MIT
#include "common/log/line.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace nxb::log {
namespace {

// Length of the printable UTF-8 character at the start of text; 0: none, its first byte is shown as a number.
std::size_t printable(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  std::uint32_t code = first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  if (code < 0xa0) return 0;                                                               // terminal controls
  bool steers = code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||  // line ends, text direction
                (code >= 0x2066 && code <= 0x2069);
  return steers ? 0 : size;
}

void append_escaped(std::string& line, std::string_view value, Format format, std::size_t most) {
  std::string_view rest = value.substr(0, most);
  while (!rest.empty()) {
    const char first = rest.front();
    std::size_t size = printable(rest);
    if (size == 0 && value.size() > most && rest.size() < 4 && (first & 0xc0) == 0xc0) break;  // cut in two
    if (first == '"' || first == '\\') {
      line += '\\';
      line += first;
    } else if (first == '\n') {
      line += "\\n";
    } else if (size > 0) {
      line.append(rest.substr(0, size));
    } else {
      std::array<char, 8> number{};
      std::snprintf(number.data(), number.size(), format == Format::Json ? "\\u00%02x" : "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(first)));
      line += number.data();
    }
    rest.remove_prefix(size > 0 ? size : 1);
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

}  // namespace

std::string timestamp(std::int64_t wall_ms) {
  std::time_t seconds = wall_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  std::size_t size = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03uZ", static_cast<unsigned>(wall_ms % 1000) % 1000U);
  return std::string(date.data(), size) + fraction.data();
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
