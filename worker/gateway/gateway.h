// worker/gateway/gateway.h - the table of sessions; deliver() and perform(): the only place where machine meets world.
// Runs in: worker. Owns every session of this worker. No protocol decisions: those are the session's.
// Events raised while actions are performed are queued and taken by the loop already running, never by recursion.
// An ended session stays in the table until it forgets (B-82, C-49); at most kRemembered of them, oldest dropped
// (H-44).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/config/config.h"
#include "common/stats/stats.h"
#include "worker/bosh/session.h"
#include "worker/gateway/admission.h"
#include "worker/gateway/ports.h"

namespace nxb::gateway {

class Gateway final : public upstream::Events {
 public:
  // Most ended sessions that are remembered at a time.
  static constexpr std::size_t kRemembered = 65536;
  static constexpr std::size_t kRememberedBytes = std::size_t{128} << 20;  // of their answers and last words

  Gateway(const config::Config& config, Ports& ports, stats::Counters& counters, std::function<Instant()> now);
  ~Gateway();

  // A parsed request that this worker owns. A body without sid creates the session `sid_for_creation`.
  void on_request(RequestId id, bosh::Body body, const Client& client, std::string_view sid_for_creation);
  void on_request_gone(RequestId id);  // its connection closed before the answer was handed over
  void on_deadline(SessionKey session);
  void on_stream_event(StreamId stream, upstream::Event event) override;
  void shut_down();  // every session ends with system-shutdown (B-108); new ones are refused

  std::size_t live_sessions() const { return live_; }

 private:
  struct Cell;

  void create(RequestId id, bosh::Body body, const Client& client, std::string_view sid);
  bosh::Condition objection(std::string_view address, std::string_view sid);
  void refuse(RequestId id, bosh::Condition condition, bool legacy_client);
  void deliver(SessionKey key, bosh::Event event);
  void pump(SessionKey key, Cell& cell);
  void give_up(SessionKey key, Cell& cell);
  void settle(SessionKey key, Cell& cell);
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

  const config::Config& config_;
  bosh::SessionLimits limits_;
  Ports& ports_;
  stats::Counters& counters_;
  std::function<Instant()> now_;

  // What a request still open belongs to; a gone connection names requests, not sessions.
  struct RequestHash {
    std::size_t operator()(const RequestId& id) const noexcept {
      return std::hash<std::uint64_t>{}(id.conn.value * 31 + id.number);
    }
  };
  std::unordered_map<RequestId, SessionKey, RequestHash> open_requests_;
  IdTable<SessionKey, Cell> cells_;
  std::unordered_map<std::string_view, SessionKey> by_sid_;  // views into Session::sid()
  struct StreamOwner {
    SessionKey session;
    bosh::StreamNumber number;
  };
  std::unordered_map<StreamId, StreamOwner> streams_;  // a stream may outlive its session while it closes
  std::deque<SessionKey> remembered_;                  // ended sessions, oldest first; stale keys are skipped
  std::size_t remembered_bytes_ = 0;
  Admission admission_;
  std::uint64_t last_stream_ = 0;
  std::size_t live_ = 0;
  bool shutting_down_ = false;
};

}  // namespace nxb::gateway
