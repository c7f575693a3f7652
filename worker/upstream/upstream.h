// worker/upstream/upstream.h - the seam between a session and the XMPP server side (ARCHITECTURE, Inside a worker).
// Runs in: worker. Implementations: xmpp_connection (the default), echo (a tiny peer inside the worker), external (the
// operator's own program).
// Calls go down; what happens comes back up as events, named by StreamId. An event may be raised from within a call:
// the gateway queues it, so implementations need not defer. After Closed an upstream raises nothing more.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "worker/bosh/conditions.h"
#include "worker/xmpp/stanza.h"

namespace nxb::upstream {

// What the session asks to connect to.
struct StreamSpec {
  std::string domain;        // as the client wrote it; the upstream normalises and judges it (U-01, U-02)
  std::string lang;          // xml:lang for the stream header, may be empty (B-24)
  std::string xmpp_version;  // "" = 1.0 (B-27)
  std::string from;          // sent only under U-19
  std::string route;         // the client's wish, may be empty; judged by the upstream (B-26)
  // Who asks; filled in by the gateway.
  std::string client_address;     // as Address::ip_text
  std::uint16_t client_port = 0;  // 0: not known, as behind a proxy that does not tell
  std::string session;            // as the log names it
  std::string ua;                 // the client's name for itself, may be empty (C-44)
};

// --- events ---
struct Opened {              // the server's stream header; again after each restart (not after STARTTLS)
  std::string authid;        // stream id, may be empty
  std::string xmpp_version;  // the server's version, may be empty
  std::string from = {};     // as the server says it, may be empty (W-32)
  std::string lang = {};     // of what it sends, may be empty (W-36)
};
struct Arrived {  // complete elements, in order; features of a usable stream included
  std::vector<xmpp::Stanza> stanzas;
};
// How far a stream had come when it failed.
enum class Stage : std::uint8_t { Policy, Dns, Tcp, Tls, Stream };
constexpr std::string_view name_of(Stage stage) {
  constexpr std::string_view kNames[] = {"policy", "dns", "tcp", "tls", "stream"};
  return kNames[static_cast<std::size_t>(stage)];
}

struct Closed {
  bosh::Condition condition = bosh::Condition::None;  // None: </stream:stream> without an error (U-67)
  std::string stream_error;                   // the namespace-complete <stream:error/>, when that was the reason (U-68)
  std::string why;                            // for the operator
  std::optional<Stage> stage = std::nullopt;  // where it failed; nothing when it did not fail
  std::string target = {};                    // what was last connected to, or was to be; for the operator
};
// The server does not take what the client sends, or again takes it (U-36). Meanwhile the client is to be held back; what
// it has under way is still sent on.
struct Congested {
  bool on;
};
using Event = std::variant<Opened, Arrived, Congested, Closed>;

// U-70: what is not taken came to more than nxb holds. Not its server's fault alone, and never the server's word.
constexpr bool is_own_limit(const Closed& closed) {
  return closed.condition == bosh::Condition::PolicyViolation && closed.stage != Stage::Policy;
}
// What the operator reads as the reason of a session that ended with its stream.
constexpr std::string_view reason(const Closed& closed) {
  if (!closed.stream_error.empty() || closed.condition == bosh::Condition::RemoteStreamError) return "stream error";
  if (closed.condition == bosh::Condition::None) return "server closed";
  if (is_own_limit(closed)) return "too much unsent";
  if (!closed.stage) return "server lost";
  constexpr std::string_view kReasons[] = {"refused by policy", "server not found", "server not reached", "TLS failed",
                                           "server lost"};
  return kReasons[static_cast<std::size_t>(*closed.stage)];
}
constexpr bosh::EndedBy ended_by(const Closed& closed) {
  bool own = closed.stage == Stage::Policy || is_own_limit(closed);
  return own ? bosh::EndedBy::Nxb : bosh::EndedBy::Server;
}

class Events {
 public:
  virtual void on_stream_event(StreamId stream, Event event) = 0;

 protected:
  ~Events() = default;
};

inline constexpr std::size_t kMaxUnsent = std::size_t{1} << 20;  // above it a stream is congested (U-36)

// Why the session lets its stream go (U-58).
enum class Parting : std::uint8_t {
  ClientClosed,  // the client terminated: </stream:stream>
  ClientLost,    // inactivity, limit, shutdown: bounces and </stream:stream>, or neither if the stream is resumable
};

// What it is connected to, for the operator; empty: not known.
struct Peer {
  std::string address;
  std::string tls;         // version and cipher; "none"
  std::size_t unsent = 0;  // bytes that it has not taken
};

class Upstream {
 public:
  virtual ~Upstream() = default;
  virtual void open(const StreamSpec& spec) = 0;
  // Bytes are whole elements for a stream whose default namespace is jabber:client, in order. Queued until the stream
  // is ready for them (B-28, U-29). With more than kMaxUnsent bytes untaken the stream is Congested; when the server takes
  // nothing for [upstream] write_timeout, or the client goes on nevertheless, it ends: policy-violation (U-70).
  virtual void send(std::string_view elements) = 0;
  // New stream header on the same connection (B-99). `stream_attrs`: the client's JSON for it, may be empty (C-45).
  virtual void restart(std::string_view stream_attrs) = 0;
  // Its client acknowledged so many more answers, which may have held elements of this stream (C-71). Few need to know.
  virtual void acknowledged(std::uint32_t /*answers*/) {}
  virtual std::string target() const { return {}; }  // what it is connected to, for the operator; "": not known
  virtual Peer peer() const { return {}; }
  virtual void set_reading(bool on) = 0;  // off: the client does not collect; stop reading the server (U-36)
  // Lets go gracefully; undelivered stanzas may be bounced (B-103). The upstream outlives this call and raises Closed
  // when it is completely done (within 5 s, U-30); its owner then destroys it.
  virtual void close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) = 0;
};

}  // namespace nxb::upstream
