// tests/unit/worker/edge/limits_test.cc - time, slowness, capacity, and the end of a worker.
// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include "tests/unit/worker/edge/rig.h"
#include "worker/edge/http_connection.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

namespace {

constexpr Duration kSoon{20};

bool times_out(EdgeRig& rig, Client& client) {
  bool closed = client.is_closed_by_nxb();
  client.close();
  return closed && rig.run_until([&] { return rig.edge->idle(); });
}

}  // namespace

TEST_CASE("H-27 a head that does not come is 408, a silent connection is just closed") {
  EdgeRig rig;
  rig.config.http.head_timeout = kSoon;
  rig.config.http.idle_timeout = 2 * kSoon;
  rig.open();
  Client slow(rig);
  slow.send("GET / HTT");
  REQUIRE(times_out(rig, slow));
  CHECK(slow.received.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  CHECK(slow.received.find("Access-Control-Allow-Origin: *\r\n") != std::string::npos);
  Client silent(rig);
  REQUIRE(times_out(rig, silent));
  CHECK(silent.received.empty());
  Client drowsy(rig);
  drowsy.send(get("/healthz") + "\r\n");  // an empty line begins no request
  REQUIRE(times_out(rig, drowsy));
  CHECK(drowsy.answers() == 1);
}

TEST_CASE("C-36 D-31 H-27 a body has its own time, counted from the end of the head") {
  EdgeRig rig;
  rig.config.http.head_timeout = 60s;
  rig.config.http.body_timeout = kSoon;
  rig.open();
  Client slow(rig);
  slow.send("POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  REQUIRE(times_out(rig, slow));
  CHECK(slow.received.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_CASE("H-27 a held request is exempt") {
  EdgeRig rig;
  rig.config.http.head_timeout = rig.config.http.body_timeout = rig.config.http.idle_timeout = 5ms;
  rig.open();
  Client client(rig);
  client.send(post(body("rid='1' sid='" + rig.sid_of(0) + "'")));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.deadlines.size() == 0);
  rig.answer(0, "<body/>");
  REQUIRE(client.gets("<body/>"));
  CHECK(times_out(rig, client));  // now it is idle
}

TEST_CASE("H-27 the idle time begins anew with each answer") {
  EdgeRig rig;
  rig.config.http.idle_timeout = 400ms;
  rig.open();
  Client client(rig);
  client.send(get("/healthz"));
  REQUIRE(client.gets("ok\n"));
  rig.run_until([] { return false; }, 200ms);
  client.received.clear();
  client.send(get("/healthz"));
  REQUIRE(client.gets("ok\n"));
  Instant answered = rig.loop.now();
  REQUIRE(client.is_closed_by_nxb());
  CHECK(rig.loop.now() - answered >= 300ms);
}

TEST_CASE("H-28 a client that does not read its answer is closed, and its other requests are gone") {
  EdgeRig rig;
  rig.config.http.write_timeout = kSoon;
  rig.open();
  Client client(rig, Family::Unix, 4096);
  std::string request = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  client.send(request + request);
  REQUIRE(rig.until_seen(2));
  rig.answer(0, std::string(300000, 'x'));
  REQUIRE(rig.run_until([&] { return rig.edge->idle(); }));
  REQUIRE(rig.requests.gone.size() == 1);
  CHECK(rig.requests.gone[0] == rig.requests.seen[1].id);
}

TEST_CASE("H-44 back-pressure: above 1 MiB of unread answers the client is not read, until it has read them") {
  EdgeRig rig;
  rig.open();
  Client client(rig, Family::Unix, 4096);
  std::string request = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  client.send(request);
  REQUIRE(rig.until_seen(1));
  rig.answer(0, std::string(edge::kMaxQueued + 100000, 'x'));
  client.send(request);
  rig.run_turns(5);
  CHECK(rig.requests.seen.size() == 1);
  REQUIRE(rig.run_until([&] {
    client.read();
    return rig.requests.seen.size() == 2;
  }));
}

TEST_CASE("H-44 requests of one read that are answered at once cannot queue answers beyond the limit") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string request = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  std::string many;
  for (int i = 0; i < 100; ++i) many += request;
  rig.requests.at_once = [&](RequestId id) { rig.edge->reply(id, rig.reply(std::string(edge::kMaxQueued / 2, 'x'))); };
  client.send(many);
  REQUIRE(rig.until_seen(3));
  rig.run_turns(5);
  CHECK(rig.requests.seen.size() < 8);
}

TEST_CASE("H-45 accepting pauses at max_connections and goes on below") {
  EdgeRig rig;
  rig.config.server.max_connections = 2;
  rig.open();
  Listening listening(Family::Tcp);
  REQUIRE(rig.edge->listen(listening.fd(), 0));
  std::vector<Descriptor> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(connected_to(listening.address()));
  REQUIRE(rig.run_until([&] { return rig.edge->connections() == 2; }));
  rig.run_turns(3);
  CHECK(rig.edge->connections() == 2);
  CHECK(rig.count(Counter::connections_accepted) == 2);
  CHECK(rig.count(Counter::connection_limit_pauses) == 1);
  clients[0].reset();
  REQUIRE(rig.run_until([&] { return rig.count(Counter::connections_accepted) == 3; }));
  CHECK(rig.edge->connections() == 2);
  REQUIRE(send(clients[2].get(), get("/healthz").data(), get("/healthz").size(), 0) > 0);
  char byte = 0;
  REQUIRE(rig.run_until([&] { return recv(clients[2].get(), &byte, 1, MSG_DONTWAIT) == 1; }));
}

TEST_CASE(
    "H-45 out of descriptors: counted, the clients that are there go on, and the next is accepted when there are "
    "some") {
  EdgeRig rig;
  rig.open();
  Listening listening(Family::Tcp);
  REQUIRE(rig.edge->listen(listening.fd(), 0));
  Client before(rig);
  Descriptor client(connected_to(listening.address()));
  rlimit usual{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit none = usual;
  none.rlim_cur = 3;  // no new number is below it; those in use stay usable
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  bool paused = rig.run_until([&] { return rig.count(Counter::accept_pauses) == 1; });
  before.send(get("/healthz"));
  bool served = before.gets("ok\n");
  setrlimit(RLIMIT_NOFILE, &usual);
  CHECK(paused);
  CHECK(served);
  REQUIRE(rig.run_until([&] { return rig.count(Counter::connections_accepted) == 1; }));
  CHECK(rig.count(Counter::accept_pauses) == 1);
}

TEST_CASE("B-108 H-23 shutting down: idle connections close at once, the others behind their answers") {
  EdgeRig rig;
  rig.open();
  std::string request = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  Client idle(rig);
  Client holding(rig);
  Client sending(rig);
  holding.send(request);
  sending.send(request.substr(0, 30));
  REQUIRE(rig.until_seen(1));
  rig.run_turns(2);
  rig.edge->shut_down();
  REQUIRE(idle.is_closed_by_nxb());
  CHECK(rig.edge->connections() == 2);
  rig.answer(0, "<goodbye/>");
  REQUIRE(holding.is_closed_by_nxb());
  CHECK(holding.received.ends_with("<goodbye/>"));
  CHECK(holding.received.find("Connection: close\r\n") != std::string::npos);
  sending.send(request.substr(30));
  REQUIRE(rig.until_seen(2));
  rig.answer(1, "<goodbye/>");
  REQUIRE(sending.is_closed_by_nxb());
  CHECK(sending.received.ends_with("<goodbye/>"));
  holding.close();
  sending.close();
  CHECK(rig.run_until([&] { return rig.edge->idle(); }));
}

TEST_CASE("H-10 a client that never closes is closed two seconds after the last answer") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(get("/healthz", "Connection: close\r\n"));
  REQUIRE(client.is_closed_by_nxb());
  Instant closed = rig.loop.now();
  REQUIRE(rig.run_until([&] { return rig.edge->idle(); }));
  CHECK(rig.loop.now() - closed >= edge::kLinger - 100ms);
}
