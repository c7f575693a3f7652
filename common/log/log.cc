// common/log/log.cc - the process's log: level, format, limits, stderr.
// SPDX-License-Identifier: MIT
#include "common/log/log.h"

#include <unistd.h>

#include <cerrno>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/log/addresses.h"
#include "common/log/limiter.h"
#include "common/log/line.h"
#include "common/log/repeats.h"

namespace nxb::log {
namespace {

class Logger {
 public:
  ~Logger() {
    report(limiter_.take_all_swallowed());
    report(repeats_.take());
  }
  void configure(Level level, Format format, std::string_view who) {
    level_ = level;
    format_ = format;
    who_ = who;
  }
  void set_level(Level level) { level_ = level; }
  void name_generation(std::uint32_t generation) { generation_ = generation; }
  void show_addresses(Addresses form) { addresses_ = form; }
  bool enabled(Level level) const { return level >= level_ && level != Level::Off; }
  void write(Level level, std::string_view event, std::span<const Field> fields, bool limited) {
    Instant now = monotonic_now();
    report(limiter_.take_swallowed(now));
    if (limited && !limiter_.admit(level, event, now)) return;
    const Repeats::Verdict verdict = repeats_.on(level, event, as_shown(fields), now);
    report(verdict.before);
    if (verdict.shown) put(level, event, repeats_.fields());
  }

 private:
  void report(const std::vector<Limiter::Swallowed>& swallowed) {
    for (const auto& each : swallowed) {
      const Field fields[] = {{"of", each.event}, {"suppressed", each.count}};
      put(each.level, "log.suppressed", fields);
    }
  }
  void report(const Repeats::Untold& untold) {
    if (untold.times == 0) return;
    const Field fields[] = {{"of", untold.event}, {"times", untold.times}};
    put(untold.level, "log.repeated", fields);
  }
  // What is the same in every line goes first, and of clients only what may be seen.
  std::vector<Field> as_shown(std::span<const Field> fields) const {
    std::vector<Field> shown;
    shown.reserve(fields.size() + 1);
    if (generation_ != 0) shown.emplace_back("gen", generation_);
    for (const Field& field : fields) {
      shown.push_back(field);
      if (holds_client_address(field.key)) shown.back().value = shown_address(field.value, addresses_);
    }
    return shown;
  }
  void put(Level level, std::string_view event, std::span<const Field> fields) {
    std::string line = format_line(format_, wall_clock_ms(), level, who_, event, fields);
    std::string_view rest = line;
    while (!rest.empty()) {  // one write per line, so that lines of several processes do not mix
      ssize_t size = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;  // nobody to tell
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
  }

  Level level_ = Level::Info;
  Format format_ = Format::Text;
  std::string who_;
  std::uint32_t generation_ = 0;  // 0: not named
  Addresses addresses_ = Addresses::Full;
  Limiter limiter_;
  Repeats repeats_;
};

Logger& logger() {
  static Logger the_logger;  // one process is one thread; made at the first line, reports what it swallowed at exit
  return the_logger;
}

}  // namespace

void configure(Level level, Format format, std::string_view who) { logger().configure(level, format, who); }

void configure(std::string_view level, std::string_view format, std::string_view who) {
  configure(level_named(level).value_or(Level::Info), format == "json" ? Format::Json : Format::Text, who);
}

void set_level(Level level) { logger().set_level(level); }
void name_generation(std::uint32_t generation) { logger().name_generation(generation); }

void show_addresses(std::string_view form) {
  logger().show_addresses(form == "none"        ? Addresses::None
                          : form == "truncated" ? Addresses::Truncated
                                                : Addresses::Full);
}

bool enabled(Level level) { return logger().enabled(level); }

std::optional<Level> level_named(std::string_view name) {
  const std::string upper = uppered(name);
  if (upper == "ALL" || upper == "TRACE") return Level::Trace;
  if (upper == "DEBUG") return Level::Debug;
  if (upper == "INFO") return Level::Info;
  if (upper == "WARN") return Level::Warn;
  if (upper == "ERROR" || upper == "FATAL") return Level::Error;
  if (upper == "OFF") return Level::Off;
  return std::nullopt;
}

void write(Level level, std::string_view event, std::span<const Field> fields) {
  if (enabled(level)) logger().write(level, event, fields, true);
}

void write(Level level, std::string_view event, Fields fields) {
  write(level, event, std::span(fields.begin(), fields.size()));
}

void owed(std::string_view event, std::span<const Field> fields) {
  if (enabled(Level::Info)) logger().write(Level::Info, event, fields, false);
}

void owed(std::string_view event, Fields fields) { owed(event, std::span(fields.begin(), fields.size())); }

}  // namespace nxb::log
