// tests/sim/witness.h - the oracles: watches one session from outside and knows what it must and must not do.
// The rules are those of the requirement rows, with an account of their own (account.h, streams.h, keys.h).
//   witness.cc   what the session is told: place of a request, what is wrong with it
//   process.cc   a request whose turn it is: what it must cause
//   oracles.cc   what the session does about it, between events and in its answers
//   endings.cc   how it ends, and what it says then
// Where the rows leave room, an end is only allowed, not demanded.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "account.h"
#include "keys.h"
#include "streams.h"
#include "worker/bosh/session.h"
#include "world.h"

namespace nxb::sim {

class Witness {
 public:
  Witness(World& world, const bosh::SessionLimits& limits, const bosh::Body& creation, RequestId id);
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Around each call of the session; the creation is an event too (no event: the constructor).
  void before(const bosh::Event& event);
  void after(const bosh::Session& session, const bosh::Actions& actions);

  bool waits(RequestId id) const { return find_waiting(id) != nullptr; }
  bool ended() const { return ended_; }
  std::string_view why() const { return why_; }
  std::uint64_t said(bosh::StreamNumber number) const;  // the highest that left in an answer
  bool several_streams() const { return streams_.ever() > 1; }

 private:
  struct Waiting {
    RequestId id;
    std::uint64_t rid = 0;
    Instant since;
  };
  // What an event must lead to. A set of conditions, as bits.
  struct Judgement {
    bool replay = false, after_end = false;
    std::uint32_t must_end = 0, may_end = 0;
    RequestId at_fault;
  };
  // Of an answer that is not acknowledged (B-67).
  struct Missed {
    std::uint64_t rid;
    Instant composed;
  };
  struct Errand {
    bosh::StreamNumber stream;
    std::string what;
  };

  // witness.cc
  void before_request(const bosh::RequestArrived& arrived);
  void before_gone(RequestId id);
  void before_server(const bosh::ServerSpoke& spoke);
  void place(Held request, const bosh::Body& body);
  bool crowds(const Held& request, const bosh::Body& body);
  void place_early(Held request, const bosh::Body& body);
  void repeat(Held& held, RequestId id, const std::string& key);
  void repeat_answered(std::uint64_t rid, const std::string& key);
  void process_early();
  void prove_by_window(const Held& request, bool surely);
  void must_end(RequestId at_fault, bosh::Condition condition);
  void may_end(bosh::Condition condition) { judgement_.may_end |= bit(condition); }
  static std::uint32_t bit(bosh::Condition condition) { return 1U << static_cast<unsigned>(condition); }
  const Waiting* find_waiting(RequestId id) const;
  bool is_aborted() const { return aborted_ && !paused_ && granted_.abort_grace < idle_limit_; }  // O-32
  Duration idle_limit() const { return is_aborted() ? granted_.abort_grace : idle_limit_; }

  // process.cc
  bool process(Held request, const bosh::Body& body);  // false: it was at fault
  void judge(const Held& request, const bosh::Body& body);
  void judge_key(const Held& request, const bosh::Body& body);
  void judge_ack(const Held& request, const bosh::Body& body);
  void judge_activity(const Held& request);
  void judge_stream(const Held& request, const bosh::Body& body);
  void take_ack(const Held& request, const bosh::Body& body);
  void take_content(const Held& request, const bosh::Body& body);
  void take_terminate(const bosh::Body& body);
  bool adds_stream(const bosh::Body& body) const;

  // oracles.cc
  void on_action(const bosh::Respond& respond);
  void on_action(const bosh::Forward& forward);
  void on_action(const bosh::OpenStream& open);
  void on_action(const bosh::RestartStream& restart);
  void on_action(const bosh::CloseStream& close);
  void on_action(const bosh::ReadServer& read) { streams_.on_read(read); }
  void on_action(const bosh::Acknowledged&) {}
  void on_action(const bosh::Ended& end);
  void complete_dead();
  void on_replay(const bosh::Respond& respond, std::uint64_t rid);
  void on_first_answer(const bosh::Respond& respond, std::uint64_t rid);
  void on_creation_answer(std::string_view text, std::uint64_t rid);
  void on_ack(std::string_view text, std::uint64_t rid);
  void on_report(std::string_view text);
  std::size_t most_held() const { return streams_.congested() ? granted_.requests : granted_.hold; }  // B-60, U-36
  Duration longest_wait() const { return granted_.polls && streams_.congested() ? granted_.polling : granted_.wait; }
  bool lowest_is_due() const;
  bool was_due() const;
  bool before_pause(std::uint64_t rid) const { return rid <= pause_now_; }
  void keep(std::string text, bool silent, bosh::StreamNumber stream, std::uint64_t upto);
  void check_tasks();
  void check_running();
  void check_clocks();
  void check_deadline(const bosh::Session& session);

  // endings.cc
  void on_answer_at_end(const bosh::Respond& respond, std::uint64_t rid);
  bool told_at_fault(const bosh::Respond& respond);
  bool right_reason() const;
  bool ended_by_server() const;
  void check_forgotten(const bosh::Session& session);

  World& world_;
  const Granted granted_;
  Rids rids_;
  Streams streams_;

  std::vector<Waiting> waiting_;  // live connections that are owed an answer
  bool creation_answered_ = false;

  // Keys and acknowledgements.
  std::optional<std::string> expected_key_;  // the hash of the next key; nothing: no keys in this session
  std::vector<Missed> reports_due_;          // by this event
  std::vector<Missed> reports_late_;         // nobody was there to hear them, or a pause: they may come later
  std::vector<std::uint64_t> reported_;
  std::uint64_t highest_reported_ = 0;
  // Polling and pausing.
  std::optional<Instant> last_arrival_;  // of a new request, in any order
  Held previous_;                        // processed
  bool previous_said_something_ = true;
  std::uint64_t pause_rid_ = 0;
  bool paused_ = false;
  Duration idle_limit_;          // unless it is aborted: idle_limit()
  bool aborted_ = false;         // the client dropped the last of what was held or early, and nothing came since (O-32)
  bool to_on_payloads_ = false;  // libpurple's way (B-91)

  // Of this event.
  Judgement judgement_;
  std::vector<Errand> forwards_;
  std::vector<bosh::StreamNumber> opens_, restarts_, closes_;
  RequestId asked_;              // the request of this event
  RequestId superseded_;         // whose place it took
  Instant answered_since_;       // when the request that is being answered came
  bool in_order_ = false;        // requests are processed in this event, and may be further
  bool end_told_ = false;        // of a stream, in this event; that of the session may follow
  std::uint64_t pause_now_ = 0;  // the pause that was processed
  bool ends_now_ = false;

  std::optional<Instant> idle_since_, gap_since_;
  bool terminate_taken_ = false, shut_down_ = false, server_gone_ = false, creation_gone_ = false;
  bool ended_ = false, forgotten_ = false;
  bool lenient_ = false;  // it ended where it might, and need not: its account is not ours any more
  Instant remembered_until_;
  bool waits_for_word_ = false, last_word_now_ = false;  // the server's last word was not told yet; is told now
  bool odd_ = false, unsure_end_ = false;                // the request of this event has an error of its own
  bool told_at_end_ = false;                             // a terminate was heard
  std::string_view why_;
  bosh::Condition condition_ = bosh::Condition::None, end_condition_ = bosh::Condition::None;
};

}  // namespace nxb::sim
