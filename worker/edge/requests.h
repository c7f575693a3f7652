// worker/edge/requests.h - what the edge asks of whoever answers BOSH requests: the gateway, or a test.
// Runs in: worker. Implemented by worker/worker.cc. Answers come back through Edge::reply, from within on_request or
// later.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "common/base/ids.h"
#include "worker/bosh/body.h"
#include "worker/gateway/ports.h"
#include "worker/ws/session.h"

namespace nxb::edge {

class Requests {
 public:
  // A request that this worker owns. A body without sid creates the session `sid_for_creation`.
  virtual void on_request(RequestId id, bosh::Body&& body, const gateway::Client& client,
                          std::string_view sid_for_creation) = 0;
  virtual void on_request_gone(RequestId id) = 0;  // its connection closed before it was answered (B-54)

 protected:
  ~Requests() = default;
};

// What it asks of whoever speaks over WebSockets. Frames go back through Edge::sockets(), its send and finish.
class Sockets {
 public:
  virtual void on_socket(SocketId id, const gateway::Client& client) = 0;  // its handshake was answered
  virtual void on_socket_event(SocketId id, ws::Event event) = 0;          // after ConnectionGone nothing more

 protected:
  ~Sockets() = default;
};

}  // namespace nxb::edge
