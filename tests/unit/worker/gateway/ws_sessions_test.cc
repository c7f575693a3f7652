// tests/unit/worker/gateway/ws_sessions_test.cc - WebSocket sessions come and go; what they share with BOSH ones.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "common/base/check.h"
#include "ws_rig.h"

using namespace nxb;
using namespace std::chrono_literals;
using gateway::WsWorld;
using stats::Counter;

TEST_CASE(
    "W-29 W-34 W-35 a first open opens a stream, events raised from within open() are answered; stanzas go both ways") {
  WsWorld world;
  SocketId id = world.login();
  gateway::Socket& socket = world.sockets[id];
  CHECK(socket.heard("<open "));
  CHECK(socket.heard("id=\"authid-1\""));
  CHECK(socket.texts.find("<open ") < socket.texts.find("<stream:features"));
  CHECK(world.server().spec.domain == "example.org");
  world.say(id, "<message xmlns='jabber:client'><body>hi</body></message>");
  CHECK(world.server().sent == "<message xmlns='jabber:client'><body>hi</body></message>");
  world.bring_message(StreamId{1}, "<message xmlns='jabber:client'><body>ho</body></message>");
  CHECK(socket.heard("<body>ho</body>"));
  CHECK(world.count(Counter::sessions) == 1);
  CHECK(world.count(Counter::websockets) == 1);
  CHECK(world.gateway.live_sessions() == 1);
}

TEST_CASE("D-46 a stream over WebSocket is asked for as one over BOSH is, and refused alike") {
  WsWorld world;
  world.login("192.0.2.1");
  world.create_bosh("sid");
  const upstream::StreamSpec& over_socket = world.server(1).spec;
  const upstream::StreamSpec& over_bosh = world.server(2).spec;
  CHECK(over_socket.domain == over_bosh.domain);
  CHECK(over_socket.client_address == over_bosh.client_address);
  CHECK(over_socket.client_address == "192.0.2.1");
  CHECK(over_socket.route.empty());
  world.open_at_once = false;
  SocketId id = world.login();
  world.bring(world.server().id, upstream::Closed{bosh::Condition::HostUnknown, {}, "denied"});
  CHECK(world.sockets[id].heard("<host-unknown"));
  CHECK(world.count(Counter::errors) == 1);
  CHECK(world.dropped == std::vector{StreamId{3}});
}

