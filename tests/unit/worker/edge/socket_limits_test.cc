// tests/unit/worker/edge/socket_limits_test.cc - WebSocket clients that do not read, capacity, and the way to another worker.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/edge/socket_client.h"
#include "worker/edge/ws_connection.h"

using namespace nxb;
using namespace nxb::testing;
using edge::WsConnection;
using stats::Counter;

namespace {

bool told_all(const ScriptedSockets& heard) {
  const auto* told = heard.last<ws::Unsent>();
  return told && told->bytes == 0;
}

}  // namespace

TEST_CASE("W-26 what the client does not take can be asked for at once; that it has taken all is told later") {
  Socket socket({}, Family::Unix, 4096);
  auto& heard = socket.rig.sockets;
  const std::string large(ws::kSlowAbove / 2, 'x');
  CHECK(socket.table().unsent(socket.id) == 0);
  socket.table().send(socket.id, ws::Opcode::Text, large);
  const std::size_t first = socket.table().unsent(socket.id);
  CHECK(first > 0);
  socket.table().send(socket.id, ws::Opcode::Text, large);
  socket.table().send(socket.id, ws::Opcode::Text, large);
  CHECK(socket.table().unsent(socket.id) > ws::kSlowAbove);
  socket.rig.run_turns(3);
  CHECK(heard.count<ws::Unsent>() == 0);
  REQUIRE(socket.rig.run_until([&] { return socket.client->read(), told_all(heard); }));
  CHECK(socket.table().unsent(socket.id) == 0);
  const auto told = heard.count<ws::Unsent>();
  socket.rig.run_turns(3);
  CHECK(heard.count<ws::Unsent>() == told);
}

TEST_CASE("W-26 nothing is told of a client that was never slow, and nothing unsent is known of one let go") {
  Socket socket({}, Family::Unix, 4096);
  socket.table().send(socket.id, ws::Opcode::Text, std::string(ws::kSlowAbove / 2, 'x'));
  REQUIRE(socket.rig.run_until([&] { return socket.client->read(), socket.table().unsent(socket.id) == 0; }));
  socket.rig.run_turns(3);
  CHECK_FALSE(told_all(socket.rig.sockets));
  socket.table().send(socket.id, ws::Opcode::Text, std::string(ws::kSlowAbove / 2, 'x'));
  socket.table().finish(socket.id);
  CHECK(socket.table().unsent(socket.id) == 0);
}

TEST_CASE("W-26 a smaller max_buffer is told as early as it counts") {
  Socket socket([](config::Config& config) { config.websocket.max_buffer = 100'000; }, Family::Unix, 4096);
  socket.table().send(socket.id, ws::Opcode::Text, std::string(200'000, 'x'));
  REQUIRE(socket.rig.run_until([&] { return socket.client->read(), told_all(socket.rig.sockets); }));
}

TEST_CASE("W-25 while bytes are unsent it is told that some were taken, about once a second, and only then") {
  Socket socket({}, Family::Unix, 4096);
  auto& heard = socket.rig.sockets;
  socket.table().send(socket.id, ws::Opcode::Text, std::string(600'000, 'x'));
  socket.rig.run_until([] { return false; }, 1'500ms);
  CHECK(heard.count<ws::Unsent>() == 0);
  const auto before = socket.table().unsent(socket.id);
  char some[4096];
  for (int round = 0; round < 10; ++round) {
    socket.client->read_some(some, sizeof(some));
    socket.rig.run_turns(1);
  }
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::Unsent>() == 1; }));
  CHECK(heard.last<ws::Unsent>()->some_taken);
  CHECK(heard.last<ws::Unsent>()->bytes == socket.table().unsent(socket.id));
  CHECK(heard.last<ws::Unsent>()->bytes < before);
  CHECK(heard.last<ws::Unsent>()->bytes > 0);
  socket.rig.run_until([] { return false; }, 1'500ms);
  CHECK(heard.count<ws::Unsent>() == 1);
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

TEST_CASE("D-57 a client that sends much at once is heard a little each turn, in order, to its end") {
  Socket socket;
  auto& heard = socket.rig.sockets;
  std::string flood;
  for (int i = 0; i < 3000; ++i) flood += masked(ws::Opcode::Ping, std::to_string(i));
  flood += masked(ws::Opcode::Text, std::string(120, 'x'));
  socket.client->send(flood);
  std::size_t most = 0;
  std::size_t before = 0;
  REQUIRE(socket.rig.run_until([&] {
    most = std::max(most, heard.heard.size() - std::exchange(before, heard.heard.size()));
    return heard.count<ws::MessageArrived>() == 1;
  }));
  CHECK(most == WsConnection::kItemsPerTurn);
  for (std::size_t i = 0; i < 3000; ++i) {
    REQUIRE(std::get<ws::PingArrived>(heard.heard[i].second).payload == std::to_string(i));
  }
  socket.client->send(masked(ws::Opcode::Ping, "on"));
  REQUIRE(socket.rig.run_until([&] { return heard.last<ws::PingArrived>()->payload == "on"; }));
}

TEST_CASE("D-57 W-45 a client that says much and goes: all is heard, then that it is gone") {
  Socket socket;
  std::string flood;
  for (int i = 0; i < 500; ++i) flood += masked(ws::Opcode::Pong, "");
  socket.client->send(flood);
  socket.client->close();
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }));
  CHECK(socket.rig.sockets.count<ws::PongArrived>() == 500);
  CHECK(socket.rig.sockets.count<ws::ConnectionGone>() == 1);
}

TEST_CASE("D-57 W-21 a session that lets go while its client still has much to say hears none of that") {
  Socket socket;
  auto& heard = socket.rig.sockets;
  std::string flood;
  for (int i = 0; i < 500; ++i) flood += masked(ws::Opcode::Pong, "");
  socket.client->send(flood);
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::PongArrived>() > 0; }));
  socket.table().finish(socket.id);
  const std::size_t before = heard.heard.size();
  CHECK(before == WsConnection::kItemsPerTurn);
  socket.client->close();
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }, 1s));
  CHECK(heard.heard.size() == before);
}

