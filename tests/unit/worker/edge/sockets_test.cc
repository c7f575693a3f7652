// tests/unit/worker/edge/sockets_test.cc - from the handshake to the end of a WebSocket connection.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/edge/socket_client.h"
#include "worker/ws/deflate.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

TEST_CASE("W-03 W-04 W-08 C-56 a handshake is answered on the WebSocket paths and on those of BOSH; else 404") {
  EdgeRig rig;
  rig.config.websocket.path = {"/ws", "/socket"};
  rig.open();
  for (const char* path : {"/ws", "/socket/", "/http-bind"}) {
    INFO(path);
    Client client(rig);
    client.send(handshake(path));
    REQUIRE(client.gets("\r\n\r\n"));
    CHECK(client.received.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(client.has("Sec-WebSocket-Accept: lbuvSEaI2xntHTL5Sy20OS+99gM=\r\n"));
    CHECK(client.has("Sec-WebSocket-Protocol: xmpp\r\n"));
  }
  CHECK(rig.sockets.opened.size() == 3);
  CHECK(rig.sockets.opened[0].client.address == "192.0.2.7");
  for (const char* path : {"/", "/xmpp-websocket", "/healthz", "/ws/x"}) {
    INFO(path);
    Client client(rig);
    client.send(handshake(path));
    CHECK(client.gets("404 Not Found\n"));
    CHECK(client.is_closed_by_nxb());  // frames behind it must not be read as a request
  }
  CHECK(rig.sockets.opened.size() == 3);
}

TEST_CASE(
    "W-01 W-02 W-05 W-09 what is no handshake of ours is refused, with the reason, and nothing behind it is read") {
  struct Row {
    std::string request;
    const char* status;
  };
  EdgeRig rig;
  rig.open();
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  for (const Row& row : {Row{handshake("/xmpp-websocket", "", "dG9vIHNob3J0"), "400"},
                         Row{handshake("/xmpp-websocket", "Content-Length: 3\r\n") + "abc", "400"},
                         Row{handshake("/xmpp-websocket", chunked) + "0\r\n\r\n", "400"},
                         Row{handshake("/xmpp-websocket", "", kKey, "chat"), "400"},
                         Row{handshake("/xmpp-websocket", "", kKey, "xmpp", "8"), "426"}}) {
    INFO(row.request);
    Client client(rig);
    client.send(row.request + masked(ws::Opcode::Text, "GET / HTTP/1.1\r\n\r\n"));
    REQUIRE(client.is_closed_by_nxb());
    CHECK(client.received.starts_with(std::string("HTTP/1.1 ") + row.status));
    CHECK(client.answers() == 1);
  }
  CHECK(rig.sockets.opened.empty());
}

TEST_CASE("W-07 a page of an origin that is not allowed gets 403; a client without one is welcome") {
  EdgeRig rig;
  rig.config.http.allowed_origins = {"https://chat.example"};
  rig.open();
  Client good(rig), bad(rig), native(rig);
  good.send(handshake("/xmpp-websocket", "Origin: https://chat.example\r\n"));
  bad.send(handshake("/xmpp-websocket", "Origin: https://evil.example\r\n"));
  native.send(handshake());
  CHECK(good.gets("101 Switching Protocols"));
  CHECK(bad.gets("HTTP/1.1 403 Forbidden"));
  CHECK(native.gets("101 Switching Protocols"));
  CHECK(rig.sockets.opened.size() == 2);
}

TEST_CASE("H-41 the WebSocket path tells people that it is alive") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(get("/xmpp-websocket") + get("/xmpp-websocket/", "Upgrade: h2c\r\nConnection: Upgrade\r\n"));
  REQUIRE(rig.run_until([&] { return client.read(), client.answers() == 2; }));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(client.has("nxb is alive. This is XMPP over WebSocket"));
  for (const char* path : {"/xmpp-websocket", "/http-bind"}) {  // O-20: as a proxy sends it that drops Upgrade
    Client behind(rig);
    behind.send(get(path, "Sec-WebSocket-Key: bnhiLXNwZWMtZXhhbXBsZQ==\r\n"));
    CHECK(behind.gets("HTTP/1.1 200 OK\r\n"));
    CHECK(behind.gets("without Upgrade and Connection: a proxy in front"));
  }
  client.send("POST /xmpp-websocket HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  CHECK(client.gets("HTTP/1.1 405 Method Not Allowed"));
  CHECK(client.gets("Allow: GET, HEAD\r\n"));
}

TEST_CASE("W-09 bytes behind the handshake are its first frames, cut anywhere") {
  const std::string bytes = handshake() + masked(ws::Opcode::Ping, "early");
  for (std::size_t cut : {std::size_t{1}, bytes.size() - 11, bytes.size() - 8, bytes.size()}) {
    EdgeRig rig;
    rig.open();
    Client client(rig);
    client.send(bytes.substr(0, cut));
    rig.run_turns(2);
    client.send(bytes.substr(cut));
    REQUIRE(rig.run_until([&] { return rig.sockets.count<ws::PingArrived>() == 1; }));
    CHECK(rig.sockets.last<ws::PingArrived>()->payload == "early");
  }
}

TEST_CASE("W-06 messages are compressed, both ways, where it is configured and offered; short ones are not worth it") {
  EdgeRig rig;
  rig.config.websocket.compression = true;
  rig.open();
  const std::string offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
  Client client(rig), plain(rig);
  client.send(handshake("/xmpp-websocket", offer));
  REQUIRE(
      client.gets("Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n"));
  plain.send(handshake());
  REQUIRE(plain.gets("\r\n\r\n"));
  CHECK_FALSE(plain.has("Extensions"));
  const std::string text = "<iq xmlns='jabber:client'>" + std::string(500, ' ') + "</iq>";
  std::string frame = masked(ws::Opcode::Text, ws::deflated(text));
  frame[0] = static_cast<char>(0xc1);  // with RSV1
  client.send(frame);
  REQUIRE(rig.run_until([&] { return rig.sockets.count<ws::MessageArrived>() == 1; }));
  CHECK(rig.sockets.last<ws::MessageArrived>()->message.element.size() == text.size());
  for (const auto& opened : rig.sockets.opened) {
    rig.edge->sockets().send(opened.id, ws::Opcode::Text, "<a/>");
    rig.edge->sockets().send(opened.id, ws::Opcode::Text, text);
    rig.edge->sockets().send(opened.id, ws::Opcode::Pong, std::string(125, 'p'));
  }
  const std::string small = ws::deflated(text);
  const std::string pong = ws::frame_header(ws::Opcode::Pong, 125);
  CHECK(client.gets("\x81\x04<a/>" + ws::frame_header(ws::Opcode::Text, small.size(), ws::Form::Deflated) + small +
                    pong));
  CHECK(plain.gets("\x81\x04<a/>" + ws::frame_header(ws::Opcode::Text, text.size()) + text + pong));
}

TEST_CASE("W-09 H-11 a WebSocket begins when what was asked before it is answered") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(post(body("rid='5' sid='" + rig.sid_of(0) + "'")) + handshake() + masked(ws::Opcode::Ping, "x"));
  REQUIRE(rig.until_seen(1));
  rig.run_turns(3);
  client.send(masked(ws::Opcode::Ping, "y"));
  rig.run_turns(3);
  rig.answer(0, "<first/>");
  CHECK(rig.sockets.opened.empty());  // and not from within the answer: its giver is the gateway, too
  REQUIRE(client.gets("\r\nSec-WebSocket-Accept: "));
  CHECK(client.received.find("<first/>") < client.received.find("101 Switching"));
  REQUIRE(rig.run_until([&] { return rig.sockets.count<ws::PingArrived>() == 2; }));
}

