// tests/sim/stage.h - where a session plays: its clock, its server, and the wires' machine-side end.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "witness.h"
#include "worker/bosh/session.h"
#include "world.h"

namespace nxb::sim {

// A talkative server: numbered stanzas in bursts, features when asked, and it checks what the client's stream carries.
class Server {
 public:
  Server(World& world, std::function<void(upstream::Event)> say);

  void open();
  void restart();
  void receive(const bosh::Forward& forward);
  void close();  // by the session
  void set_reading(bool on);
  // By the server: after what it has said so far.
  void end();

  bool open_now() const { return open_; }
  std::uint64_t sent() const { return sent_; }          // stanzas, read by the session
  std::uint64_t received() const { return received_; }  // the client's, in order without gaps

 private:
  void features(Duration in);
  void talk();
  void say(upstream::Event event);

  World& world_;
  std::function<void(upstream::Event)> say_;
  bool open_ = false, reading_ = true, talking_ = false;
  std::uint64_t sent_ = 0, received_ = 0;
};

class Stage {
 public:
  Stage(World& world, bosh::SessionLimits limits);

  RequestId connection() { return {ConnId{++connections_}, 1}; }
  // `answered` is called once, in a turn of its own, unless the connection goes before.
  void create(RequestId id, bosh::Body body, std::function<void(std::string)> answered);
  void post(RequestId id, bosh::Body body, std::function<void(std::string)> answered);
  void gone(RequestId id);  // nothing, if it is answered already
  void deliver(bosh::Event event);

  bool waits(RequestId id) const { return witness_ && witness_->waits(id); }
  bool ended() const { return witness_ && witness_->ended(); }
  bool forgotten() const { return session_ && session_->state() == bosh::State::Forgotten; }
  const Witness& witness() const { return *witness_; }
  Server& server() { return server_; }
  const bosh::SessionLimits& limits() const { return limits_; }

 private:
  void perform(const bosh::Actions& actions);
  void wake();

  World& world_;
  bosh::SessionLimits limits_;
  Server server_;
  std::optional<bosh::Session> session_;
  std::optional<Witness> witness_;
  std::map<RequestId, std::function<void(std::string)>> answered_;
  std::optional<Instant> wake_at_;
  std::uint64_t connections_ = 0;
};

}  // namespace nxb::sim
