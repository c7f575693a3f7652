// worker/gateway/gateway.h - the sessions of this worker, and the only place where their machines meet the world.
// Runs in: worker. Owns every session. No protocol decisions: those are the session's.
// What differs between the kinds is in bosh_sessions and ws_sessions; what all have in common in census (beginning and
// end), links (their streams) and pump (events in, actions out).
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/config/config.h"
#include "common/stats/stats.h"
#include "worker/gateway/bosh_sessions.h"
#include "worker/gateway/census.h"
#include "worker/gateway/context.h"
#include "worker/gateway/cut_watch.h"
#include "worker/gateway/farewell.h"
#include "worker/gateway/links.h"
#include "worker/gateway/ports.h"
#include "worker/gateway/ws_sessions.h"

namespace nxb::gateway {

class Gateway final : public upstream::Events {
 public:
  Gateway(const config::Config& config, Ports& ports, stats::Counters& counters, std::function<Instant()> now);

  // --- BOSH
  // A parsed request that this worker owns. A body without sid creates the session `sid_for_creation`.
  void on_request(RequestId id, bosh::Body&& body, const Client& client, std::string_view sid_for_creation);
  void on_request_gone(RequestId id);  // its connection closed before the answer was handed over
  void on_deadline(SessionKey session);

  // --- WebSocket
  void on_socket(SocketId id, const Client& client);   // its handshake was answered
  void on_socket_event(SocketId id, ws::Event event);  // late ones are ignored
  void on_socket_deadline(SocketId id);

  // --- all
  void on_stream_event(StreamId stream, upstream::Event event) override;
  void drain(bool on);              // whether new sessions are refused; when taken again, no more are told to go
  void say_goodbye(Duration over);  // every session ends with system-shutdown (B-108), one by one over that time
  void say_due_goodbyes();
  std::optional<Instant> next_goodbye() const { return farewell_.next(); }
  void reconfigure();  // the configuration is another one now; sessions keep what they began with
  // --- the operator
  void publish(bool on) { journal_.listen(on); }  // whether anybody listens to events (O-19)
  Journal::Batch take_events() { return journal_.take(); }
  // As JSON: what is known of a session in short (O-18), or all of it (O-16); those that match, in order.
  std::string explain(std::string_view sid, Depth depth = Depth::Brief);
  std::string list(std::string_view query);                            // as ipc::to_text writes it
  std::string kick(std::string_view sid, std::string_view condition);  // O-17: ends it; what came of it
  std::string watch(std::string_view sid);  // O-20: its elements are told from now on, while somebody listens
  std::string unwatch(std::string_view name);
  std::size_t live_sessions() const { return census_.live(); }

 private:
  Journal journal_;
  Recent recent_;
  Context context_;
  Census census_{context_};
  Links links_{context_, census_};
  CutWatch cuts_{context_};
  BoshSessions bosh_{context_, census_, links_, cuts_};
  WsSessions websockets_{context_, census_, links_, cuts_};
  Farewell farewell_;
};

}  // namespace nxb::gateway
