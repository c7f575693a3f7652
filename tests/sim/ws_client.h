// tests/sim/ws_client.h - who is at the other end: a correct client, which reads everything once and in order and is never
// refused, and one that keeps no rule.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "world.h"
#include "ws_stage.h"

namespace nxb::sim {

std::string masked(World& world, std::uint8_t first, std::string_view payload);  // a client's frame

class WsClient {
 public:
  WsClient(World& world, WsStage& stage);
  void start();
  void check_at_end();

 private:
  void act();
  void leave_somehow();
  void say(std::string_view text);
  void close_stream();
  void send_close();
  void hear(ws::Opcode opcode, std::string_view payload);
  void hear_text(std::string_view text);
  void excuse(std::string_view why) { excuses_.emplace_back(why); }

  World& world_;
  WsStage& stage_;
  bool legacy_;
  bool header_awaited_ = false, features_awaited_ = false, silent_ = false, said_close_ = false, heard_close_ = false;
  bool sent_close_ = false, over_ = false, cut_ = false, error_ = false;
  std::uint64_t sent_ = 0, received_ = 0, pings_ = 0, pongs_ = 0;
  std::vector<std::string> excuses_;  // why the session may have ended
};

class WsHostile {
 public:
  WsHostile(World& world, WsStage& stage) : world_(world), stage_(stage), deaf_(world.dice.percent(10)) {}
  void start();

 private:
  void act();
  std::string something();
  void frame();

  World& world_;
  WsStage& stage_;
  bool deaf_;  // keeps every rule, but does not read
};

}  // namespace nxb::sim