TEST_CASE("each kind of frame is what its session hears") {
  Socket socket;
  const std::string open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0'/>";
  socket.client->send(masked(ws::Opcode::Text, open) + masked(ws::Opcode::Ping, "p") + masked(ws::Opcode::Pong, "") +
                      masked(ws::Opcode::Close, ws::close_payload(ws::CloseCode::Normal)));
  auto& heard = socket.rig.sockets;
  REQUIRE(socket.rig.run_until([&] { return heard.count<ws::CloseArrived>() == 1; }));
  CHECK(heard.count<ws::MessageArrived>() == 1);
  CHECK(heard.last<ws::PingArrived>()->payload == "p");
  CHECK(heard.count<ws::PongArrived>() == 1);
  CHECK(heard.last<ws::CloseArrived>()->code == 1000);
  CHECK(socket.rig.count(Counter::bytes_from_clients) > open.size());
  Socket broken;
  broken.client->send(std::string("\x81\x01x", 3));  // not masked
  REQUIRE(broken.rig.run_until([&] { return broken.rig.sockets.count<ws::RuleBroken>() == 1; }));
  CHECK(broken.rig.sockets.last<ws::RuleBroken>()->code == ws::CloseCode::ProtocolError);
}

TEST_CASE("W-19 a message above max_message breaks a rule at its header") {
  Socket socket([](config::Config& config) { config.websocket.max_message = 10'000; });
  socket.client->send(std::string("\x81\xfe\x27\x11mask", 8));  // 10,001 bytes, none of which follows
  REQUIRE(socket.rig.run_until([&] { return socket.rig.sockets.count<ws::RuleBroken>() == 1; }));
  CHECK(socket.rig.sockets.last<ws::RuleBroken>()->code == ws::CloseCode::TooBig);
}

TEST_CASE("W-19 W-20 a message of max_message bytes is an element like any other, one byte more breaks a rule") {
  const std::string element = "<message>" + std::string(10'000 - 19, 'x') + "</message>";
  REQUIRE(element.size() == 10'000);
  for (const std::string& text : {element, element + " "}) {
    Socket socket([](config::Config& config) { config.websocket.max_message = 10'000; });
    auto& heard = socket.rig.sockets;
    socket.client->send(long_masked(text));
    REQUIRE(socket.rig.run_until([&] { return heard.heard.size() == 1; }));
    CHECK(heard.count<ws::RuleBroken>() == (text.size() > 10'000 ? 1 : 0));
    if (const auto* arrived = heard.last<ws::MessageArrived>()) CHECK((arrived->message.element == element));
  }
}

TEST_CASE("W-12 W-20 what the session sends is one unmasked frame, whatever its size") {
  Socket socket;
  const std::string large(70'000, 'x');
  socket.table().send(socket.id, ws::Opcode::Text, "<a/>");
  socket.table().send(socket.id, ws::Opcode::Text, large);
  REQUIRE(socket.client->gets(large));
  CHECK(socket.client->received ==
        std::string("\x81\x04<a/>", 6) + std::string("\x81\x7f\0\0\0\0\0\x01\x11\x70", 10) + large);
}

TEST_CASE("W-21 letting go: what was sent arrives, then FIN; what comes meanwhile is dropped") {
  Socket socket;
  socket.table().send(socket.id, ws::Opcode::Close, ws::close_payload(ws::CloseCode::Normal));
  socket.table().finish(socket.id);
  socket.table().send(socket.id, ws::Opcode::Text, "too late");
  REQUIRE(socket.client->is_closed_by_nxb());
  CHECK(socket.client->received == std::string("\x88\x02\x03\xe8", 4));
  socket.client->send(masked(ws::Opcode::Text, "<late/>"));
  socket.rig.run_turns(3);
  CHECK(socket.rig.sockets.heard.empty());
  CHECK(socket.rig.edge->connections() == 1);
  socket.client->close();
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }));
  CHECK(socket.rig.sockets.heard.empty());  // not ConnectionGone: it knows
}

TEST_CASE("letting go of a client that never closes takes two seconds, and little of what it says") {
  Socket silent;
  silent.table().finish(silent.id);
  REQUIRE(silent.client->is_closed_by_nxb());
  CHECK(silent.rig.run_until([&] { return silent.rig.edge->idle(); }, 4s));
  Socket noisy;
  noisy.table().finish(noisy.id);
  noisy.client->send(std::string(edge::WsConnection::kLingerBytes + 1, 'x'));
  CHECK(noisy.rig.run_until([&] { return noisy.rig.edge->idle(); }, 1s));
}

TEST_CASE("W-45 a connection that ends is told once, and nothing after it") {
  Socket socket;
  socket.client->send(masked(ws::Opcode::Ping, "last"));
  socket.client->close();
  REQUIRE(socket.rig.run_until([&] { return socket.rig.edge->idle(); }));
  REQUIRE(socket.rig.sockets.heard.size() == 2);
  CHECK(std::holds_alternative<ws::ConnectionGone>(socket.rig.sockets.heard[1].second));
  socket.table().send(socket.id, ws::Opcode::Text, "x");
  socket.table().finish(socket.id);
}

TEST_CASE("a session that lets go at one frame does not hear the next of the same bytes") {
  Socket socket;
  socket.rig.sockets.then = [&](SocketId id, const ws::Event&) { socket.table().finish(id); };
  socket.client->send(masked(ws::Opcode::Ping, "1") + masked(ws::Opcode::Ping, "2"));
  REQUIRE(socket.client->is_closed_by_nxb());
  CHECK(socket.rig.sockets.heard.size() == 1);
}

TEST_CASE("a session may let go as soon as it hears of the connection, which has sent frames already") {
  EdgeRig rig;
  rig.open();
  rig.sockets.at_once = [&](SocketId id) { rig.edge->sockets().finish(id); };
  Client client(rig);
  client.send(handshake() + masked(ws::Opcode::Ping, "x"));
  REQUIRE(client.is_closed_by_nxb());
  CHECK(client.has("101 Switching Protocols"));
  CHECK(rig.sockets.heard.empty());
}
