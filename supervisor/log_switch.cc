// supervisor/log_switch.cc - see log_switch.h.
// SPDX-License-Identifier: MIT
#include "supervisor/log_switch.h"

#include <charconv>
#include <utility>

#include "common/base/text.h"
#include "common/log/log.h"
#include "supervisor/admin/answer.h"

namespace nxb::supervisor {
namespace {

constexpr std::int64_t kLongest = 7 * 24 * 3600;  // seconds

std::string answer(const std::string& level, std::optional<Duration> time) {
  std::string line = R"({"ok":true,"level":")" + level + R"(","for_seconds":)";
  return line + (time ? std::to_string(time->count() / 1000) : "null") + "}\n";
}

}  // namespace

std::optional<Duration> parse_while(std::string_view text) {
  std::int64_t value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (failed != std::errc{} || factor == 0 || value < 1 || value > kLongest / factor) return std::nullopt;
  return Duration(value * factor * 1000);
}

LogSwitch::LogSwitch(uv::Loop& loop, std::string configured, std::function<void(const std::string&)> tell)
    : configured_(std::move(configured)), tell_(std::move(tell)), return_(loop, [this] {
        ordered_.reset();
        set(configured_);
      }) {}

std::string LogSwitch::carry_out(const admin::Request& request) {
  std::string level = uppered(request.argument("level"));
  std::string time = request.argument("for");
  if (request.argument("what") != "level") return admin::refusal("what can be set is: level");
  if (!log::level_named(level))
    return admin::refusal("level is one of ALL, TRACE, DEBUG, INFO, WARN, ERROR, FATAL, OFF");
  auto length = parse_while(time);
  if (!time.empty() && !length) return admin::refusal("for is a time like 90s, 10m or 2h, a week at most");
  ordered_ = level;
  set(level);
  length ? return_.start(*length) : return_.stop();
  return answer(level, length);
}

void LogSwitch::reconfigure(const std::string& configured) {
  if (ordered_ && configured != configured_) {
    log::warn("log.level", {{"level", *ordered_}, {"why", "nxbctl's order goes before the file"}});
  }
  configured_ = configured;
  hold(ordered_.value_or(configured));
}

// Said before it holds: what was heard until now hears of it.
void LogSwitch::set(const std::string& level) {
  log::warn("log.level", {{"level", level}});
  hold(level);
}

void LogSwitch::hold(const std::string& level) {
  if (auto known = log::level_named(level)) log::set_level(*known);
  tell_(level);
}

}  // namespace nxb::supervisor
