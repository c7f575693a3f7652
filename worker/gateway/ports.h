// worker/gateway/ports.h - what the gateway asks of the outside. One real implementation (worker/worker.cc), one
// simulated. Runs in: worker. Calls never raise gateway events from within, except upstream events, which the gateway
// queues, and hang_up.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "worker/upstream/upstream.h"
#include "worker/ws/frames.h"

namespace nxb::gateway {

struct Reply {
  int status = 200;
  std::string body;                                           // the complete <body/>
  std::string_view content_type = "text/xml; charset=utf-8";  // B-23; always a literal
  bool begins_session = false;                                // it answers a creation that was not refused (O-41)
  bool secure = false;                                        // which came by https
};

// Who asks: from which address, and whether it came to us, or to the proxy we trust, by https (H-47).
struct Client {
  std::string address;  // as Address::ip_text
  bool secure = false;
  std::uint16_t port = 0;  // of the address; 0: not known
};

class Ports {
 public:
  virtual void reply(RequestId to, Reply reply) = 0;  // unknown or closed connection: nothing happens
  // Closes the request's connection without an answer (B-111). Other requests on it are gone then: the gateway hears
  // so from within.
  virtual void hang_up(RequestId of) = 0;
  virtual upstream::Upstream& make_stream(StreamId stream) = 0;             // kept by the outside until drop_stream
  virtual upstream::Upstream* stream(StreamId stream) = 0;                  // null after drop_stream
  virtual void drop_stream(StreamId stream) = 0;                            // after Closed; destroyed after this turn
  virtual void wake_at(SessionKey session, std::optional<Instant> at) = 0;  // one deadline per session

  // --- WebSocket; unknown or closed connection: nothing happens
  virtual void send_frame(SocketId to, ws::Opcode opcode, std::string_view payload) = 0;
  virtual std::size_t unsent(SocketId of) const = 0;   // bytes of frames that its client has not taken
  virtual void close_socket(SocketId of) = 0;          // behind what was sent
  virtual void read_socket(SocketId of, bool on) = 0;  // off: hear nothing more of its client until on
  virtual void wake_socket_at(SocketId socket, std::optional<Instant> at) = 0;

 protected:
  ~Ports() = default;
};

}  // namespace nxb::gateway
