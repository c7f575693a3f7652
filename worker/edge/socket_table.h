// worker/edge/socket_table.h - this worker's WebSocket connections, by SocketId.
// Runs in: worker. Owns every WsConnection; everybody else knows them by id. Owned by: edge::Edge.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "worker/edge/ws_connection.h"

namespace nxb::edge {

class SocketTable final : private uv::DeadlineSink {
 public:
  // `closed` is told of a connection that was here and is no more: whose it was.
  using Closed = std::function<void(const std::string& peer, std::uint16_t listener)>;
  SocketTable(const Context& context, Closed closed);
  ~SocketTable();
  SocketTable(const SocketTable&) = delete;
  SocketTable& operator=(const SocketTable&) = delete;

  void add(Upgraded connection);
  void send(SocketId to, ws::Opcode opcode, std::string_view payload);  // unknown or closed: nothing happens
  std::size_t unsent(SocketId of) const;  // bytes of frames that its client has not taken; unknown or closed: none
  void finish(SocketId of);
  void set_reading(SocketId of, bool on);
  std::size_t size() const { return sockets_.size(); }
  template <class F>
  void for_each(F&& f) {  // f(const WsConnection&)
    sockets_.for_each([&f](SocketId, WsConnection& socket) { f(socket); });
  }

 private:
  void take_out(SocketId id);
  void on_deadline(std::uint64_t id, Instant now) override;

  ws::FrameContexts frames_;
  SocketContext shared_;
  Closed closed_;
  IdTable<SocketId, WsConnection> sockets_;
};

}  // namespace nxb::edge
