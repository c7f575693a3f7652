// supervisor/admin/feed.h - events as the admin socket tells them, and which of them a subscriber wants (O-19).
// Runs in: supervisor. I/O: none. An event is one JSON object on one line: {time, worker, type, sid, domain, ...}; sid is
// the short form of the log. {"type":"dropped","count":N} goes to every subscriber.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "supervisor/admin/request.h"

namespace nxb::supervisor::admin {

struct Event {
  std::string type, sid, domain;  // what can be asked for; may be empty
  std::string line;               // with its newline
};

// Of a worker's line; nothing: it is not one.
std::optional<Event> event_of(std::uint32_t worker, std::string_view line);
Event worker_start_event(std::uint32_t worker, int pid, std::uint64_t restarts);
Event worker_exit_event(std::uint32_t worker, int pid, std::string_view how, Duration age);
// Without a worker: the subscriber itself was too slow.
std::string dropped_line(std::optional<std::uint32_t> worker, std::uint64_t count);

class Filter {
 public:
  static Result<Filter> of(
      const Request& request);  // fails on an unknown type, which names those that there are, and on what is no sid
  // For `watch`: only the elements of this session.
  static Filter for_elements_of(std::string_view sid);
  bool wants(const Event& event) const;
  const std::string& watched() const { return watched_; }  // "": it is not for `watch`

 private:
  std::vector<std::string> types_;  // none: all
  std::string sid_;                 // short form; "": all
  std::string watched_;
  std::string domain_;  // in the spelling of events; "": all
};

}  // namespace nxb::supervisor::admin
