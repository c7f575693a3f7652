// worker/edge/edge.h - the listening sockets and the table of this worker's client connections.
// Runs in: worker. Owns every HttpConnection; everybody else knows them by ConnId.
// Accepting pauses at [server] max_connections and when descriptors run out; one peer may have no more than
// max_connections_per_address, and those above are answered 503 (H-45).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/uv/stream.h"
#include "worker/edge/context.h"
#include "worker/edge/peer_limit.h"
#include "worker/gateway/ports.h"

namespace nxb::edge {

class HttpConnection;

class Edge final : private uv::DeadlineSink {
 public:
  explicit Edge(const Context& context);
  ~Edge();
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  Status listen(int fd, std::uint16_t listener);   // does not own fd
  void take(relay::Handover handover);             // it arrived from another worker
  void refuse(relay::Handover handover);           // ours, undeliverable: 503 and close
  void reply(RequestId to, gateway::Reply reply);  // unknown or closed connection: nothing happens
  void hang_up(RequestId of);                      // closes its connection, unanswered
  void shut_down();  // accept nothing; close idle connections now, the others when their answers are out
  bool idle() const { return connections_.size() == 0; }
  std::size_t connections() const { return connections_.size(); }

 private:
  class Port;

  void accepted(int fd, std::uint16_t listener);
  HttpConnection* adopt(int fd, std::uint16_t listener, std::string peer);
  void closed(ConnId id);
  void watch_capacity();
  void on_deadline(std::uint64_t id, Instant now) override;

  Shared shared_;
  PeerLimit peers_;
  std::vector<std::unique_ptr<Port>> ports_;
  IdTable<ConnId, HttpConnection> connections_;
  bool accepting_ = true;
};

}  // namespace nxb::edge
