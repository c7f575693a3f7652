// tests/unit/worker/edge/socket_limits_test.cc - WebSocket clients that do not read, capacity, and the way to another worker.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/edge/socket_client.h"

using namespace nxb;
using namespace nxb::testing;
using edge::WsConnection;
using stats::Counter;

TEST_CASE("W-26 the session is told what its client does not take, later, and when it has taken all") {
  Socket socket({}, Family::Unix, 4096);
  auto& heard = socket.rig.sockets;
  const std::string large(WsConnection::kTellAbove / 2, 'x');
  socket.table().send(socket.id, ws::Opcode::Text, large);
  socket.rig.run_turns(3);
  CHECK(heard.count<ws::Unsent>() == 0);
  socket.table().send(socket.id, ws::Opcode::Text, large);
  socket.table().send(socket.id, ws::Opcode::Text, large);
  CHECK(heard.count<ws::Unsent>() == 0);  // never from within
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::Unsent>() == 1; }));
  const std::uint64_t first = heard.last<ws::Unsent>()->bytes;
  CHECK(first > WsConnection::kTellAbove);
  socket.table().send(socket.id, ws::Opcode::Text, large);
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::Unsent>() == 2; }));
  CHECK(heard.last<ws::Unsent>()->bytes > first);
  REQUIRE(socket.rig.run_until([&] { return socket.client->read(), heard.last<ws::Unsent>()->bytes == 0; }));
  socket.rig.run_turns(3);
  CHECK(heard.count<ws::Unsent>() == 3);
}

TEST_CASE("W-26 a smaller max_buffer is told as early as it counts") {
  Socket socket([](config::Config& config) { config.websocket.max_buffer = 100'000; }, Family::Unix, 4096);
  socket.table().send(socket.id, ws::Opcode::Text, std::string(200'000, 'x'));
  REQUIRE(socket.rig.run_until([&] { return socket.rig.sockets.count<ws::Unsent>() == 1; }));
}

TEST_CASE("H-28 a client that takes nothing for write_timeout is lost; one that takes a little at a time is not") {
  Socket socket([](config::Config& config) { config.http.write_timeout = 1s; }, Family::Unix, 4096);
  socket.table().send(socket.id, ws::Opcode::Text, std::string(600'000, 'x'));
  char some[4096];
  for (int round = 0; round < 15; ++round) {
    socket.rig.run_until([] { return false; }, 100ms);
    REQUIRE(socket.rig.edge->connections() == 1);
    socket.client->read_some(some, sizeof(some));
  }
  CHECK(socket.rig.sockets.count<ws::ConnectionGone>() == 0);
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }));
  CHECK(socket.rig.sockets.count<ws::ConnectionGone>() == 1);
}

TEST_CASE("H-28 what was let go of but is not taken is closed, too, and its session hears nothing") {
  Socket socket([](config::Config& config) { config.http.write_timeout = 30ms; }, Family::Unix, 4096);
  socket.table().send(socket.id, ws::Opcode::Text, std::string(600'000, 'x'));
  socket.table().finish(socket.id);
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }, 2s));
  CHECK(socket.rig.sockets.count<ws::ConnectionGone>() == 0);
}

TEST_CASE("H-45 a WebSocket is a connection of its peer and of the worker from accept to close") {
  EdgeRig rig;
  rig.config.server.max_connections_per_address = 2;
  rig.open();
  Client first(rig), second(rig), third(rig);
  for (Client* client : {&first, &second, &third}) client->send(handshake());
  CHECK(first.gets("101 Switching"));
  CHECK(second.gets("101 Switching"));
  CHECK(third.gets("503 Service Unavailable"));
  CHECK(rig.sockets.opened.size() == 2);
  third.close();
  REQUIRE(rig.run_until([&] { return rig.count(Counter::connections) == 2; }));
  first.close();
  REQUIRE(rig.run_until([&] { return rig.count(Counter::connections) == 1; }));
  Client fourth(rig);
  fourth.send(handshake());
  CHECK(fourth.gets("101 Switching"));
}

TEST_CASE("a new WebSocket leaves for a worker with fewer sessions, once, with every byte of it") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  stats::Counters mine(rig.segment->slot(0));
  mine.add(Counter::sessions, 10);
  const std::string bytes = handshake() + masked(ws::Opcode::Ping, "early");
  Client client(rig);
  client.send(bytes);
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  CHECK(rig.handed_over[0].bytes == bytes);
  CHECK(rig.handed_over[0].hops == 1);
  CHECK(rig.handed_over[0].minted_sid.empty());
  CHECK(client.received.empty());
  CHECK(rig.edge->idle());
  Client arrived(rig, Family::Unix, 0, 1, "", bytes);  // here it stays, whatever the load
  CHECK(arrived.gets("101 Switching"));
  CHECK(rig.sockets.count<ws::PingArrived>() == 1);
  mine.sub(Counter::sessions, 10);
  Client here(rig);
  here.send(bytes);
  CHECK(here.gets("101 Switching"));
}

TEST_CASE("a WebSocket that cannot be handed over is served here") {
  EdgeRig rig;
  rig.open();
  until_one_waits(rig, post(body("rid='5' sid='" + rig.sid_of(1) + "'")));
  stats::Counters mine(rig.segment->slot(0));
  mine.add(Counter::sessions, 10);
  relay::Handover handover;  // what was sent before the mailbox was full comes back like this
  auto pair = connected_pair(Family::Unix);
  Descriptor far(pair[0]);
  handover.fd = Descriptor(pair[1]);
  handover.peer = "192.0.2.7:4000";
  handover.hops = 1;
  handover.bytes = handshake();
  rig.edge->take_back(std::move(handover));
  CHECK(rig.sockets.opened.size() == 1);
  Client client(rig);
  client.send(handshake());  // and nothing more goes to a full mailbox
  CHECK(client.gets("101 Switching"));
  CHECK(rig.sockets.opened.size() == 2);
  CHECK(rig.mailroom->waiting() == 1);
}
