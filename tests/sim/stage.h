// tests/sim/stage.h - where a session plays: its clock, its servers, and the machine-side end of its connections.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server.h"
#include "witness.h"
#include "worker/bosh/session.h"
#include "world.h"

namespace nxb::sim {

// Who sent the requests. `answered` is called while the session's answers are taken: it may plan, but not post.
class Peer {
 public:
  virtual void answered(RequestId id, const std::string& text) = 0;

 protected:
  ~Peer() = default;
};

class Stage {
 public:
  Stage(World& world, const bosh::SessionLimits& limits, const Habits& habits);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  void listen(Peer* peer) { peer_ = peer; }
  RequestId connection() { return {ConnId{++connections_}, 1}; }
  void create(RequestId id, bosh::Body body);
  void post(RequestId id, bosh::Body body);
  void gone(RequestId id);  // nothing, if it is answered already
  void deliver(bosh::Event event);

  bool waits(RequestId id) const { return witness_ && witness_->waits(id); }
  bool ended() const { return witness_ && witness_->ended(); }
  bool forgotten() const { return session_ && session_->state() == bosh::State::Forgotten; }
  const Witness& witness() const { return *witness_; }
  Server* server(bosh::StreamNumber number);  // null: never opened, or long gone
  void end_servers();                         // all of them, and those that are asked for later
  std::size_t servers() const { return servers_.size(); }
  Server& any_server(std::uint64_t which) { return *servers_[which % servers_.size()].server; }
  const bosh::SessionLimits& limits() const { return limits_; }
  const Habits& habits() const { return habits_; }

 private:
  struct Slot {
    std::unique_ptr<Server> server;
    Instant opened;
  };
  void perform(bosh::Actions& actions);
  void perform(const bosh::Respond& respond);
  void perform(const bosh::Forward& forward);
  void perform(const bosh::OpenStream& open);
  void perform(const bosh::RestartStream& restart);
  void perform(const bosh::CloseStream& close);
  void perform(const bosh::ReadServer& read);
  void perform(const bosh::Acknowledged&) {}
  void perform(const bosh::Ended&) {}
  void wake();

  World& world_;
  bosh::SessionLimits limits_;
  Habits habits_;
  Peer* peer_ = nullptr;
  std::optional<bosh::Session> session_;
  std::optional<Witness> witness_;
  std::deque<Slot> servers_;  // a closed one stays until nothing is planned with it
  std::uint64_t broadcasts_ = 0;
  bosh::Actions actions_;  // empty between events; here for its memory
  bool busy_ = false, servers_end_ = false;
  std::optional<Instant> wake_at_;  // the next wake-up planned
  std::uint64_t connections_ = 0;
};

}  // namespace nxb::sim
