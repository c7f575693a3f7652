// supervisor/log_switch.h - `nxbctl log level`: another level of the log for all processes, for good or for a while (O-20).
// Runs in: supervisor. I/O: a timer, the log. Owned by: main.
// "For good" is until the next order or the end of nxb: the configuration file is not touched, and a reload does not end
// an order. It changes what is returned to.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/uv/loop.h"
#include "supervisor/admin/request.h"

namespace nxb::supervisor {

// "90", "90s", "10m", "2h"; at most a week.
std::optional<Duration> parse_while(std::string_view text);

class LogSwitch {
 public:
  // `tell`: workers are to have this level.
  LogSwitch(uv::Loop& loop, std::string configured, std::function<void(const std::string&)> tell);
  std::string carry_out(const admin::Request& request);  // the answer, a line
  // Behind a reload, which has set the level everywhere: what was ordered still holds.
  void reconfigure(const std::string& configured);

 private:
  void set(const std::string& level);
  void hold(const std::string& level);
  std::string configured_;
  std::optional<std::string> ordered_;  // and its time is not over
  std::function<void(const std::string&)> tell_;
  uv::Timer return_;
};

}  // namespace nxb::supervisor
