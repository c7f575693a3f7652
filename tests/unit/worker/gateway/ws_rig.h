// tests/unit/worker/gateway/ws_rig.h - a gateway with WebSocket connections and servers that remember what they were told.
// Ids of sockets are chosen so that they have the values of BOSH sessions' keys: who mixes them up is seen.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/worker/gateway/fake_upstream.h"
#include "worker/gateway/gateway.h"
#include "worker/ws/message.h"

namespace nxb::gateway {

struct Socket {
  std::string texts;                 // one behind the other
  std::vector<std::string> closes;   // payloads of Close frames
  std::size_t pings = 0, pongs = 0;  // of the gateway
  bool closed = false;
  bool reads = true;     // or the texts stay unsent
  bool heard_of = true;  // the session wants to hear its client
  std::size_t unsent = 0;
  std::optional<Instant> deadline;

  bool heard(std::string_view text) const { return texts.find(text) != std::string::npos; }
  bool told(ws::CloseCode code) const { return closes == std::vector{ws::close_payload(code)}; }
};

struct WsWorld : Ports {
  explicit WsWorld(config::Config given = {})
      : config(std::move(given)), gateway(config, *this, counters, [this] { return now; }) {}

  void reply(RequestId to, Reply answer) override { replies[to] = std::move(answer); }
  void hang_up(RequestId) override {}
  upstream::Upstream& make_stream(StreamId stream) override {
    auto& made = servers[stream];
    made = std::make_unique<FakeUpstream>(gateway, stream, open_at_once);
    made->on_send = [this](FakeUpstream& server) {
      if (on_send) on_send(server);
    };
    return *made;
  }
  upstream::Upstream* stream(StreamId id) override { return servers.contains(id) ? servers[id].get() : nullptr; }
  void drop_stream(StreamId id) override { dropped.push_back(id); }
  void wake_at(SessionKey, std::optional<Instant>) override {}
  void send_frame(SocketId to, ws::Opcode opcode, std::string_view payload) override {
    Socket& socket = sockets[to];
    CHECK_FALSE(socket.closed);
    CHECK(socket.closes.empty());  // nothing comes behind a Close (W-22)
    if (opcode == ws::Opcode::Text) socket.texts += payload;
    if (!socket.reads) socket.unsent += payload.size();
    if (opcode == ws::Opcode::Ping) ++socket.pings;
    if (opcode == ws::Opcode::Pong) ++socket.pongs;
    if (opcode == ws::Opcode::Close) socket.closes.emplace_back(payload);
  }
  std::size_t unsent(SocketId of) const override { return sockets.contains(of) ? sockets.at(of).unsent : 0; }
  void close_socket(SocketId of) override { CHECK_FALSE(std::exchange(sockets[of].closed, true)); }
  void read_socket(SocketId of, bool on) override { sockets[of].heard_of = on; }
  void wake_socket_at(SocketId socket, std::optional<Instant> at) override { sockets[socket].deadline = at; }

  // --- clients
  SocketId connect(const std::string& address = "192.0.2.1") {
    SocketId id{(std::uint64_t{1} << 32) | ++connected};
    gateway.on_socket(id, {address});
    return id;
  }
  void say(SocketId id, std::string_view text) {
    gateway.on_socket_event(id, ws::MessageArrived{ws::parse_message(pool, text, 1'000'000)});
  }
  void say_open(SocketId id, const std::string& to = " to='example.org'") {
    say(id, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'" + to + " version='1.0'/>");
  }
  void say_close(SocketId id) { say(id, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"); }
  SocketId login(const std::string& address = "192.0.2.1") {
    SocketId id = connect(address);
    say_open(id);
    return id;
  }
  void close_frame(SocketId id) { gateway.on_socket_event(id, ws::CloseArrived{1000}); }
  void cut(SocketId id) { gateway.on_socket_event(id, ws::ConnectionGone{}); }
  RequestId create_bosh(const std::string& sid, const std::string& to = "example.org",
                        const std::string& address = "192.0.2.1") {
    bosh::Body body;
    body.rid = Rid{1};
    body.to = to;
    body.ver = bosh::Version{1, 6};
    RequestId id{ConnId{7}, ++requests};
    gateway.on_request(id, std::move(body), {address}, sid);
    return id;
  }

  // --- servers
  FakeUpstream& server(std::size_t number = 0) {  // 0: the last
    REQUIRE(servers.size() >= std::max(number, std::size_t{1}));
    return *std::next(servers.begin(), static_cast<long>((number == 0 ? servers.size() : number) - 1))->second;
  }
  void bring(StreamId stream, upstream::Event event) { gateway.on_stream_event(stream, std::move(event)); }
  void bring_message(StreamId stream, const std::string& bytes) {
    bring(stream, upstream::Arrived{{{xmpp::Kind::Message, bytes}}});
  }

  void advance(Duration by) {
    Instant end = now + by;
    for (int woken = 0;; ++woken) {
      REQUIRE(woken < 10'000);
      auto when = [](const auto& entry) { return entry.second.deadline.value_or(Instant::max()); };
      auto due = std::ranges::min_element(sockets, {}, when);
      if (due == sockets.end() || when(*due) > end) break;
      now = std::max(now, when(*due));
      SocketId id = due->first;
      due->second.deadline.reset();
      gateway.on_socket_deadline(id);
    }
    now = end;
  }
  std::uint64_t count(stats::Counter counter) const { return counters.get(counter); }

  config::Config config;
  stats::Counters counters;
  Instant now{Duration(3'600'000)};
  std::uint32_t connected = 0, requests = 0;
  xml::Pool pool;
  bool open_at_once = true;
  std::function<void(FakeUpstream&)> on_send;  // what a server does with what it is told
  std::map<SocketId, Socket> sockets;
  std::map<RequestId, Reply> replies;
  std::map<StreamId, std::unique_ptr<FakeUpstream>> servers;
  std::vector<StreamId> dropped;
  Gateway gateway;
};

}  // namespace nxb::gateway
