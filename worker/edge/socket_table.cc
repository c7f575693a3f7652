// worker/edge/socket_table.cc - see socket_table.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/socket_table.h"

#include <utility>

namespace nxb::edge {

SocketTable::SocketTable(const Context& context, Closed closed)
    : shared_{.context = context,
              .family = context.deadlines.add(*this),
              .closed = [this](SocketId id) { take_out(id); },
              .frames = frames_},
      closed_(std::move(closed)) {}

SocketTable::~SocketTable() {
  sockets_.for_each([this](SocketId id, WsConnection&) { shared_.context.deadlines.clear(shared_.family, id.value); });
}

void SocketTable::add(Upgraded connection) {
  const SocketId id = sockets_.reserve();
  const gateway::Client client = std::move(connection.client);
  const std::string bytes = std::move(connection.bytes);
  WsConnection& socket = sockets_.put(id, std::make_unique<WsConnection>(shared_, id, std::move(connection)));
  shared_.context.sockets.on_socket(id, client);
  if (!bytes.empty()) socket.take(bytes);  // still there: what closes it is freed after this turn
}

void SocketTable::send(SocketId to, ws::Opcode opcode, std::string_view payload) {
  if (WsConnection* socket = sockets_.find(to)) socket->send(opcode, payload);
}

std::size_t SocketTable::unsent(SocketId of) const {
  const WsConnection* socket = sockets_.find(of);
  return socket ? socket->unsent() : 0;
}

void SocketTable::finish(SocketId of) {
  if (WsConnection* socket = sockets_.find(of)) socket->finish();
}

void SocketTable::set_reading(SocketId of, bool on) {
  if (WsConnection* socket = sockets_.find(of)) socket->set_reading(on);
}

void SocketTable::take_out(SocketId id) {
  std::unique_ptr<WsConnection> socket = sockets_.take(id);
  closed_(socket->peer(), socket->listener());
  shared_.context.loop.retire(std::move(socket));
}

void SocketTable::on_deadline(std::uint64_t id, Instant now) {
  if (WsConnection* socket = sockets_.find(SocketId{id})) socket->on_deadline(now);
}

}  // namespace nxb::edge