TEST_CASE("B-17 who names no domain gets the default one, in either framing") {
  WsWorld world;
  world.config.upstream.default_domain = "default.example";
  SUBCASE("open") { world.say_open(world.connect(), ""); }
  SUBCASE("header") {
    world.say(world.connect(),
              "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
  }
  CHECK(world.server().spec.domain == "default.example");
  world.say_open(world.connect(), " to='example.org'");
  CHECK(world.server().spec.domain == "example.org");
}

TEST_CASE("B-17 D-64 without a default domain a stream for no domain is improper-addressing") {
  WsWorld world;
  SocketId id = world.connect();
  world.say_open(id, "");
  CHECK(world.sockets[id].heard("<improper-addressing"));
  CHECK(world.servers.empty());
}

TEST_CASE("C-67 C-68 C-69 C-74 C-75 what was an event of node-xmpp-bosh is counted over WebSocket, too") {
  WsWorld world;
  SocketId id = world.login();
  world.bring(StreamId{1}, upstream::Arrived{{{xmpp::Kind::Other, "<success xmlns='urn:s'/>"}}});
  CHECK(world.count(Counter::stanzas_to_clients) == 2);  // the features, too
  world.say_open(id);
  CHECK(world.count(Counter::restarts) == 1);
  CHECK(world.server().restarts == 1);
  world.say(id, "<message/>");
  CHECK(world.count(Counter::stanzas_from_clients) == 1);
  world.say_close(id);
  CHECK(world.server().parting == upstream::Parting::ClientClosed);
  world.bring(StreamId{1}, upstream::Closed{});
  CHECK(world.count(Counter::streams_closed_client) == 1);
  CHECK(world.count(Counter::streams_closed_server) == 0);
  world.login();
  world.bring(StreamId{2}, upstream::Closed{bosh::Condition::RemoteConnectionFailed, {}, "lost"});
  CHECK(world.count(Counter::streams_closed_server) == 1);
  CHECK(world.count(Counter::streams_closed_client) == 1);
}

TEST_CASE("C-72 errors that end a WebSocket session are counted, goodbyes and shutdowns are not") {
  WsWorld world;
  SocketId id = world.login();
  world.say_close(id);
  world.cut(world.login());
  world.login();
  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  CHECK(world.count(Counter::errors) == 0);
  WsWorld other;
  other.say(other.login(), "<a></b>");
  CHECK(other.count(Counter::errors) == 1);
}

TEST_CASE("D-65 the count of sessions goes down as often as it went up, however one ends") {
  config::Config config;
  config.server.max_sessions_per_address = 1;
  config.server.session_rate = 0;
  WsWorld world(config);
  SUBCASE("handshake only, then lost") { world.cut(world.connect()); }
  SUBCASE("handshake only, then a Close") { world.close_frame(world.connect()); }
  SUBCASE("handshake only, then silence") {
    world.connect();
    world.advance(1min);
  }
  SUBCASE("the end of a login") {
    SocketId id = world.login();
    world.say_close(id);
    world.close_frame(id);
  }
  SUBCASE("a client that does not answer a goodbye") {
    world.say_close(world.login());
    world.advance(1min);
  }
  SUBCASE("lost") { world.cut(world.login()); }
  SUBCASE("lost without a word") {
    world.login();
    world.advance(10min);
  }
  SUBCASE("lost while the server is awaited") {
    world.open_at_once = false;
    world.cut(world.login());
  }
  SUBCASE("a rule broken") {
    world.gateway.on_socket_event(world.login(), ws::RuleBroken{ws::CloseCode::ProtocolError, "mask"});
  }
  SUBCASE("the server closes") {
    world.login();
    world.bring(StreamId{1}, upstream::Closed{});
    world.advance(1min);
  }
  SUBCASE("the server is lost") {
    world.login();
    world.bring(StreamId{1}, upstream::Closed{bosh::Condition::RemoteConnectionFailed, {}, "lost"});
    world.advance(1min);
  }
  SUBCASE("two ends at once") {
    SocketId id = world.login();
    world.bring(StreamId{1}, upstream::Closed{bosh::Condition::RemoteConnectionFailed, {}, "lost"});
    world.say_close(id);
    world.cut(id);
  }
  CHECK(world.count(Counter::sessions_opened) == 1);
  CHECK(world.count(Counter::sessions_ended) == 1);
  CHECK(world.count(Counter::sessions) == 0);
  CHECK(world.count(Counter::websockets) == 0);
  CHECK(world.gateway.live_sessions() == 0);
  CHECK_FALSE(world.sockets.begin()->second.deadline);
  if (!world.servers.empty()) world.bring(StreamId{1}, upstream::Closed{});  // late, or again
  world.open_at_once = true;
  CHECK(world.sockets[world.login()].heard("<open "));  // its address may have another
  CHECK(world.count(Counter::websockets) == 1);
}

TEST_CASE("D-65 a connection that is refused is counted nowhere, and closed all the same") {
  WsWorld world;
  world.config.server.max_sessions = 1;
  world.login();
  SocketId id = world.connect();
  SUBCASE("it answers") { world.close_frame(id); }
  SUBCASE("it is gone") { world.cut(id); }
  SUBCASE("it says nothing") { world.advance(20s); }
  SUBCASE("it goes on") {
    world.say_open(id);
    world.close_frame(id);
  }
  CHECK(world.sockets[id].told(ws::CloseCode::TryAgainLater));
  CHECK_FALSE(world.sockets[id].deadline);
  CHECK(world.servers.size() == 1);
  CHECK(world.count(Counter::sessions_opened) == 1);
  CHECK(world.count(Counter::sessions_ended) == 0);
  CHECK(world.count(Counter::sessions) == 1);
  CHECK(world.count(Counter::websockets) == 1);
  CHECK(world.gateway.live_sessions() == 1);
}

TEST_CASE("late events of a connection that is gone find nobody") {
  WsWorld world;
  SocketId id = world.login();
  SUBCASE("gone by itself") { world.cut(id); }
  SUBCASE("hung up") {
    world.say_close(id);
    world.close_frame(id);
    CHECK(world.sockets[id].closed);
  }
  std::string before = world.sockets[id].texts;
  world.say(id, "<message/>");
  world.gateway.on_socket_event(id, ws::PingArrived{"x"});
  world.cut(id);
  world.gateway.on_socket_deadline(id);
  world.bring_message(StreamId{1}, "<message/>");
  world.gateway.on_socket_event(SocketId{99}, ws::PongArrived{});
  CHECK(world.sockets[id].texts == before);
  CHECK(world.server().sent.empty());
  CHECK(world.sockets[id].pongs == 0);
  CHECK(world.count(Counter::sessions_ended) == 1);
}

TEST_CASE("O-09 shutting down says system-shutdown and 1001 to every WebSocket, and 1013 to new ones") {
  WsWorld world;
  SocketId open = world.login();
  SocketId silent = world.connect();
  RequestId bosh = world.create_bosh("sid");
  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  CHECK(world.sockets[open].heard("<system-shutdown"));
  CHECK(world.sockets[open].told(ws::CloseCode::GoingAway));
  CHECK(world.sockets[silent].told(ws::CloseCode::GoingAway));
  CHECK(world.replies[bosh].body.find("stream:features") != std::string::npos);
  CHECK(world.server(1).parting == upstream::Parting::ClientLost);
  CHECK(world.server(2).parting == upstream::Parting::ClientLost);
  CHECK(world.gateway.live_sessions() == 0);
  CHECK(world.sockets[world.connect()].told(ws::CloseCode::TryAgainLater));
  CHECK(world.count(Counter::sessions_opened) == 3);
  CHECK(world.count(Counter::sessions_refused_limit) == 0);
}

TEST_CASE("U-72 a session that cannot come to rest is closed with 1011, its stream let go, and the others go on") {
  WsWorld world;
  expectations_are_fatal(false);
  SocketId other = world.login();
  SocketId id = world.login();
  world.on_send = [&](gateway::FakeUpstream&) { world.say(id, "<iq type='get'/>"); };
  world.say(id, "<iq type='get'/>");
  expectations_are_fatal(true);
  CHECK(world.sockets[id].told(ws::CloseCode::InternalError));
  CHECK(world.sockets[id].closed);
  CHECK_FALSE(world.sockets[id].deadline);
  CHECK(world.server().parting == upstream::Parting::ClientLost);
  CHECK(world.count(Counter::sessions) == 1);
  CHECK(world.count(Counter::websockets) == 1);
  CHECK(world.count(Counter::sessions_ended) == 1);
  CHECK(world.count(Counter::errors) == 1);
  world.cut(id);
  world.on_send = nullptr;
  world.say(other, "<message/>");
  CHECK(world.server(1).sent.find("<message") == 0);
}

TEST_CASE("what 60 events of one turn say is sent in order, without recursion") {
  WsWorld world;
  SocketId id = world.login();
  int left = 30;
  world.on_send = [&](gateway::FakeUpstream& server) {
    world.bring_message(server.id, "<m n='" + std::to_string(left) + "'/>");
    if (--left > 0) world.say(id, "<iq type='get'/>");
  };
  world.say(id, "<iq type='get'/>");
  CHECK(left == 0);
  CHECK(world.sockets[id].texts.find("n='30'") < world.sockets[id].texts.find("n='29'"));
  CHECK(world.sockets[id].heard("n='1'"));
}
