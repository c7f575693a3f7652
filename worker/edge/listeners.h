// worker/edge/listeners.h - the listening sockets of this worker by number, while [[listen]] changes (O-33).
// Runs in: worker. Owns the sockets; the edge accepts on them. Owned by: Worker, and outlives the edge.
// A change is all or nothing: open_added, then either close_removed or undo.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/base/descriptor.h"
#include "common/config/config.h"
#include "common/ipc/listener_mail.h"
#include "worker/edge/edge.h"

namespace nxb::edge {

class Listeners {
 public:
  Status open(Edge& edge, std::uint16_t number, Descriptor socket);  // at start
  // `mail` is what has arrived since the last call. On an error nothing is open that was not before.
  Status open_added(Edge& edge, const config::Config& next, std::vector<ipc::ListenerMail> mail);
  void undo(Edge& edge);  // closes what the last open_added opened; it may be asked for again
  void close_removed(Edge& edge, const config::Config& next);

 private:
  std::map<std::uint16_t, Descriptor> arrived_;  // not served: for a configuration that names them
  std::map<std::uint16_t, Descriptor> open_;
  std::vector<std::uint16_t> added_;  // in the change that is under way
};

}  // namespace nxb::edge
