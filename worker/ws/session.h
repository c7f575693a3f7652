// worker/ws/session.h - one WebSocket session as a state machine (RFC 7395, RFC 6455 5.5 and 7; legacy framing).
// Runs in: worker. I/O: none; time is an argument. Owned by: gateway::WsSessions.
// One stream for each WebSocket (W-39). On a peer's mistake it ends itself; it never ends the process.
//
//   Waiting --<open/> or legacy header--> Opening --our <open/> sent--> Open
//      \____________\______________________/__________________________/
//        any end: <close/> and Close are exchanged, each wait bounded--> Closing --> Gone
//
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
#include "worker/bosh/conditions.h"
#include "worker/upstream/upstream.h"
#include "worker/ws/frames.h"
#include "worker/ws/message.h"

namespace nxb::ws {

struct SessionLimits {
  Duration open_wait{15'000};           // for the first <open/> (W-10)
  Duration quick_open{1'500};           // our <open/> does not wait longer for the server's header (W-33)
  Duration close_wait{5'000};           // for each answer to a goodbye (W-23, W-42, W-43)
  Duration ping_interval{30'000};       // 0: off; without a sign of life for two of them the client is lost (W-25)
  std::uint32_t pings_per_second = 20;  // of the client; more: 1008 (W-24)
  std::uint64_t slow_above = std::uint64_t{1} << 20;  // unsent bytes: the server is not read (W-26)
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
struct Unsent {  // bytes not taken by the client: told above slow_above, and when there are none left
  std::uint64_t bytes = 0;
};
struct ConnectionGone {};  // TCP ended; not after HangUp
struct ServerSpoke {
  upstream::Event event;
};
struct Refused {   // in place of the first event: there can be no session just now
  CloseCode code;  // TryAgainLater, PolicyViolation
  std::string_view why;
};
struct ShutDown {};  // the worker stops: stream error system-shutdown, <close/>, Close 1001 (O-09)
struct TimePassed {};
using Event = std::variant<MessageArrived, PingArrived, PongArrived, CloseArrived, RuleBroken, Unsent, ConnectionGone,
                           ServerSpoke, Refused, ShutDown, TimePassed>;

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
struct Ended {  // exactly once, before HangUp
  std::string_view why;
  bosh::Condition condition = bosh::Condition::None;
};
using Action = std::variant<Send, HangUp, Forward, OpenStream, RestartStream, CloseStream, ReadServer, Ended>;
using Actions = std::vector<Action>;

enum class State : std::uint8_t { Waiting, Opening, Open, Closing, Gone };

class Session final {
 public:
  // `name`: unguessable; the id in our <open/> should the server's not be there in time (W-33).
  Session(const SessionLimits& limits, std::string name, Instant now);
  void on(Event event, Instant now, Actions& out);  // runs to completion; never calls out
  std::optional<Instant> next_deadline() const;     // later than the last `now`, or nothing
  bool is_consistent() const;
  State state() const;
};

}  // namespace nxb::ws
