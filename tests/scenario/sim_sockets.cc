// tests/scenario/sim_sockets.cc - see sim_sockets.h.
// SPDX-License-Identifier: MIT
#include "sim_sockets.h"

#include <algorithm>
#include <utility>

namespace nxb::scenario {

SocketNumber SimSockets::connect() {
  SocketId id{++last_};
  sockets_.emplace(id,
                   std::make_unique<ws::Frames>(contexts_, ws::FrameLimits{.message = config_.websocket.max_message}));
  clock_.soon([this, id] {
    listener_->on_socket_open(id.value);
    gateway_.on_socket(id, {.address = "192.0.2.1"});
  });
  return id.value;
}

void SimSockets::send(SocketNumber number, std::string_view bytes, std::size_t chunk) {
  if (chunk == 0) chunk = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    clock_.soon([this, number, piece = std::string(bytes.substr(at, chunk))] { feed(SocketId{number}, piece); });
  }
}

void SimSockets::cut(SocketNumber number) {
  clock_.soon([this, number] {
    if (sockets_.erase(SocketId{number}) != 0) gateway_.on_socket_event(SocketId{number}, ws::ConnectionGone{});
  });
}

void SimSockets::feed(SocketId id, std::string_view bytes) {
  auto at = sockets_.find(id);
  if (at == sockets_.end()) return;
  std::vector<ws::Item> items;
  at->second->feed(bytes, items);
  for (ws::Item& item : items) {
    if (!sockets_.contains(id)) return;  // closed at an earlier one
    tell(id, item);
  }
}

void SimSockets::tell(SocketId id, ws::Item& item) {
  struct Translate {
    SimSockets& world;
    ws::Event operator()(ws::TextMessage& message) const {
      return ws::MessageArrived{ws::parse_message(world.pool_, message.text, world.config_.websocket.max_message)};
    }
    ws::Event operator()(ws::PingFrame& ping) const { return ws::PingArrived{std::move(ping.payload)}; }
    ws::Event operator()(ws::PongFrame&) const { return ws::PongArrived{}; }
    ws::Event operator()(ws::CloseFrame& close) const { return ws::CloseArrived{close.code}; }
    ws::Event operator()(ws::BrokenRule& broken) const { return ws::RuleBroken{broken.code, broken.why}; }
  };
  gateway_.on_socket_event(id, std::visit(Translate{*this}, item));
}

// --- of gateway::Ports ---

void SimSockets::send_frame(SocketId to, ws::Opcode opcode, std::string_view payload) {
  if (!sockets_.contains(to)) return;
  std::string bytes = ws::frame_header(opcode, payload.size());
  bytes += payload;
  clock_.soon([this, to, bytes = std::move(bytes)] { listener_->on_socket_bytes(to.value, bytes); });
}

void SimSockets::close_socket(SocketId of) {
  if (sockets_.erase(of) == 0) return;
  clock_.soon([this, of] { listener_->on_socket_closed(of.value); });
}

void SimSockets::wake_at(SocketId socket, std::optional<Instant> at) {
  deadlines_.erase(socket);
  if (at) deadlines_[socket] = *at;
}

// --- time ---

std::optional<Instant> SimSockets::next_deadline() const {
  auto first = std::ranges::min_element(deadlines_, {}, [](const auto& one) { return one.second; });
  return first == deadlines_.end() ? std::nullopt : std::optional(first->second);
}

bool SimSockets::run_what_is_due() {
  for (const auto& [socket, at] : deadlines_) {
    if (at > clock_.now) continue;
    SocketId due = socket;
    deadlines_.erase(due);
    gateway_.on_socket_deadline(due);
    return true;
  }
  return false;
}

}  // namespace nxb::scenario
