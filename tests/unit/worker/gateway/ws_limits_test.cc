// tests/unit/worker/gateway/ws_limits_test.cc - what one address may do over WebSocket, what the configuration says of a
// session, and who is sent elsewhere.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "ws_rig.h"

using namespace nxb;
using namespace std::chrono_literals;
using gateway::FakeUpstream;
using gateway::Socket;
using gateway::WsWorld;
using stats::Counter;

TEST_CASE("H-45 above max_sessions a WebSocket is closed with 1013, and counted; sessions of both kinds are sessions") {
  WsWorld world;
  world.config.server.max_sessions = 2;
  world.create_bosh("sid");
  world.login();
  CHECK(world.sockets[world.connect()].told(ws::CloseCode::TryAgainLater));
  RequestId refused = world.create_bosh("another");
  CHECK(world.replies[refused].body.find("internal-server-error") != std::string::npos);
  CHECK(world.count(Counter::sessions_refused_limit) == 2);
  CHECK(world.count(Counter::sessions) == 2);
  CHECK(world.count(Counter::websockets) == 1);
}

TEST_CASE("H-45 above max_sessions_per_address a WebSocket is closed with 1008; an end makes room") {
  WsWorld world;
  world.config.server.max_sessions_per_address = 2;
  SocketId first = world.login();
  world.create_bosh("sid");
  CHECK(world.sockets[world.connect()].told(ws::CloseCode::PolicyViolation));
  CHECK(world.count(Counter::sessions_refused_limit) == 1);
  CHECK(world.sockets[world.login("192.0.2.2")].heard("<open "));
  world.cut(first);
  CHECK(world.sockets[world.login()].heard("<open "));
}

TEST_CASE("H-46 WebSockets are taken at session_rate per address, whatever they open") {
  WsWorld world;
  world.config.server.session_rate = 20;
  world.config.server.session_burst = 3;
  world.connect();
  world.create_bosh("sid");
  world.login();
  CHECK(world.sockets[world.connect()].told(ws::CloseCode::PolicyViolation));
  CHECK(world.count(Counter::sessions_refused_rate) == 1);
  CHECK(world.count(Counter::sessions_opened) == 3);
  world.now += 50ms;
  SocketId next = world.login();  // its stream was judged with it
  CHECK(world.sockets[next].heard("<open "));
  CHECK(world.count(Counter::streams_refused_rate) == 0);
}

TEST_CASE(
    "W-46 with see_other_uri of [websocket] new streams are sent there, none is opened; that of [bosh] is for BOSH") {
  config::Config config;
  config.websocket.see_other_uri = "wss://other.example/ws";
  WsWorld world(config);
  SocketId id = world.login();
  CHECK(world.sockets[id].heard("wss://other.example/ws"));
  CHECK(world.servers.empty());
  CHECK(world.count(Counter::sessions_referred) == 1);
  CHECK(world.count(Counter::errors) == 0);
  CHECK(world.count(Counter::sessions) == 0);
  world.create_bosh("sid");
  CHECK(world.count(Counter::sessions) == 1);
  config::Config for_bosh;
  for_bosh.bosh.see_other_uri = "https://other.example/bind";
  WsWorld other(for_bosh);
  other.login();
  CHECK(other.servers.size() == 1);
}

TEST_CASE("W-25 C-18 pings come at ping_interval, 0 is none") {
  config::Config config;
  SUBCASE("every ten seconds") { config.websocket.ping_interval = 10s; }
  SUBCASE("off") { config.websocket.ping_interval = 0s; }
  WsWorld world(config);
  SocketId id = world.login();
  world.advance(15s);
  CHECK(world.sockets[id].pings == (config.websocket.ping_interval == 10s ? 1 : 0));
  world.advance(10min);
  CHECK(world.count(Counter::sessions) == (config.websocket.ping_interval == 10s ? 0 : 1));
}

