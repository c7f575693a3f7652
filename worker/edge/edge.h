// worker/edge/edge.h - the listening sockets and the tables of this worker's client connections.
// Runs in: worker. Owns every HttpConnection; everybody else knows them by ConnId. One that becomes a WebSocket goes to
// the SocketTable, and counts as a connection until it closes.
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
#include "worker/edge/proxy_greeting.h"
#include "worker/edge/socket_table.h"
#include "worker/edge/tls_clients.h"
#include "worker/gateway/ports.h"

namespace nxb::edge {

class HttpConnection;

class Edge final : private uv::DeadlineSink {
 public:
  explicit Edge(const Context& context);
  ~Edge();
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  Status listen(int fd, std::uint16_t listener);  // does not own fd
  void unlisten(std::uint16_t listener);          // its connections stay; fd may be closed
  // The configuration that the context refers to is another one now. What has begun keeps what it began with: a request
  // its parser's limits, a connection its TCP keepalive, a WebSocket what it may send and leave untaken. Trusted proxies and limits are the new ones at once.
  void reconfigure();
  void take(relay::Handover handover);             // it arrived from another worker
  void take_back(relay::Handover handover);        // ours, undeliverable: 503 and close, or a WebSocket here
  void reply(RequestId to, gateway::Reply reply);  // unknown or closed connection: nothing happens
  void told(const ipc::Told& told) { shared_.supervised.told(told); }
  void hang_up(RequestId of);  // closes its connection, unanswered
  // Accept nothing; close idle connections now, the others when their answers are out. WebSockets are their sessions'.
  void shut_down();
  bool shutting_down() const { return shared_.shutting_down; }
  void drain(bool on) { shared_.draining = on; }  // whether new WebSockets are refused
  bool idle() const { return connections() == 0 && tls_.size() == 0; }
  std::size_t connections() const { return connections_.size() + sockets_.size() + greetings_.size(); }
  SocketTable& sockets() { return sockets_; }
  // For tests: parsers that are lent.
  std::size_t requests_being_read() const { return shared_.parsers.lent(); }

 private:
  class Port;

  void accepted(Descriptor fd, std::uint16_t listener);
  void welcome(relay::Handover newcomer);
  HttpConnection* adopt(int fd, std::uint16_t listener, std::string peer);
  void turn_away(relay::Handover handover);
  void closed(ConnId id);
  void upgraded(ConnId id, Upgraded connection);
  void read_trusted();
  void forget(const std::string& peer, std::uint16_t listener);
  void watch_capacity();
  void on_deadline(std::uint64_t id, Instant now) override;

  Shared shared_;
  PeerLimit peers_;
  ProxyGreetings greetings_;
  TlsClients tls_;
  std::vector<std::unique_ptr<Port>> ports_;
  IdTable<ConnId, HttpConnection> connections_;
  SocketTable sockets_;
  bool accepting_ = true;
};

}  // namespace nxb::edge
