// common/log/log.cc - the process's log: level, format, limits, stderr.
// SPDX-License-Identifier: MIT
#include "common/log/log.h"

#include <unistd.h>

#include <cerrno>
#include <span>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/log/limiter.h"
#include "common/log/line.h"

namespace nxb::log {
namespace {

class Logger {
 public:
  ~Logger() { report(limiter_.take_all_swallowed()); }
  void configure(Level level, Format format, std::string_view who) {
    level_ = level;
    format_ = format;
    who_ = who;
  }
  void set_level(Level level) { level_ = level; }
  bool enabled(Level level) const { return level >= level_ && level != Level::Off; }
  void write(Level level, std::string_view event, std::span<const Field> fields) {
    Instant now = monotonic_now();
    report(limiter_.take_swallowed(now));
    if (limiter_.admit(level, event, now)) put(level, event, fields);
  }

 private:
  void report(const std::vector<Limiter::Swallowed>& swallowed) {
    for (const auto& each : swallowed) {
      const Field fields[] = {{"of", each.event}, {"suppressed", each.count}};
      put(each.level, "log.suppressed", fields);
    }
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
  Limiter limiter_;
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

bool enabled(Level level) { return logger().enabled(level); }

std::optional<Level> level_named(std::string_view name) {
  const std::string upper = uppered(name);
  if (upper == "ALL" || upper == "TRACE" || upper == "DEBUG") return Level::Debug;
  if (upper == "INFO") return Level::Info;
  if (upper == "WARN") return Level::Warn;
  if (upper == "ERROR" || upper == "FATAL") return Level::Error;
  if (upper == "OFF") return Level::Off;
  return std::nullopt;
}

void write(Level level, std::string_view event, std::span<const Field> fields) {
  if (enabled(level)) logger().write(level, event, fields);
}

void write(Level level, std::string_view event, Fields fields) {
  write(level, event, std::span(fields.begin(), fields.size()));
}

}  // namespace nxb::log
