// worker/bosh/session.h - one BOSH session as a state machine (XEP-0124 7-16, XEP-0206).
// Runs in: worker. I/O: none; time is an argument, the sid comes in. Owned by: gateway::Gateway.
// It answers each request once, in rid order, and keeps the last `requests` answers for repeats. What the server sent
// reaches the client exactly once and in order, or the client is told that the session ended (ARCHITECTURE, The delivery promise).
// On a peer's mistake it ends itself with a condition; it never ends the process.
// Requests are judged and take effect in rid order, whatever the order of their arrival: session.cc. What is said in
// answer to them and when: session_answer.cc. Several streams: session_streams.cc. The end: session_end.cc.
//
//   Opening --features, or features_hold ran out--> Open --any end--> Ended --in time--> Forgotten
//      \___________________any end___________________________________/
//
// Back-pressure (U-36): a client that does not collect stops the reading of its server. While a server does not take what
// its client sends (upstream::Congested), requests are held up to the whole window (`requests`) instead of `hold`, in a
// polling session for up to `polling`; their payloads are taken. They are answered by `wait`, with what a server says, or
// when the server takes again. So a client that waits for answers has no more than its window under way, and one that
// is held is not called over-active for it.
//
// Ended remembers for wait+5 s, what the server said last for the inactivity: resends of answered requests get their
// answer again (B-82), anything else hears the condition (C-49).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "worker/bosh/body.h"
#include "worker/bosh/conditions.h"
#include "worker/bosh/key_sequence.h"
#include "worker/bosh/polling_rule.h"
#include "worker/bosh/request_window.h"
#include "worker/bosh/streams.h"
#include "worker/upstream/upstream.h"

