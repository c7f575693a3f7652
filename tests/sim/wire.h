// tests/sim/wire.h - the bytes between a server and its stream: cut into chunks of any size, down to one byte, late or
// at once, and put together again by the real xmpp::ClientStream.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "worker/upstream/upstream.h"
#include "worker/xml/reader.h"
#include "worker/xmpp/client_stream.h"
#include "world.h"

namespace nxb::sim {

class Wire {
 public:
  // `up`: what the stream makes of it, for the session; `down`: what the stream writes to the server.
  Wire(World& world, std::function<void(upstream::Event)> up, std::function<void(std::string_view)> down);

  void open();
  void write_header();
  void write(std::string_view bytes);    // by the server
  void end(std::uint64_t how);           // by the server: 0 closes, 1 breaks the connection, 2 with a stream error
  void send(std::string_view elements);  // by the session
  void let_go();                         // by the session
  void set_reading(bool on);
  bool speaking() const { return speaking_; }  // `down` is on the stack
  // The stream never got as far as taking stanzas: it ended with what it was holding for then (U-28).
  bool left_early() const { return left_early_; }

 private:
  void flow();
  void on(const xmpp::StreamInput& input);
  void perform(xmpp::StreamSteps& steps);
  void wake();

  World& world_;
  std::function<void(upstream::Event)> up_;
  std::function<void(std::string_view)> down_;
  xml::Pool pool_;
  xmpp::ClientStream stream_;
  std::string on_its_way_;  // written and not yet arrived
  std::uint64_t chunk_;     // the longest, in bytes
  bool reading_ = true, flowing_ = false, breaks_ = false, speaking_ = false, gone_ = false, left_early_ = false;
  std::optional<Instant> wake_at_;
};

}  // namespace nxb::sim