TEST_CASE("H-46 above message_rate a client is not read until it has a token again; nothing is lost, nothing ends") {
  Socket socket([](config::Config& config) {
    config.websocket.message_rate = 20;
    config.websocket.message_burst = 3;
  });
  auto& heard = socket.rig.sockets;
  std::string many;
  for (char c : {'1', '2', '3', '4', '5'}) many += masked(ws::Opcode::Ping, {c});
  socket.client->send(many);
  REQUIRE(socket.rig.run_until([&] { return heard.heard.size() == 3; }));
  const Instant began = socket.rig.loop.now();
  socket.rig.run_turns(3);
  CHECK(heard.heard.size() == 3);
  socket.client->send(masked(ws::Opcode::Pong, ""));
  socket.client->close();
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::ConnectionGone>() == 1; }));
  CHECK(socket.rig.loop.now() - began >= 140ms);  // three more at 50 ms each
  CHECK(heard.last<ws::PingArrived>()->payload == "5");
  CHECK(heard.count<ws::PongArrived>() == 1);
  CHECK(socket.rig.count(Counter::websocket_waits) > 0);
}

TEST_CASE(
    "H-27 C-36 a message that is not whole in message_timeout breaks a rule, whatever comes between its fragments") {
  Socket socket([](config::Config& config) { config.websocket.message_timeout = 200ms; });
  auto& heard = socket.rig.sockets;
  std::string begun = masked(ws::Opcode::Text, "<a>");
  begun[0] = 1;  // more fragments will follow
  const Instant began = socket.rig.loop.now();
  socket.client->send(begun);
  while (heard.count<ws::RuleBroken>() == 0 && socket.rig.loop.now() < began + 5s) {
    socket.client->send(masked(ws::Opcode::Pong, ""));
    socket.rig.run_until([] { return false; }, 20ms);
  }
  REQUIRE(heard.count<ws::RuleBroken>() == 1);
  CHECK(heard.last<ws::RuleBroken>()->code == ws::CloseCode::PolicyViolation);
  CHECK(socket.rig.loop.now() >= began + 200ms);
}

TEST_CASE("H-27 each message has its own time, though the next is always begun") {
  Socket socket([](config::Config& config) { config.websocket.message_timeout = 500ms; });
  const std::string message = masked(ws::Opcode::Text, "<a/>");
  socket.client->send(message.substr(0, 3));
  for (int i = 0; i < 8; ++i) {
    socket.rig.run_until([] { return false; }, 100ms);
    socket.client->send(message.substr(3) + message.substr(0, 3));
  }
  socket.rig.run_turns(3);
  CHECK(socket.rig.sockets.count<ws::MessageArrived>() == 8);
  CHECK(socket.rig.sockets.count<ws::RuleBroken>() == 0);
}

