// tests/sim/ws_stage.h - one WebSocket session with its server and its connection: the client's bytes go in chunks through
// the real ws::Frames and ws::parse_message, the session's frames wait until the client reads. The witness looks on.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/ws/session.h"
#include "world.h"
#include "ws_server.h"
#include "ws_witness.h"

namespace nxb::sim {

constexpr std::uint64_t kMostMessage = 2'000;  // bytes of a client's message

class WsStage {
 public:
  WsStage(World& world, const ws::SessionLimits& limits);

  // --- the client's end of the connection
  void send(std::string_view bytes);
  void leave();               // closes behind what it has sent
  void cut();                 // the connection breaks: what is on its way is lost, both ways
  void stall(Duration time);  // does not read
  std::function<void(ws::Opcode, std::string_view)> hear;
  std::function<void()> closed;  // by the session, behind all that it said

  void refuse(ws::CloseCode code) { deliver(ws::Refused{code, "refused"}); }
  void shut_down() { deliver(ws::ShutDown{}); }

  bool gone() const { return gone_; }
  bool stalled_long() const { return stalled_long_; }
  WsServer& server() { return server_; }
  WsWitness& witness() { return witness_; }

 private:
  void deliver(ws::Event event);
  void take(ws::Item& item);
  void perform(ws::Send& send);
  void perform(ws::HangUp& hang_up);
  void perform(ws::Forward& forward);
  void perform(ws::OpenStream& open);
  void perform(ws::RestartStream& restart);
  void perform(ws::CloseStream& close);
  void perform(ws::ReadServer& read);
  void perform(ws::ReadClient& read);
  void perform(ws::Ended& ended);
  void tell_unsent(std::size_t at);
  void flow_up();
  void take_items();
  void flow_down();
  void read_frames();
  void wake();

  World& world_;
  ws::SessionLimits limits_;
  ws::Session session_;
  ws::FrameContexts contexts_;
  ws::Frames frames_;
  xml::Pool pool_;
  WsWitness witness_;
  WsServer server_;
  std::string up_, down_, heard_;  // on their way; what the client has read of a frame
  std::vector<ws::Event> inbox_;
  std::vector<ws::Item> items_;  // of the client, not yet heard
  std::uint64_t longest_chunk_;
  Instant reads_from_;
  Instant taken_told_at_{};  // that the client took some
  std::optional<Instant> wake_at_;
  bool delivering_ = false, flowing_up_ = false, flowing_down_ = false, leaving_ = false, hung_up_ = false;
  bool told_ = false, stalled_long_ = false, gone_ = false, hears_ = true;
};

}  // namespace nxb::sim
