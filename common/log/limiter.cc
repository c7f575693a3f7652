// common/log/limiter.cc - the windows of a second.
// SPDX-License-Identifier: MIT
#include "common/log/limiter.h"

#include <utility>

namespace nxb::log {

bool Limiter::admit(Level level, std::string_view event, Instant now) {
  auto& windows = windows_.at(static_cast<std::size_t>(level));
  auto at = windows.find(event);
  if (at == windows.end()) at = windows.emplace(std::string(event), Window{now}).first;
  Window& window = at->second;
  if (now - window.since >= 1s) {
    window.since = now;
    window.admitted = 0;
  }
  if (window.admitted < kPerSecond) {
    ++window.admitted;
    return true;
  }
  ++window.swallowed;
  ++waiting_;
  return false;
}

template <class IsOver>
std::vector<Limiter::Swallowed> Limiter::take(IsOver is_over) {
  std::vector<Swallowed> out;
  for (std::size_t level = 0; level < windows_.size(); ++level) {
    for (auto& [event, window] : windows_[level]) {
      if (window.swallowed == 0 || !is_over(window)) continue;
      waiting_ -= window.swallowed;
      out.push_back({static_cast<Level>(level), event, std::exchange(window.swallowed, 0)});
    }
  }
  return out;
}

std::vector<Limiter::Swallowed> Limiter::take_swallowed(Instant now) {
  if (waiting_ == 0 || now - looked_ < 1s) return {};
  looked_ = now;
  return take([now](const Window& window) { return now - window.since >= 1s; });
}

std::vector<Limiter::Swallowed> Limiter::take_all_swallowed() {
  return take([](const Window&) { return true; });
}

}  // namespace nxb::log
