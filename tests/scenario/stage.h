// tests/scenario/stage.h - where a scenario plays: nxb in virtual time, or real processes on loopback.
// Clients and servers live above this seam and know no difference. Whatever happens is told through Listener, from
// within wait() only.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "script.h"

namespace nxb::scenario {

using RequestNumber = std::uint64_t;  // 0: none
using LinkNumber = std::uint64_t;     // a connection from nxb to a server; 0: none
using SocketNumber = std::uint64_t;   // a client's WebSocket; 0: none

struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string head;  // live: status line and headers
  std::string body;
};

class Listener {
 public:
  virtual void on_answer(RequestNumber request, HttpAnswer answer) = 0;
  virtual void on_unanswered(RequestNumber request) = 0;  // nxb closed its connection
  virtual void on_socket_open(SocketNumber socket) = 0;   // its handshake was answered
  virtual void on_socket_bytes(SocketNumber socket, std::string_view bytes) = 0;
  virtual void on_socket_closed(SocketNumber socket) = 0;
  virtual void on_link(LinkNumber link, const std::string& domain) = 0;
  virtual void on_link_bytes(LinkNumber link, std::string_view bytes) = 0;
  virtual void on_link_closed(LinkNumber link) = 0;

 protected:
  ~Listener() = default;
};

struct Sending {
  std::string client, connection;  // connection "": any that is free, or a new one
  std::string body;                // a <body/> for the stage to wrap, or
  std::string http;                // bytes as they go on the wire (live)
  std::size_t chunk = 0;           // bytes of a segment; 0: all in one
  bool answered = true;            // an answer is to be expected
};

class Stage {
 public:
  virtual ~Stage() = default;
  virtual Instant now() const = 0;
  virtual Duration patience(Duration wanted) const = 0;  // how long an `expect` waits here
  virtual Duration slack() const { return {}; }          // how far an instant may be off

  virtual RequestNumber send(const Sending& sending) = 0;
  virtual void cut(RequestNumber request) = 0;
  virtual SocketNumber connect_socket(const std::string& path, const std::string& protocol) = 0;
  virtual void send_to_socket(SocketNumber socket, std::string_view bytes, std::size_t chunk) = 0;
  virtual void cut_socket(SocketNumber socket) = 0;
  virtual void send_to_nxb(LinkNumber link, std::string_view bytes, std::size_t chunk) = 0;
  enum class Close : std::uint8_t { Gracefully, Abruptly };
  virtual void close(LinkNumber link, Close how) = 0;

  // Something happens, or `until` comes.
  virtual void wait(Instant until) = 0;
  // nxb has taken all that was sent: as many requests as are `open` are held, and nothing is on its way.
  virtual bool settled(std::size_t open) = 0;

  // The sum over all workers, or one worker's; nothing when it is not to be had.
  virtual std::optional<std::uint64_t> counter(std::string_view name, int worker = -1) = 0;
  virtual std::string log() { return {}; }
  virtual Status kill(int /*worker*/, int /*signal*/) { return Error{Code::Unsupported, "not on this stage"}; }
  virtual bool worker_ready(int /*worker*/) { return true; }
  virtual Status stop() { return Error{Code::Unsupported, "not on this stage"}; }  // as an operator does it
  virtual int workers() const { return 1; }
  virtual Status finish() = 0;  // everything ends as it should: nothing is left, no broken expectation
};

}  // namespace nxb::scenario
