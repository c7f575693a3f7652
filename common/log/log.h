// common/log/log.h - one event per line: `2026-11-23T13:20:00.123Z info event=session.end sid=3f9a21c0 why=inactivity`.
// Runs in: every process. I/O: stderr. Values from peers are escaped and cut; payloads (but for trace), credentials and full sids never
// reach it (name a sid by short_hash). Levels: error = an operator must act, warn = degraded but serving,
// info = lifecycle, debug = the action trace, trace = XML too, redacted. Each (level, event) is limited to 50 lines a
// second (but for those that are owed), and of equal lines in a row ten are written; what was swallowed is said (log.suppressed, log.repeated).
// A field with the address of a client, or of its proxy, is called `client` or `peer`: so [log] ip holds for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nxb::log {

enum class Level : std::uint8_t { Trace, Debug, Info, Warn, Error, Off };
enum class Format : std::uint8_t { Text, Json };

struct Field {
  std::string_view key;  // a literal: it outlives the call (Repeats)
  std::string value;
  bool number = false;
  bool whole = false;  // however long: the writer has cut it
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  // A value that is JSON already; only for json_object().
  static Field json(std::string_view k, std::string v) {
    Field field(k, std::string_view());
    field.value = std::move(v);
    field.number = true;
    return field;
  }
  static Field uncut(std::string_view k, std::string v) {
    Field field(k, std::string_view());
    field.value = std::move(v);
    field.whole = true;
    return field;
  }
  friend bool operator==(const Field&, const Field&) = default;
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)), number(true) {}
};
using Fields = std::initializer_list<Field>;

void configure(Level level, Format format, std::string_view who);  // who: "supervisor", "worker 2"
// The same by the words of the configuration: a level_named(), "text" or "json".
void configure(std::string_view level, std::string_view format, std::string_view who);
void set_level(Level level);                     // until the next of these, whatever was configured (O-20)
void name_generation(std::uint32_t generation);  // in every line from now on (O-26)
void show_addresses(std::string_view form);      // of clients, as [log] ip: "full", "truncated", "none"
bool enabled(Level level);
// ALL TRACE DEBUG INFO WARN ERROR FATAL OFF, in any case (C-03); nothing for other words.
std::optional<Level> level_named(std::string_view name);
void write(Level level, std::string_view event, std::span<const Field> fields);
void write(Level level, std::string_view event, Fields fields);
// A line of INFO that is owed for each occurrence, as one for each session is (O-26): without a limit of its own, so
// that nobody makes the lines of others disappear. What causes them is limited where they arise.
void owed(std::string_view event, std::span<const Field> fields);
void owed(std::string_view event, Fields fields = {});

inline void trace(std::string_view event, Fields fields) { write(Level::Trace, event, fields); }
inline void debug(std::string_view event, Fields fields = {}) {
  if (enabled(Level::Debug)) write(Level::Debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) { write(Level::Info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::Warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::Error, event, fields); }

}  // namespace nxb::log
