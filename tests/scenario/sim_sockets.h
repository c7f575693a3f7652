// tests/scenario/sim_sockets.h - WebSockets in virtual time: a client's bytes through the real ws::Frames and
// ws::parse_message into the gateway, as edge::WsConnection does it. Handshake and TCP are not there.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "common/config/config.h"
#include "sim_upstream.h"
#include "stage.h"
#include "worker/gateway/gateway.h"
#include "worker/ws/frames.h"

namespace nxb::scenario {

class SimSockets {
 public:
  SimSockets(const config::Config& config, xml::Pool& pool, VirtualTime& clock, gateway::Gateway& gateway,
             Listener*& listener)
      : config_(config), pool_(pool), clock_(clock), gateway_(gateway), listener_(listener) {}

  SocketNumber connect();
  void send(SocketNumber number, std::string_view bytes, std::size_t chunk);
  void cut(SocketNumber number);

  // of gateway::Ports
  void send_frame(SocketId to, ws::Opcode opcode, std::string_view payload);
  void close_socket(SocketId of);
  void wake_at(SocketId socket, std::optional<Instant> at);

  std::optional<Instant> next_deadline() const;
  bool run_what_is_due();
  std::size_t open() const { return sockets_.size(); }

 private:
  void feed(SocketId id, std::string_view bytes);
  void tell(SocketId id, ws::Item& item);

  const config::Config& config_;
  xml::Pool& pool_;
  VirtualTime& clock_;
  gateway::Gateway& gateway_;
  Listener*& listener_;
  std::uint64_t last_ = 0;
  ws::FrameContexts contexts_;
  std::map<SocketId, std::unique_ptr<ws::Frames>> sockets_;  // those not closed
  std::map<SocketId, Instant> deadlines_;
};

}  // namespace nxb::scenario
