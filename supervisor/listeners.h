// supervisor/listeners.h - the listening sockets by number, while [[listen]] and [metrics] change (O-33).
// Runs in: supervisor. I/O: opens and closes sockets. Owned by: main.
// Connections know their listener by its number, so numbers never shift: one that is removed stays as a closed entry, with
// the rules by which its connections, which live on, are judged. One whose accept_proxy changes, or which becomes that of
// [metrics] or ceases to be, gets a new number for the same socket: whom an older connection speaks for, and what it
// may ask, depends on how it began. Everything else changes in place.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "supervisor/fleet.h"
#include "supervisor/listener.h"

namespace nxb::supervisor {

class Listeners {
 public:
  static constexpr std::size_t kMostNumbers = 4096;  // in the life of a supervisor

  // All or nothing: what is new is opened before anything is closed. Afterwards either workers have been told, and it is
  // `close_removed`, or they cannot be, and it is `undo`. `passed`: sockets that are there already; one that nobody wants
  // is an error.
  Status change(const std::vector<config::Listen>& wanted, std::vector<ListeningSocket> passed = {});
  void close_removed() { removed_.clear(); }
  void undo();  // the last change

  std::vector<config::Listen> numbered() const;  // closed ones without an address
  std::vector<Fleet::Listening> open() const;
  std::vector<std::string> texts() const;  // the real addresses of those that are open

 private:
  struct Entry {
    config::Listen rules;  // as configured
    std::optional<ListeningSocket> socket;
  };
  std::optional<std::size_t> find(const config::Listen& wanted, bool of_same_kind,
                                  const std::vector<bool>& taken) const;
  static Status open_missing(const std::vector<config::Listen>& wanted,
                             const std::vector<std::optional<std::size_t>>& from, std::vector<ListeningSocket> passed,
                             std::vector<std::optional<ListeningSocket>>& opened);

  struct Moved {
    std::size_t from, to;
  };
  struct Removed {
    std::size_t number;
    ListeningSocket socket;
  };
  std::vector<Entry> all_;              // by number
  std::vector<config::Listen> former_;  // the rules before the last change, of as many as there were
  std::vector<Moved> moved_;            // in it
  std::vector<Removed> removed_;        // in it, not closed yet
};

}  // namespace nxb::supervisor