namespace nxb::bosh {

struct SessionLimits {
  Duration max_wait{55'000};
  std::uint32_t max_hold = 2;
  Duration default_inactivity{70'000};
  Duration max_inactivity{160'000};
  Duration inactivity_grace{10'000};
  Duration abort_grace{0};  // inactivity after the client dropped what was held; 0: no difference
  Duration features_hold{10'000};
  Duration gap_timeout{30'000};
  Duration max_pause{120'000};          // 0: pausing is not offered
  Duration polling{5'000};              // between two polls of a polling session
  std::uint32_t max_streams = 8;        // at a time; 1: more than one is not offered
  std::uint64_t max_pending = 1 << 20;  // bytes of a stream waiting for the client; above it its server is not read
};

// --- what happened ---
struct RequestArrived {
  RequestId id;
  Body body;  // body.problem may be set: then the session ends with it (B-42)
};
struct RequestGone {
  RequestId id;
};  // its connection closed before the answer (B-54)
struct ServerSpoke {
  StreamNumber stream;
  upstream::Event event;
};
struct ShutDown {};  // the worker stops: system-shutdown to every open request (B-108)
struct Kicked {      // by the operator (O-17)
  Condition condition;
};
struct TimePassed {};
using Event = std::variant<RequestArrived, RequestGone, ServerSpoke, ShutDown, Kicked, TimePassed>;

// --- what to do about it ---
struct Respond {
  RequestId to;
  int status = 200;
  std::string body;
  bool replay = false;
};
struct Forward {
  StreamNumber stream;
  std::string elements;
  std::uint32_t count = 0;
};
struct OpenStream {
  StreamNumber stream;
  upstream::StreamSpec spec;
};
struct RestartStream {
  StreamNumber stream;
  std::string attributes;  // for the new header: JSON as the client wrote it (C-45)
};
struct CloseStream {
  StreamNumber stream;
  upstream::Parting parting;
  std::vector<xmpp::Stanza> undelivered;
};
struct ReadServer {
  StreamNumber stream;
  bool on;
};  // back-pressure (U-36)
struct Acknowledged {
  std::uint32_t answers;
};  // the client said that it has them (C-71)
struct Ended {
  std::string_view why;
  Condition condition;
  std::uint64_t undelivered = 0;
  EndedBy by = EndedBy::Nxb;
  bool by_stream = false;  // the end of its last stream was the reason
};                         // exactly once
using Action = std::variant<Respond, Forward, OpenStream, RestartStream, CloseStream, ReadServer, Acknowledged, Ended>;
using Actions = std::vector<Action>;

// What a creation or add-stream request asks the server for. The client's address is not the session's to know.
upstream::StreamSpec stream_spec(Body body);

enum class State : std::uint8_t { Opening, Open, Ended, Forgotten };

constexpr std::string_view name_of(State state) {
  constexpr std::string_view kNames[] = {"opening", "open", "ended", "forgotten"};
  return kNames[static_cast<std::size_t>(state)];
}

// How it stands, for the operator.
struct View {
  State state;
  Rid last, answered;       // the highest rid processed, and answered
  std::uint32_t requests;   // the window
  std::size_t held, early;  // requests without answer; those among them that are ahead of a gap
  std::size_t pending;      // bytes that wait for the client
  bool paused;
  bool acknowledges;
  Duration wait, inactivity;  // granted; the second with grace, or the pause's
  std::uint32_t hold;
};

// Moves are one way. Between events:
//   Opening    the creation request is held, its answer waits for the features (B-35)
//   Open       no stream has anything to say while a live request is held; held <= hold, or requests while congested; a
//              dead request is held only as the last
//   Ended      no request is open, nothing is pending; kept answers and the condition remain
//   Forgotten  nothing remains
class Session final {
 public:
  // `creation` is the body without sid; its problem is None. The first action is OpenStream.
  Session(const SessionLimits& limits, std::string sid, RequestId id, Body creation, Instant now, Actions& out);
  void on(Event&& event, Instant now, Actions& out);  // runs to completion; never calls out
  std::optional<Instant> next_deadline() const;       // later than the last `now`, or nothing
  bool is_consistent() const;                         // the invariants, state by state
  State state() const { return state_; }
  const std::string& sid() const { return sid_; }
  View view() const;
  const RequestWindow& window() const { return window_; }
  std::size_t remembered_bytes() const;  // of answers, once it has ended

 private:
  // What the creation answer says, until it was said.
  struct Creation {
    CreationAnswer answer;
    Duration wait;  // of the creation request: at most features_hold
  };
  // Inactivity by the client's wish, until it comes back (B-73).
  struct Pause {
    Rid rid;
    Duration length;  // with grace
  };
  // How it ended, for requests that come later.
  struct Ending {
    Condition condition = Condition::None;  // None: remembered as item-not-found (C-49)
    Instant forget_at;
    // The server's end with what was pending (B-83): for the first live request above `answered`. A lower one that
    // comes after it hears nothing new, so that a client that reads in rid order gets that far.
    std::unique_ptr<Answer> last_word;  // no request took it yet: kept as long as the session would have waited for one
    Rid answered;
    Rid told;  // the request that took it
  };
  // What a request is refused with; None: it is processed.
  struct Verdict {
    Condition condition = Condition::None;
    std::string_view why;
  };

  // What is granted: 25 hours at most (options.def), and 24 days would fit. Each session has six of them.
  using Span = std::chrono::duration<std::int32_t, std::milli>;
  static Span span(Duration granted) { return std::chrono::duration_cast<Span>(granted); }

  bool running() const { return state_ == State::Opening || state_ == State::Open; }
  void move_to(State to);  // the only assignment to state_

  // session.cc: what happened; requests in rid order
  void take(RequestArrived& arrived, Actions& out);
  void take(RequestGone& gone, Actions& out);
  void take(ServerSpoke& spoke, Actions& out);
  void take(ShutDown& event, Actions& out);
  void take(Kicked& kicked, Actions& out);
  void take(TimePassed& event, Actions& out);

  void place(const OpenRequest& request, Body& body, Actions& out);
  void admit(OpenRequest request, Body& body, Actions& out);
  void process(const OpenRequest& request, Body& body, Actions& out);
  Verdict judge(const OpenRequest& request, const Body& body);
  bool judge_keys(Rid rid, const Body& body);
  bool is_over_active(const OpenRequest& request, const Body& body);
  void confirm_answers(Rid arrived, bool idle);
  void acknowledge(const Body& body, Actions& out);
  void apply(const OpenRequest& request, Body& body, Actions& out);
  void take_over(OpenRequest& open, RequestId id, Actions& out);
  void replay(KeptAnswer& kept, RequestId id, Actions& out);
  bool is_repeat(Place place, const Body& body) const;

  // session_answer.cc: answers and time
  void expire(Actions& out);
  void settle(Actions& out);
  void answer_due(Actions& out);
  std::size_t most_held() const;
  bool lowest_is_due() const;
  bool anything_to_say() const;
  void answer_lowest(Actions& out);
  void answer_pause(Rid rid, std::uint16_t seconds, Actions& out);
  void respond(const OpenRequest& to, const Answer* answer, Actions& out) const;
  std::unique_ptr<Answer> compose();
  std::unique_ptr<Answer> compose_creation();
  void speak_of(Stream& stream, Heading& heading, Answer& answer);
  std::unique_ptr<Answer> compose_quiet(const OpenRequest& request);
  Heading heading_for(Rid rid) const;
  Report take_report();
  void throttle(Actions& out);
  Instant due(const OpenRequest& held) const;
  Duration patience() const { return pause_ ? pause_->length : Duration(aborted_ ? abort_grace_ : inactivity_); }

  // session_streams.cc: the servers, and which stream a request means
  void on_server(Stream& stream, upstream::Opened& opened, Actions& out);
  void on_server(Stream& stream, upstream::Arrived& arrived, Actions& out);
  void on_server(Stream& stream, upstream::Congested& congested, Actions& out);
  void on_server(Stream& stream, upstream::Closed& closed, Actions& out);
  bool offers_streams() const { return max_streams_ > 1; }
  bool adds_stream(const Body& body) const;
  void add_stream(Body& body, Actions& out);
  bool names_a_stream(const Body& body);
  template <class F>
  void for_each_meant(const Body& body, F f);
  void forward(Body& body, Actions& out);
  void restart(Body& body, Actions& out);
  bool close_one(Body& body, Actions& out);

  // session_end.cc: the end, and after it
  struct End {
    std::string_view why;
    Condition condition = Condition::None;
    EndedBy by = EndedBy::Nxb;
  };
  struct Remains {
    std::vector<CloseStream> closing;
    std::uint64_t undelivered = 0;
  };
  void end_by_fault(OpenRequest fault, Condition condition, std::string_view why, Actions& out);
  void end_by_gap(Actions& out);
  void end_by_client(Actions& out);
  void end_by_server(upstream::Closed& closed, Actions& out);
  void last_word_told_to(Rid rid);
  void end_by_operator(std::string_view why, Condition condition, Actions& out);
  void end_silently(std::string_view why, Actions& out);
  void say_to_all(Condition condition, Actions& out);
  void say_at_end(const OpenRequest& request, std::unique_ptr<Answer> answer, Actions& out);
  void finish(const End& end, Remains remains, Actions& out);
  void remember(Condition condition);
  Remains surrender(upstream::Parting parting);
  std::vector<xmpp::Stanza> surrender(Stream& stream);
  std::unique_ptr<Answer> terminate_with(Condition condition, std::optional<Rid> rid,
                                         std::string_view payloads = {}) const;
  void answer_after_end(RequestArrived& arrived, Actions& out);
  bool has_its_key(const Body& body);

  std::string sid_;
  State state_ = State::Opening;
  bool legacy_;                           // created without `ver` (B-106)
  bool acks_;                             // the client acknowledges answers (B-64)
  bool to_on_payloads_ = false;           // it puts `to` on requests that carry payloads (B-91)
  Condition last_end_ = Condition::None;  // why the last of several streams ended
  std::optional<upstream::Stage> last_stage_;
  std::uint32_t hold_;  // granted; 0 in a polling session, also if that was for wait=0
  std::uint32_t max_streams_;
  Span wait_;        // granted
  Span inactivity_;  // with grace
  Span grace_;
  Span abort_grace_;  // as inactivity_, but at most as long
  Span gap_timeout_;
  Span max_pause_;
  std::uint64_t max_pending_;
  Instant now_;  // of the last event

  RequestWindow window_;
  Streams streams_;
  std::optional<Instant> idle_since_;  // no live request is open since then (B-70)
  bool aborted_ = false;               // the client itself ended the last live one (O-32)
  std::optional<Instant> gap_since_;   // last + 1 is missing since then (B-55)
  std::optional<Pause> pause_;
  Rid reported_;                          // the highest answer that was, or is to be, reported (B-67)
  std::optional<Instant> report_since_;   // when that answer was composed; nothing: it was reported
  std::unique_ptr<KeySequence> keys_;     // from the first newkey on
  std::unique_ptr<PollingRule> polling_;  // in a polling session
  std::unique_ptr<Creation> creation_;    // exactly in Opening
  std::unique_ptr<Ending> ending_;        // exactly in Ended
};

}  // namespace nxb::bosh
