// worker/gateway/journal.h - what happens to sessions, told to whoever listens (O-19).
// Runs in: worker. I/O: none: the worker takes the lines and sends them to the supervisor. Owned by: gateway::Gateway.
// While nobody listens an event costs one branch. Bounded: above kMostBytes events are counted instead of kept, so a
// supervisor that is slow to take them costs events, never time. No payload is in them but what is
// watched, redacted; and never a full sid.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "common/ipc/event_type.h"
#include "common/log/log.h"

namespace nxb::gateway {

class Journal {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{256} * 1024;  // and the line that reaches it

  struct Batch {
    std::string lines;          // one JSON object each, with its newline
    std::uint64_t dropped = 0;  // after these
    bool empty() const { return lines.empty() && dropped == 0; }
  };

  bool listening() const { return listening_; }
  void listen(bool on);
  // Whose it is: the session by its name in the log, the domain of the stream, or of the session's first one.
  void tell(ipc::EventType type, std::string_view sid, std::string_view domain, log::Fields more);
  void tell(ipc::EventType type, std::string_view sid, std::string_view domain, std::span<const log::Field> more);
  Batch take();

  // The elements of one session, for whoever watches it (O-20); by its name in the log. Forgotten when nobody listens.
  void watch(std::string_view name);
  void unwatch(std::string_view name);
  bool watches(std::string_view name) const {
    return listening_ && !watched_.empty() && watched_.contains(std::string(name));
  }
  void tell_elements(std::string_view sid, std::string_view domain, std::string_view from, std::string_view elements);

 private:
  static constexpr std::size_t kMostWatched = 16;
  std::set<std::string> watched_;
  bool listening_ = false;
  Batch waiting_;
};

// "auth message": names of the outermost elements, in order, without repeats, at most eight. `elements` are well-formed.
std::string names_of(std::string_view elements);

}  // namespace nxb::gateway