TEST_CASE("W-22 behind our Close messages of the client are dropped, its Close is heard") {
  Socket socket;
  auto& heard = socket.rig.sockets;
  socket.table().send(socket.id, ws::Opcode::Close, ws::close_payload(ws::CloseCode::Normal));
  socket.client->send(masked(ws::Opcode::Text, "<late/>") +
                      masked(ws::Opcode::Close, ws::close_payload(ws::CloseCode::Normal)));
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::CloseArrived>() == 1; }));
  CHECK(heard.count<ws::MessageArrived>() == 0);
}

TEST_CASE("W-22 D-62 a client that talks on behind our Close is lost") {
  Socket socket;
  socket.table().send(socket.id, ws::Opcode::Close, ws::close_payload(ws::CloseCode::Normal));
  std::string begun = masked(ws::Opcode::Text, std::string(120, 'x'));
  begun[0] = 1;  // more fragments will follow
  std::string more = masked(ws::Opcode::Continuation, std::string(120, 'x'));
  more[0] = 0;
  while (begun.size() <= WsConnection::kLingerBytes) begun += more;
  socket.client->send(begun);
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }, 1s));
  CHECK(socket.rig.sockets.count<ws::ConnectionGone>() == 1);
}

TEST_CASE(
    "U-36 a client that its session does not want to hear is not read; what was read waits, then all comes in order") {
  Socket socket;
  auto& heard = socket.rig.sockets;
  std::string many;
  for (int i = 0; i < 100; ++i) many += masked(ws::Opcode::Ping, std::to_string(i));
  socket.client->send(many);
  REQUIRE(socket.rig.run_until([&] { return heard.heard.size() == WsConnection::kItemsPerTurn; }));
  socket.table().set_reading(socket.id, false);
  for (int i = 100; i < 110; ++i) socket.client->send(masked(ws::Opcode::Ping, std::to_string(i)));
  socket.rig.run_turns(5);
  CHECK(heard.heard.size() == WsConnection::kItemsPerTurn);
  socket.table().set_reading(socket.id, true);
  REQUIRE(socket.rig.run_until([&] { return heard.heard.size() == 110; }));
  for (std::size_t i = 0; i < 110; ++i) {
    CHECK(std::get<ws::PingArrived>(heard.heard[i].second).payload == std::to_string(i));
  }
}

TEST_CASE("U-36 H-46 a client that waits for a token and for its server waits for both") {
  Socket socket([](config::Config& config) {
    config.websocket.message_rate = 50;
    config.websocket.message_burst = 1;
  });
  auto& heard = socket.rig.sockets;
  socket.client->send(masked(ws::Opcode::Ping, "1") + masked(ws::Opcode::Ping, "2") + masked(ws::Opcode::Ping, "3"));
  REQUIRE(socket.rig.run_until([&] { return heard.heard.size() == 1; }));
  socket.table().set_reading(socket.id, false);
  socket.rig.run_until([] { return false; }, 100ms);  // tokens enough for all
  CHECK(heard.heard.size() == 1);
  socket.table().set_reading(socket.id, true);
  REQUIRE(socket.rig.run_until([&] { return heard.heard.size() == 3; }));
}

TEST_CASE("U-36 H-27 time in which a client is not read is not its own to finish a message") {
  Socket socket([](config::Config& config) { config.websocket.message_timeout = 1s; });
  auto& heard = socket.rig.sockets;
  const std::string message = masked(ws::Opcode::Text, "<a/>");
  socket.client->send(message.substr(0, 3));
  socket.rig.run_turns(3);
  socket.table().set_reading(socket.id, false);
  socket.client->send(message.substr(3));
  socket.rig.run_until([] { return false; }, 1'200ms);
  CHECK(heard.count<ws::RuleBroken>() == 0);
  socket.table().set_reading(socket.id, true);
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::MessageArrived>() == 1; }));
  CHECK(heard.count<ws::RuleBroken>() == 0);
}

TEST_CASE("U-36 W-21 a client that is not read is read again once its session lets go") {
  Socket socket;
  socket.table().set_reading(socket.id, false);
  socket.table().finish(socket.id);
  socket.client->close();
  CHECK(socket.rig.run_until([&] { return socket.rig.edge->idle(); }, 1s));
}
