// worker/gateway/ws_sessions.h - the WebSocket sessions of this worker: one for each connection, by its SocketId.
// Runs in: worker. Owned by: gateway::Gateway. No protocol decisions: those are the session's.
// A connection that cannot have a session has a cell as well, for as long as that takes to say; it counts nowhere.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ids.h"
#include "worker/gateway/census.h"
#include "worker/gateway/context.h"
#include "worker/gateway/cut_watch.h"
#include "worker/gateway/links.h"
#include "worker/ws/session.h"

namespace nxb::gateway {

class Roster;

class WsSessions {
 public:
  WsSessions(const Context& context, Census& census, Links& links, CutWatch& cuts);
  ~WsSessions();
  WsSessions(const WsSessions&) = delete;
  WsSessions& operator=(const WsSessions&) = delete;

  void on_socket(SocketId id, const Client& client);
  void on_event(SocketId id, ws::Event event);
  void on_deadline(SocketId id);
  void on_server(SocketId id, upstream::Event event);
  std::vector<SocketId> all() const;
  void say_goodbye(SocketId id) { deliver(id, ws::ShutDown{}); }
  // As those of BoshSessions.
  std::optional<std::string> explain(std::string_view name, Depth depth) const;
  bool kick(std::string_view name, bosh::Condition condition);
  void survey(Roster& roster) const;
  void reconfigure();  // for sessions to come

 private:
  struct Cell;

  void deliver(SocketId id, ws::Event&& event);
  std::optional<ws::Event> slowness(Cell& cell) const;
  void watch(Cell& cell, const ws::Event& event);
  void give_up(SocketId id, Cell& cell);
  void settle(SocketId id, Cell& cell);
  void forget(SocketId id);

  void perform(SocketId id, Cell& cell, ws::Send& send);
  void perform(SocketId id, Cell& cell, ws::HangUp& hang_up);
  void perform(SocketId id, Cell& cell, ws::Forward& forward);
  void perform(SocketId id, Cell& cell, ws::OpenStream& open);
  void perform(SocketId id, Cell& cell, ws::RestartStream& restart);
  void perform(SocketId id, Cell& cell, ws::CloseStream& close);
  void perform(SocketId id, Cell& cell, ws::ReadServer& read);
  void perform(SocketId id, Cell& cell, ws::ReadClient& read);
  void perform(SocketId id, Cell& cell, ws::Ended& ended);

  const Context& context_;
  Census& census_;
  Links& links_;
  CutWatch& cuts_;
  std::list<ws::SessionLimits> limits_;  // the last are those for sessions to come; the others are still referred to
  std::unordered_map<SocketId, std::unique_ptr<Cell>> cells_;
};

}  // namespace nxb::gateway
