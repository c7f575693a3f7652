// worker/ws/session.h - one WebSocket session as a state machine (RFC 7395, RFC 6455 5.5 and 7; legacy framing).
// Runs in: worker. I/O: none; time is an argument. Owned by: gateway::WsSessions.
// One stream for each WebSocket (W-39). On a peer's mistake it ends itself; it never ends the process.
// What the client and its server say, and time: session.cc. How it ends: session_end.cc.
//
//   Waiting --<open/> or legacy header--> Opening --our <open/> sent--> Open
//      \____________\______________________/__________________________/
//        any end: <close/> and Close are exchanged, each wait bounded--> Closing --> Gone
// While its server does not take what the client sends, the client is not read (ReadClient, U-36): it is pinged, but its
// pongs are not heard, so its silence is none.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "worker/bosh/conditions.h"
#include "worker/upstream/upstream.h"
#include "worker/ws/frames.h"
#include "worker/ws/message.h"
#include "worker/ws/writer.h"

namespace nxb::ws {

// Unsent bytes above which a client is slow: its server is not read, and it is told when nothing is left (W-26).
inline constexpr std::uint64_t kSlowAbove = std::uint64_t{1} << 20;
constexpr std::uint64_t slow_above(std::uint64_t max_unsent) { return std::min(kSlowAbove, max_unsent / 2); }

struct SessionLimits {
  Duration open_wait{15'000};             // for the first <open/> (W-10)
  Duration quick_open{1'500};             // our <open/> does not wait longer for the server's header (W-33)
  Duration close_wait{5'000};             // for each answer to a goodbye (W-23, W-42, W-43)
  Duration ping_interval{30'000};         // 0: off; no sign of life for two of them: one last ping (W-25)
  Duration last_wait{5'000};              // after that ping the client is lost; never longer than an interval
  std::uint32_t pings_per_second = 20;    // of the client; more: 1008 (W-24)
  std::uint64_t slow_above = kSlowAbove;  // unsent bytes: the server is not read (W-26)
  std::uint64_t max_unsent = std::uint64_t{4} << 20;  // unsent bytes: 1008 (W-26)
  bool legacy_framing = true;
  std::string see_other_uri;  // where new streams are sent; "": nowhere (W-46)
};

// --- what happened ---
struct MessageArrived {
  Message message;
};
struct PingArrived {
  std::string payload;
};
struct PongArrived {};
struct CloseArrived {
  std::uint16_t code = 1005;
};
struct RuleBroken {  // by a frame; nothing more of the client will be read
  CloseCode code;
  std::string_view why;
};
// Bytes not taken by the client: told behind what was said, above slow_above; when it took some of them, from time to
// time; and when there are none left.
struct Unsent {
  std::uint64_t bytes = 0;
  bool some_taken = false;  // since it was told last
};
struct ConnectionGone {  // TCP ended; not after HangUp
  std::string_view why = "connection lost";
  bool by_peer = true;  // FIN or a reset; false: we gave it up
};
struct ServerSpoke {
  upstream::Event event;
};
struct Refused {   // in place of the first event: there can be no session just now
  CloseCode code;  // TryAgainLater, PolicyViolation
  std::string_view why;
};
struct ShutDown {};  // the worker stops: stream error system-shutdown, <close/>, Close 1001 (O-09)
struct Kicked {      // by the operator (O-17)
  bosh::Condition condition;
};
struct TimePassed {};
using Event = std::variant<MessageArrived, PingArrived, PongArrived, CloseArrived, RuleBroken, Unsent, ConnectionGone,
                           ServerSpoke, Refused, ShutDown, Kicked, TimePassed>;

// --- what to do about it ---
struct Send {  // a frame
  Opcode opcode;
  std::string payload;
};
struct HangUp {};  // close the connection behind what was sent; the last action
struct Forward {
  std::string elements;
  std::uint32_t count = 0;  // stanzas among them
};
struct OpenStream {
  upstream::StreamSpec spec;
};
struct RestartStream {};
struct CloseStream {
  upstream::Parting parting;
};
struct ReadServer {
  bool on;
};
struct ReadClient {  // off: its server does not take what it sends (U-36)
  bool on;
};
struct Ended {  // exactly once, before HangUp
  std::string_view why;
  bosh::Condition condition = bosh::Condition::None;
  bosh::EndedBy by = bosh::EndedBy::Nxb;
  bool by_stream = false;  // the end of its stream was the reason
};
using Action =
    std::variant<Send, HangUp, Forward, OpenStream, RestartStream, CloseStream, ReadServer, ReadClient, Ended>;
using Actions = std::vector<Action>;

enum class State : std::uint8_t { Waiting, Opening, Open, Closing, Gone };

constexpr std::string_view name_of(State state) {
  constexpr std::string_view kNames[] = {"waiting", "opening", "open", "closing", "gone"};
  return kNames[static_cast<std::size_t>(state)];
}

// Moves are one way. Between events:
//   Waiting  nothing was said; there is no stream
//   Opening  the first header is awaited, ours not said
//   Open     ours was said; after a restart the next one may be awaited
//   Closing  it is Ended, the stream is let go; what the client still owes is waited for, not for long
//   Gone     HangUp was the last action, or the connection went by itself
class Session final {
 public:
  // `limits` outlive it. `name`: unguessable; the id in our <open/> should the server's not be there in time (W-33).
  Session(const SessionLimits& limits, std::string name, Instant now);
  void on(Event&& event, Instant now, Actions& out);  // runs to completion; never calls out
  std::optional<Instant> next_deadline() const;     // later than the last `now`, or nothing
  bool is_consistent() const;
  State state() const { return state_; }

 private:
  // The header that the server owes, and whether the client has ours in answer to its own.
  enum class Header : std::uint8_t {
    Settled,
    Awaited,  // neither; ours is due at deadline_ (W-33)
    Overdue,  // ours is said; the server's will be swallowed
  };
  // What a client that was told goodbye still owes.
  enum class Owed : std::uint8_t {
    Nothing,     // not Closing
    Goodbye,     // its own <close/> (W-43)
    CloseFrame,  // a Close, ours is not sent yet (W-42)
    Answer,      // a Close in answer to ours (W-23)
  };
  // How it ends.
  struct End {
    std::string_view why;
    bosh::Condition condition = bosh::Condition::None;
    std::optional<upstream::Parting> parting = upstream::Parting::ClientLost;  // nothing: the server ended it
    bosh::EndedBy by = bosh::EndedBy::Nxb;
  };

  bool running() const { return state_ == State::Opening || state_ == State::Open; }
  bool over() const { return state_ == State::Closing || state_ == State::Gone; }
  void move_to(State to);  // the only assignment to state_

  // session.cc
  void take(MessageArrived& arrived, Actions& out);
  void take(PingArrived& ping, Actions& out);
  void take(PongArrived& pong, Actions& out);
  void take(CloseArrived& close, Actions& out);
  void take(RuleBroken& broken, Actions& out);
  void take(Unsent& unsent, Actions& out);
  void take(ConnectionGone& gone, Actions& out);
  void take(ServerSpoke& spoke, Actions& out);
  void take(Refused& refused, Actions& out);
  void take(ShutDown& event, Actions& out);
  void take(Kicked& kicked, Actions& out);
  void take(TimePassed& event, Actions& out);

  void first_message(Message& message, Actions& out);
  void next_message(Message& message, Actions& out);
  void begin(Message& header, Actions& out);
  void restart(Message& header, Actions& out);
  bool accept_header(const Message& header, Actions& out);
  void await_header(const Message& header);
  void say_header(const Greeting& greeting, Actions& out);
  void say_own_header(Actions& out);
  void say_missing_header(Actions& out);

  void on_server(upstream::Opened& opened, Actions& out);
  void on_server(upstream::Arrived& arrived, Actions& out);
  void on_server(upstream::Congested& congested, Actions& out);
  void on_server(upstream::Closed& closed, Actions& out);

  Instant silent_at() const { return alive_at_ + 2 * limits_.ping_interval; }
  void hear_again(Actions& out);
  void expire(Actions& out);
  void deadline_passed(Actions& out);
  bool pings_too_often();

  // session_end.cc
  void end_by_client(Actions& out);
  void end_by_server(upstream::Closed& closed, Actions& out);
  void end_with_error(std::string_view condition, const End& end, Actions& out, CloseCode code = CloseCode::Normal);
  void end_with_element(std::string element, const End& end, Actions& out, CloseCode code = CloseCode::Normal);
  void end_elsewhere(Actions& out);
  void end_with_close(CloseCode code, const End& end, Actions& out);
  void fail(CloseCode code, const End& end, Actions& out);
  void lose(const End& end, Actions& out);
  void part(const End& end, Actions& out);
  void wait_for(Owed owed);
  void hang_up(Actions& out);
  void be_gone();
  void say_goodbye(Actions& out);
  void send_close(CloseCode code, Actions& out);
  void goodbye_heard(const Message& message, Actions& out);
  void close_heard(std::uint16_t code, Actions& out);

  static void say(std::string text, Actions& out);

  const SessionLimits& limits_;
  std::string name_;
  std::string to_;    // of the client's first header (W-38)
  std::string lang_;  // of the server's header
  State state_ = State::Waiting;
  Header header_ = Header::Settled;
  Owed owed_ = Owed::Nothing;
  HeaderForm form_ = HeaderForm::Unclosed;  // of the last legacy header
  bool legacy_ = false;                     // draft framing (W-50)
  bool reading_ = true;                     // the server is read (W-26)
  std::optional<Instant> deaf_since_;       // the client is not read (U-36)
  std::uint64_t pings_forgiven_ = 0;        // of those that waited meanwhile
  std::uint32_t pings_ = 0;                 // of the client, in the second that began at pings_since_
  Instant pings_since_;
  Instant now_;                      // of the last event
  Instant alive_at_;                 // of the client's last sign of life
  std::optional<Instant> deadline_;  // first <open/>, our own, or what is owed
  std::optional<Instant> ping_at_;
  std::optional<Instant> lost_at_;  // the last ping is out
};

}  // namespace nxb::ws
