// worker/gateway/journal.h - what happens to sessions, told to whoever listens (O-19).
// Runs in: worker. I/O: none: the worker takes the lines and sends them to the supervisor. Owned by: gateway::Gateway.
// While nobody listens an event costs one branch. Bounded: above kMostBytes events are counted instead of kept, so a
// supervisor that is slow to take them costs events, never time. No payload and no full sid is ever in them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
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

 private:
  bool listening_ = false;
  Batch waiting_;
};

// "auth message": names of the outermost elements, in order, without repeats, at most eight. `elements` are well-formed.
std::string names_of(std::string_view elements);

}  // namespace nxb::gateway
