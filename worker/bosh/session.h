// worker/bosh/session.h - one BOSH session as a state machine (XEP-0124 7-14, XEP-0206).
// Runs in: worker. I/O: none; time is an argument, the sid comes in. Owned by: gateway::Gateway.
// It answers each request once, in rid order, and keeps the last `requests` answers for repeats. What the server sent
// reaches the client exactly once and in order, or the client is told that the session ended (ARCHITECTURE, The delivery promise).
// On a peer's mistake it ends itself with a condition; it never ends the process.
//
//   Opening --features, or features_hold ran out--> Open --any end--> Ended --wait+5 s--> Forgotten
//      \___________________any end___________________________________/
//
// Ended remembers: resends of answered requests get their answer again (B-82), anything else the condition (C-49).
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
#include "worker/bosh/outbox.h"
#include "worker/bosh/request_window.h"
#include "worker/upstream/upstream.h"

namespace nxb::bosh {

struct SessionLimits {
  Duration max_wait{55'000};
  std::uint32_t max_hold = 2;
  Duration default_inactivity{70'000};
  Duration max_inactivity{160'000};
  Duration inactivity_grace{10'000};
  Duration features_hold{10'000};
  Duration gap_timeout{30'000};
  std::uint64_t max_pending = 1 << 20;  // bytes waiting for the client; above it the server is not read
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
  upstream::Event event;
};
struct ShutDown {};  // the worker stops: system-shutdown to every open request (B-108)
struct TimePassed {};
using Event = std::variant<RequestArrived, RequestGone, ServerSpoke, ShutDown, TimePassed>;

// --- what to do about it ---
struct Respond {
  RequestId to;
  int status = 200;
  std::string body;
  bool replay = false;
};
struct Forward {
  std::string elements;
  std::uint32_t count = 0;
};
struct OpenStream {
  upstream::StreamSpec spec;
};
struct RestartStream {};
struct CloseStream {
  upstream::Parting parting;
  std::vector<xmpp::Stanza> undelivered;
};
struct ReadServer {
  bool on;
};  // back-pressure (U-36)
struct Ended {
  std::string_view why;
  Condition condition;
  std::uint64_t undelivered = 0;
};  // exactly once
using Action = std::variant<Respond, Forward, OpenStream, RestartStream, CloseStream, ReadServer, Ended>;
using Actions = std::vector<Action>;

enum class State : std::uint8_t { Opening, Open, Ended, Forgotten };

// Moves are one way. Between events:
//   Opening    the creation request is held, its answer waits for the features (B-35)
//   Open       nothing is pending while a live request is held; held <= hold; a dead request is held only as the last
//   Ended      no request is open, nothing is pending; kept answers and the condition remain
//   Forgotten  nothing remains
class Session final {
 public:
  // `creation` is the body without sid; its problem is None. The first action is OpenStream.
  Session(const SessionLimits& limits, std::string sid, RequestId id, Body creation, std::string_view client_address,
          Instant now, Actions& out);
  void on(Event event, Instant now, Actions& out);  // runs to completion; never calls out
  std::optional<Instant> next_deadline() const;     // later than the last `now`, or nothing
  bool is_consistent() const;                       // the invariants, state by state
  State state() const { return state_; }
  const std::string& sid() const { return sid_; }

 private:
  // What the creation answer says, kept until the client knows all of it.
  struct Creation {
    CreationAnswer answer;
    Duration wait;  // of the creation request: at most features_hold
    bool answered = false;
    bool opened = false;            // the server's header came: authid and version are known
    bool without_features = false;  // the server is older than features (U-22)
  };
  // How it ended, for requests that come later.
  struct Ending {
    Condition condition = Condition::None;  // None: remembered as item-not-found (C-49)
    Instant forget_at;
    // The server's end with what was pending (B-83): for the first live request above `answered`. A lower one that
    // comes after it hears nothing new, so that a client that reads in rid order gets that far.
    std::unique_ptr<Answer> last_word;  // no request took it yet
    Rid answered;
    Rid told;  // the request that took it
  };

  bool running() const { return state_ == State::Opening || state_ == State::Open; }
  void move_to(State to);  // the only assignment to state_

  // session.cc: a running session
  void take(RequestArrived& arrived, Actions& out);
  void take(RequestGone& gone, Actions& out);
  void take(ServerSpoke& spoke, Actions& out);
  void take(ShutDown& event, Actions& out);
  void take(TimePassed& event, Actions& out);
  void on_server(upstream::Opened& opened, Actions& out);
  void on_server(upstream::Arrived& arrived, Actions& out);
  void on_server(upstream::Closed& closed, Actions& out);

  void admit(OpenRequest request, Body& body, Actions& out);
  void process(OpenRequest request, Body& body, Actions& out);
  void take_over(OpenRequest& open, RequestId id, Actions& out);
  void replay(KeptAnswer& kept, RequestId id, Actions& out);

  void expire(Actions& out);
  void settle(Actions& out);
  bool lowest_is_due() const;
  void answer_lowest(Actions& out);
  std::unique_ptr<Answer> compose();
  void throttle(Actions& out);
  Instant due(const OpenRequest& held) const;

  // session_end.cc: the end, and after it
  struct End {
    std::string_view why;
    Condition condition = Condition::None;
    upstream::Parting parting = upstream::Parting::ClientLost;
  };
  void end_by_fault(RequestId fault, Condition condition, std::string_view why, Actions& out);
  void end_by_gap(Actions& out);
  void end_by_client(Actions& out);
  void end_by_server(upstream::Closed& closed, Actions& out);
  void end_by_shutdown(Actions& out);
  void end_silently(std::string_view why, Actions& out);
  void say_to_all(Condition condition, Actions& out);
  void say_at_end(const OpenRequest& request, std::unique_ptr<Answer> answer, Actions& out);
  void finish(const End& end, std::vector<xmpp::Stanza> undelivered, Actions& out);
  void remember(Condition condition);
  std::vector<xmpp::Stanza> surrender();
  std::unique_ptr<Answer> terminate_with(Condition condition) const;
  void answer_after_end(RequestArrived& arrived, Actions& out);

  std::string sid_;
  State state_ = State::Opening;
  bool legacy_;          // created without `ver` (B-106)
  bool reading_ = true;  // the server is read
  std::uint32_t hold_;   // granted; 0 in a polling session, also if that was for wait=0
  Duration wait_;        // granted
  Duration inactivity_;  // with grace
  Duration gap_timeout_;
  std::uint64_t max_pending_;
  Instant now_;  // of the last event

  RequestWindow window_;
  Outbox outbox_;
  std::optional<Instant> idle_since_;   // no live request is open since then (B-70)
  std::optional<Instant> gap_since_;    // last + 1 is missing since then (B-55)
  std::unique_ptr<Creation> creation_;  // nothing: the client knows
  std::unique_ptr<Ending> ending_;      // exactly in Ended
};

}  // namespace nxb::bosh
