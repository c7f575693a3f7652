// tests/sim/witness.h - the oracles: watches one session from outside and knows what it must and must not do.
// It has its own, simpler account of rids, held requests and pending stanzas; it shares no code with the session.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "worker/bosh/session.h"
#include "world.h"

namespace nxb::sim {

// "<message ... n='7'/>" -> 7, for each of them in the text.
std::vector<std::uint64_t> numbers_in(const std::string& text);
bool is_terminate(const std::string& text);
bool is_recoverable(const std::string& text);

class Witness {
 public:
  Witness(World& world, const bosh::SessionLimits& limits, const bosh::Body& creation, RequestId id);

  // Around each call of the session; the creation is an event too (no event: the constructor).
  void before(const bosh::Event& event);
  void after(const bosh::Session& session, const bosh::Actions& actions);

  bool waits(RequestId id) const { return waiting_.contains(id); }
  bool ended() const { return ended_; }
  std::string_view why() const { return why_; }
  std::uint64_t sent() const { return sent_; }  // the highest stanza number that came from the server
  std::uint64_t said() const { return said_; }  // the highest that left in an answer

 private:
  enum class Must { Nothing, Replay, EndItemNotFound, EndPolicy, EndProblem, AnswerAfterEnd };
  struct Waiting {
    std::uint64_t rid = 0;
    Instant since;
  };
  struct Held {
    std::uint64_t rid = 0;
    bool live = true;
    RequestId id;
  };

  struct Early {
    Held held;
    std::uint64_t elements = 0;
    bool terminate = false;
    bool poll = false;
  };

  void before_request(const bosh::RequestArrived& arrived);
  void before_gone(RequestId id);
  void place(const Early& request);
  void repeat(Held& held, RequestId id);
  void process(const Early& request);
  void before_server(const upstream::Event& event);
  void complete_dead();
  void on_respond(const bosh::Respond& respond);
  void on_first_answer(const bosh::Respond& respond, std::uint64_t rid);
  void on_answer_at_end(const bosh::Respond& respond, std::uint64_t rid);
  void on_numbers(const std::string& text);
  void on_close(const bosh::CloseStream& close);
  void on_end(const bosh::Ended& end);
  void check_running();
  void check_time(const bosh::Session& session);

  World& world_;
  Duration wait_, creation_wait_, inactivity_, gap_;
  std::uint32_t hold_, requests_;
  std::uint64_t max_pending_;

  std::map<RequestId, Waiting> waiting_;  // live connections that are owed an answer
  std::uint64_t last_;                    // processed in order
  std::map<std::uint64_t, Early> early_;
  std::deque<Held> held_;
  std::map<std::uint64_t, std::string> answers_;  // first answer to each rid
  std::map<std::uint64_t, int> resends_;
  std::map<std::uint64_t, std::uint64_t> said_by_;  // rid -> highest stanza number up to its answer
  bool creation_answered_ = false;

  std::uint64_t pending_bytes_ = 0, pending_count_ = 0;  // came from the server, in no answer yet
  std::uint64_t sent_ = 0, said_ = 0, confirmed_ = 0;    // highest stanza numbers: from the server, in an answer, read
  bool reading_ = true;
  std::uint64_t owed_upstream_ = 0, forwarded_ = 0;  // elements

  Must must_ = Must::Nothing;
  RequestId asked_;         // the request of this event
  RequestId superseded_;    // whose place it took
  Instant answered_since_;  // when the request that is being answered came
  std::optional<Instant> idle_since_, gap_since_;
  bool terminate_taken_ = false, shut_down_ = false, server_gone_ = false, creation_gone_ = false;
  bool ended_ = false, ends_now_ = false, closed_stream_ = false, forgotten_ = false;
  Instant ended_at_;
  std::string_view why_;
};

}  // namespace nxb::sim
