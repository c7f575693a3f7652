// worker/gateway/bosh_sessions.h - the BOSH sessions of this worker: by sid, and the requests that wait for an answer.
// Runs in: worker. Owned by: gateway::Gateway. No protocol decisions: those are the session's.
// An ended session stays in the table until it forgets (B-82, C-49); at most kRemembered of them and kRememberedBytes
// in all, oldest dropped (H-44).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ids.h"
#include "worker/bosh/session.h"
#include "worker/gateway/census.h"
#include "worker/gateway/context.h"
#include "worker/gateway/cut_watch.h"
#include "worker/gateway/links.h"
#include "worker/gateway/pump.h"

namespace nxb::gateway {

class Roster;

class BoshSessions {
 public:
  // Most ended sessions that are remembered at a time.
  static constexpr std::size_t kRemembered = 65536;
  static constexpr std::size_t kRememberedBytes = std::size_t{128} << 20;  // of their answers and last words

  BoshSessions(const Context& context, Census& census, Links& links, CutWatch& cuts);
  ~BoshSessions();
  BoshSessions(const BoshSessions&) = delete;
  BoshSessions& operator=(const BoshSessions&) = delete;

  void on_request(RequestId id, bosh::Body&& body, const Client& client, std::string_view sid_for_creation);
  void on_request_gone(RequestId id);
  void on_deadline(SessionKey session);
  void on_server(SessionKey session, bosh::StreamNumber stream, upstream::Event event);
  std::vector<SessionKey> live();
  void say_goodbye(SessionKey session) { deliver(session, bosh::ShutDown{}); }
  void reconfigure();  // for sessions to come
  // What there is to say of a live one, as JSON; its full sid or its name in the log. Nothing: it is not here.
  std::optional<std::string> explain(std::string_view sid, Depth depth);
  bool kick(std::string_view sid, bosh::Condition condition);  // whether it was here
  void survey(Roster& roster);

 private:
  struct Cell;

  SessionKey live_one(std::string_view sid);
  void create(RequestId id, bosh::Body&& body, const Client& client, std::string_view sid);
  bosh::Condition objection(std::string_view address, std::string_view sid);
  void refuse(RequestId id, bosh::Condition condition, bool legacy_client);
  void deliver(SessionKey key, bosh::Event&& event);
  void came_to(SessionKey key, Cell& cell, Pumped pumped);
  void give_up(SessionKey key, Cell& cell);
  void settle(SessionKey key, Cell& cell);
  void note_delivery(Cell& cell);
  void remember(SessionKey key, Cell& cell);
  void forget(SessionKey key);

  void perform(SessionKey key, Cell& cell, bosh::Action& action);
  void perform(SessionKey key, Cell& cell, bosh::Respond& respond);
  void perform(SessionKey key, Cell& cell, bosh::Forward& forward);
  void perform(SessionKey key, Cell& cell, bosh::OpenStream& open);
  void perform(SessionKey key, Cell& cell, bosh::RestartStream& restart);
  void perform(SessionKey key, Cell& cell, bosh::CloseStream& close);
  void perform(SessionKey key, Cell& cell, bosh::ReadServer& read);
  void perform(SessionKey key, Cell& cell, bosh::Acknowledged& acknowledged);
  void perform(SessionKey key, Cell& cell, bosh::Ended& ended);

  const Context& context_;
  Census& census_;
  Links& links_;
  CutWatch& cuts_;
  bosh::SessionLimits limits_;

  // What a request still open belongs to; a gone connection names requests, not sessions.
  struct RequestHash {
    std::size_t operator()(const RequestId& id) const noexcept {
      return std::hash<std::uint64_t>{}(id.conn.value * 31 + id.number);
    }
  };
  struct OpenRequest {
    SessionKey session;
    Instant since;
  };
  std::unordered_map<RequestId, OpenRequest, RequestHash> open_requests_;
  IdTable<SessionKey, Cell> cells_;
  std::unordered_map<std::string_view, SessionKey> by_sid_;  // views into Session::sid()
  std::deque<SessionKey> remembered_;                        // ended, oldest first; stale keys are skipped
  std::size_t remembered_bytes_ = 0;
};

}  // namespace nxb::gateway