TEST_CASE("W-26 a client that does not read stops its server; above max_buffer it is let go with 1008") {
  config::Config config;
  config.websocket.max_buffer = 100'000;
  WsWorld world(config);
  SocketId id = world.login();
  world.gateway.on_socket_event(id, ws::Unsent{50'001});
  CHECK_FALSE(world.server().reading);
  CHECK(world.count(Counter::server_read_pauses) == 1);
  world.gateway.on_socket_event(id, ws::Unsent{0});
  CHECK(world.server().reading);
  world.gateway.on_socket_event(id, ws::Unsent{100'001});
  CHECK(world.sockets[id].told(ws::CloseCode::PolicyViolation));
  CHECK(world.count(Counter::sessions) == 0);
  WsWorld usual;
  SocketId other = usual.login();
  usual.gateway.on_socket_event(other, ws::Unsent{1 << 20});
  CHECK(usual.server().reading);
  usual.gateway.on_socket_event(other, ws::Unsent{(1 << 20) + 1});
  CHECK_FALSE(usual.server().reading);
}

TEST_CASE("U-36 a client whose server does not take what it says is not read meanwhile; that is counted") {
  WsWorld world;
  SocketId id = world.login();
  StreamId stream = world.server().id;
  world.bring(stream, upstream::Congested{true});
  CHECK_FALSE(world.sockets[id].heard_of);
  world.bring(stream, upstream::Congested{false});
  CHECK(world.sockets[id].heard_of);
  CHECK(world.count(Counter::client_read_pauses) == 1);
}

TEST_CASE("W-26 a server that says much at once to a client that does not read is not read again, in the same event") {
  config::Config config;
  config.websocket.max_buffer = 100'000;
  WsWorld world(config);
  SocketId id = world.login();
  world.sockets[id].reads = false;
  StreamId stream = world.server().id;
  world.bring_message(stream, std::string(50'000, 'x'));
  CHECK(world.server().reading);
  world.bring_message(stream, "x");
  CHECK_FALSE(world.server().reading);
  CHECK(world.count(Counter::sessions) == 1);
  world.sockets[id].unsent = 0;
  world.gateway.on_socket_event(id, ws::Unsent{0});
  CHECK(world.server().reading);
}

TEST_CASE("W-26 one event of a server fills no more than max_buffer: what is behind it is not even held") {
  config::Config config;
  config.websocket.max_buffer = 100'000;
  WsWorld world(config);
  SocketId id = world.login();
  Socket& socket = world.sockets[id];
  socket.reads = false;
  upstream::Arrived flood;
  flood.stanzas.resize(1'000, {xmpp::Kind::Message, std::string(1'000, 'x')});
  world.bring(world.server().id, std::move(flood));
  CHECK(socket.unsent <= 101'002);  // and the Close
  CHECK(socket.told(ws::CloseCode::PolicyViolation));
  CHECK(socket.closed);
  CHECK(world.count(Counter::sessions) == 0);
}

TEST_CASE("W-26 a client is told first that it is too slow, whatever its server says behind the flood") {
  config::Config config;
  config.websocket.max_buffer = 100'000;
  WsWorld world(config);
  SocketId id = world.login();
  world.sockets[id].reads = false;
  world.on_send = [&](FakeUpstream& server) {  // from within
    world.bring_message(server.id, std::string(100'001, 'x'));
    world.bring(server.id, upstream::Closed{});
  };
  world.say(id, "<message/>");
  CHECK(world.sockets[id].told(ws::CloseCode::PolicyViolation));
  CHECK_FALSE(world.sockets[id].heard("<close "));
}

TEST_CASE("W-53 without legacy_framing a header of the draft opens no stream") {
  config::Config config;
  SUBCASE("on by default") {}
  SUBCASE("off") { config.websocket.legacy_framing = false; }
  WsWorld world(config);
  world.say(world.connect(),
            "<stream:stream to='example.org' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
  CHECK(world.servers.size() == (config.websocket.legacy_framing ? 1 : 0));
}
