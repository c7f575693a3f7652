// tests/unit/worker/edge/connection_test.cc - when a client's connection stays, and when and how it ends.
// SPDX-License-Identifier: MIT
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "tests/unit/worker/edge/rig.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

TEST_CASE("a client that goes away after any byte leaves nothing behind (H-19)") {
  EdgeRig rig;
  rig.open();
  std::string request = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    Client client(rig);
    client.send(request.substr(0, cut));
    client.close();
    REQUIRE(rig.run_until([&] { return rig.edge->idle(); }));
  }
  REQUIRE(rig.requests.seen.size() == 1);
  REQUIRE(rig.requests.gone.size() == 1);
  CHECK(rig.requests.gone[0] == rig.requests.seen[0].id);
  CHECK(rig.count(Counter::connections) == 0);
  rig.answer(0, "<late/>");  // the id names nothing any more
}

TEST_CASE("H-19 FIN while a request is held closes the connection; without one, what is queued is still read") {
  EdgeRig rig;
  rig.open();
  Client holding(rig);
  holding.send(post(body("rid='5' sid='" + rig.sid_of(0) + "'")));
  REQUIRE(rig.until_seen(1));
  holding.half_close();
  REQUIRE(holding.is_closed_by_nxb());
  CHECK(holding.received.empty());
  CHECK(rig.requests.gone.size() == 1);

  Client reading(rig);
  reading.send(get("/healthz"));
  reading.half_close();
  REQUIRE(reading.is_closed_by_nxb());
  CHECK(reading.received.ends_with("ok\n"));
  CHECK(rig.edge->idle());
}

TEST_CASE("H-12 HTTP/1.0 and Connection: close end the connection behind the answer; keep-alive is echoed") {
  EdgeRig rig;
  rig.open();
  Client old(rig);
  old.send("GET /healthz HTTP/1.0\r\n\r\n" + get("/never"));
  REQUIRE(old.is_closed_by_nxb());
  CHECK(old.received.find("Connection: close\r\n") != std::string::npos);
  CHECK(old.answers() == 1);

  Client kept(rig);
  kept.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  REQUIRE(kept.gets("ok\n"));
  CHECK(kept.received.find("Connection: keep-alive\r\n") != std::string::npos);

  Client held(rig);
  held.send(post(body("rid='1' sid='" + rig.sid_of(0) + "'"), "Connection: close\r\n"));
  REQUIRE(rig.until_seen(1));
  rig.answer(0, "<body/>");
  REQUIRE(held.is_closed_by_nxb());
  CHECK(held.received.ends_with("<body/>"));
  CHECK(held.received.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("C-09 D-35 TCP asks after http_socket_keepalive, which is in seconds") {
  EdgeRig rig;
  Listening listening(Family::Tcp);
  rig.config.http.http_socket_keepalive = 75s;
  rig.open();
  REQUIRE(rig.edge->listen(listening.fd(), 0));
  for (int seconds : {75, 90}) {  // the second after a reload
    CAPTURE(seconds);
    rig.config.http.http_socket_keepalive = std::chrono::seconds(seconds);
    if (seconds != 75) rig.edge->reconfigure();
    Descriptor client(connected_to(listening.address()));
    Descriptor accepted(listening.accept());  // as the edge would
    auto option = [&](int level, int name) {
      int value = 0;
      socklen_t size = sizeof(value);
      REQUIRE(getsockopt(accepted.get(), level, name, &value, &size) == 0);
      return value;
    };
    CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == seconds);
    CHECK(option(IPPROTO_TCP, TCP_KEEPINTVL) == 1);
    CHECK(option(IPPROTO_TCP, TCP_KEEPCNT) == 10);
    CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
  }
}

TEST_CASE("H-10 an HTTP error is answered in its turn with CORS headers, then the connection closes") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(post(body("rid='1' sid='" + rig.sid_of(0) + "'")) + "GET / HTTP/1.1\r\n\r\n" + get("/healthz"));
  REQUIRE(rig.until_seen(1));
  rig.run_turns(2);
  client.read();
  CHECK(client.received.empty());
  rig.answer(0, "<held/>");
  REQUIRE(client.is_closed_by_nxb());
  std::size_t held = client.received.find("<held/>");
  std::size_t error = client.received.find("HTTP/1.1 400 Bad Request\r\n");
  REQUIRE(error != std::string::npos);
  CHECK(held < error);
  CHECK(client.received.find("Access-Control-Allow-Origin: *\r\n", error) != std::string::npos);
  CHECK(client.received.find("Connection: close\r\n", error) != std::string::npos);
  CHECK(client.answers() == 2);
  CHECK(rig.count(Counter::requests_refused) == 1);
  client.send("what follows is read and thrown away");
  client.close();
  CHECK(rig.run_until([&] { return rig.edge->idle(); }));
}

TEST_CASE("H-10 after an error at most 64 KiB more are read") {
  EdgeRig rig;
  rig.open();
  Client client(rig, Family::Tcp);
  client.send("nonsense\r\n\r\n");
  REQUIRE(client.is_closed_by_nxb());
  CHECK_FALSE(rig.edge->idle());
  client.send(std::string(64 * 1024 + 1, 'x'));
  CHECK(rig.run_until([&] { return rig.edge->idle(); }, 1s));
}

TEST_CASE("H-25 D-31 a body over max_data_held: 413, a terminate body, CORS, close") {
  EdgeRig rig;
  rig.config.bosh.max_data_held = 1000;
  rig.open();
  Client client(rig);
  client.send("POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  REQUIRE(client.is_closed_by_nxb());
  CHECK(client.received.starts_with("HTTP/1.1 413 "));
  CHECK(client.received.find("condition='bad-request'") != std::string::npos);
  CHECK(client.received.find("Access-Control-Allow-Origin: *\r\n") != std::string::npos);
}

TEST_CASE("H-13 100 Continue is sent once, when nothing is owed before it, and not when the body is there") {
  EdgeRig rig;
  rig.open();
  std::string text = body("rid='1' sid='" + rig.sid_of(0) + "'");
  std::string request = post(text, "Expect: 100-continue\r\n");
  std::string head = request.substr(0, request.size() - text.size());
  Client client(rig);
  client.send(head);
  REQUIRE(client.gets("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send(text.substr(0, 3));
  rig.run_turns(2);
  client.send(text.substr(3) + head);  // a held request in front of the second
  REQUIRE(rig.until_seen(1));
  rig.run_turns(2);
  client.read();
  CHECK(client.answers() == 1);
  rig.answer(0, "<first/>");
  REQUIRE(client.gets("<first/>HTTP/1.1 100 Continue\r\n\r\n"));
  client.received.clear();
  client.send(text + request);
  REQUIRE(rig.until_seen(3));
  rig.answer(1, "<second/>");
  rig.answer(2, "<third/>");
  REQUIRE(client.gets("<third/>"));
  CHECK(client.received.find("100 Continue") == std::string::npos);
}

TEST_CASE("B-111 hanging up closes the connection without an answer; what else waits on it is gone") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string text = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  rig.requests.at_once = [&](RequestId id) {
    if (id.number == 2) rig.edge->hang_up(id);
  };
  client.send(text + text + text);
  REQUIRE(client.is_closed_by_nxb());
  CHECK(client.received.empty());
  CHECK(rig.requests.seen.size() == 2);  // what stands behind is not looked at
  CHECK(std::ranges::count(rig.requests.gone, rig.requests.seen[0].id) == 1);
  CHECK(rig.run_until([&] { return rig.edge->idle(); }));
  rig.edge->hang_up(rig.requests.seen[0].id);  // long gone
}
