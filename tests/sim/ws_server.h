// tests/sim/ws_server.h - the XMPP server of a WebSocket session: header and features when asked, numbered stanzas, an end.
// It checks that what the client says comes once and in order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "worker/upstream/upstream.h"
#include "world.h"

namespace nxb::sim {

class WsServer {
 public:
  using Say = std::function<void(upstream::Event)>;
  WsServer(World& world, Say say) : world_(world), say_(std::move(say)), language_(world.dice.percent(50)) {}

  void open();
  void restart();
  void receive(std::string_view element);
  void close();  // by the session
  void set_reading(bool on) { reading_ = on; }
  void never_pause() { pauses_ = false; }  // talks on though it is not read: as what is on its way
  void end();                              // by the server: closes, is lost, or has an error

  bool open_now() const { return open_; }
  std::uint64_t said() const { return said_; }
  std::uint64_t received() const { return received_; }
  const std::string& ended_as() const { return ended_as_; }  // what the session should call it; "": it did not

 private:
  void greet();
  void talk();
  void burst();
  void maybe_stall();
  void stall(bool on);
  void say(upstream::Event event);

  World& world_;
  Say say_;
  bool language_, pauses_ = true, open_ = false, reading_ = true, talking_ = false, ready_ = false;
  bool stalls_ = world_.dice.percent(30), stalled_ = false;
  std::uint64_t said_ = 0, received_ = 0, ids_ = 0;
  std::string ended_as_;
};

}  // namespace nxb::sim
