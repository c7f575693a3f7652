// tests/unit/worker/edge/handover_test.cc - requests whose session another worker owns (H-48).
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/edge/rig.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

TEST_CASE("H-48 a request of another owner leaves with its connection and every byte read") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  Client client(rig);
  std::string theirs = post(body("rid='5' sid='" + rig.sid_of(1) + "'"));
  client.send(theirs + get("/healthz") + "GET /par");
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  relay::Handover& got = rig.handed_over[0];
  CHECK(got.bytes == theirs + get("/healthz") + "GET /par");
  CHECK(got.hops == 1);
  CHECK(got.peer == "192.0.2.7:4000");
  CHECK(got.minted_sid.empty());
  CHECK(rig.edge->idle());
  CHECK(rig.count(Counter::connections) == 0);
  CHECK(rig.requests.gone.empty());
  REQUIRE(write(got.fd.get(), "there", 5) == 5);  // the socket lives on
  CHECK(client.gets("there"));
}

TEST_CASE("H-48 a request that came in many pieces leaves whole, cut at every byte") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  std::string theirs = post(body("rid='5' sid='" + rig.sid_of(1) + "'"));
  for (std::size_t cut = 1; cut < theirs.size(); ++cut) {
    Client client(rig);
    client.send(theirs.substr(0, cut));
    rig.run_turns(1);
    client.send(theirs.substr(cut));
    REQUIRE(rig.run_until([&] { return rig.handed_over.size() == cut; }));
    CHECK(rig.handed_over.back().bytes == theirs);
  }
}

TEST_CASE("a connection with an answer owed stays until it is written; what is behind it waits") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  Client client(rig);
  std::string mine = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  std::string theirs = post(body("rid='6' sid='" + rig.sid_of(1) + "'"));
  client.send(mine + theirs + mine);
  REQUIRE(rig.until_seen(1));
  rig.run_turns(3);
  CHECK(rig.handed_over.empty());
  CHECK(rig.requests.seen.size() == 1);
  client.send("not read here any more");
  rig.answer(0, "<mine/>");
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  REQUIRE(client.gets("<mine/>"));
  CHECK(rig.handed_over[0].bytes == theirs + mine);
  char rest[64] = {};
  CHECK(recv(rig.handed_over[0].fd.get(), rest, sizeof(rest), MSG_DONTWAIT) == 22);
  CHECK(rig.requests.seen.size() == 1);
}

TEST_CASE("a connection leaves only when the client took the whole answer") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  Client client(rig, Family::Unix, 4096);
  client.send(post(body("rid='5' sid='" + rig.sid_of(0) + "'")) + post(body("rid='6' sid='" + rig.sid_of(1) + "'")));
  REQUIRE(rig.until_seen(1));
  std::string large = "<large>" + std::string(300000, 'x') + "</large>";
  rig.answer(0, large);
  rig.run_turns(3);
  CHECK(rig.handed_over.empty());
  REQUIRE(client.gets("</large>"));
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  CHECK(client.received.ends_with(large));
}

TEST_CASE("a creation mints its sid first and follows it to the owner") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  std::string creation = post(body("rid='5' to='example.org'"));
  std::vector<std::unique_ptr<Client>> clients;
  while (rig.requests.seen.empty() || rig.handed_over.empty()) {
    REQUIRE(clients.size() < 200);
    clients.push_back(std::make_unique<Client>(rig));
    clients.back()->send(creation);
    std::size_t count = clients.size();
    REQUIRE(rig.run_until([&] { return rig.requests.seen.size() + rig.handed_over.size() == count; }));
  }
  CHECK(rig.route.owner(rig.requests.seen[0].sid) == 0);
  CHECK(rig.requests.seen[0].sid.size() == 24);
  CHECK(rig.route.owner(rig.handed_over[0].minted_sid) == 1);
  CHECK(rig.handed_over[0].bytes == creation);
}

TEST_CASE(
    "H-48 O-05 O-17 no creation is for a worker that drains or has no process; if none takes any, it is answered "
    "here") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  const std::string creation = post(body("rid='5' to='example.org'"));
  std::vector<std::unique_ptr<Client>> clients;
  auto create = [&](std::size_t seen) {
    clients.push_back(std::make_unique<Client>(rig));
    clients.back()->send(creation);
    return rig.run_until([&] { return rig.requests.seen.size() == seen || !rig.handed_over.empty(); });
  };
  rig.segment->clear_gauges(1);  // its process ended
  for (std::size_t count = 1; count <= 20; ++count) REQUIRE(create(count));
  stats::Pulse(rig.segment->pulse(0)).set_open(false);
  for (std::size_t count = 21; count <= 40; ++count) REQUIRE(create(count));
  CHECK(rig.requests.seen.size() == 40);
  CHECK(rig.handed_over.empty());
  stats::Pulse(rig.segment->pulse(1)).set_open(true);
  REQUIRE(create(0));
  CHECK(rig.handed_over.size() == 1);
}

TEST_CASE("an arrived creation keeps the sid minted for it; the next one on that connection does not get it") {
  EdgeRig rig;
  rig.open();
  std::string sid = rig.sid_of(0);
  Client client(rig, Family::Unix, 0, 1, sid, post(body("rid='5' to='example.org'")));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].sid == sid);
  rig.answer(0, "<body/>");
  REQUIRE(client.gets("<body/>"));
  client.send(post(body("rid='5' to='example.org'")));
  rig.run_until([&] { return rig.requests.seen.size() == 2 || rig.edge->idle(); });
  if (rig.requests.seen.size() == 2) CHECK(rig.requests.seen[1].sid != sid);
}

TEST_CASE("H-48 an arrived request that is not ours either is item-not-found; later ones may travel again") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  std::string theirs = post(body("rid='5' sid='" + rig.sid_of(1) + "'"));
  Client client(rig, Family::Unix, 0, 1, "", theirs);
  REQUIRE(client.gets("condition='item-not-found'"));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(rig.handed_over.empty());
  client.send(theirs);
  CHECK(rig.run_until([&] { return rig.handed_over.size() == 1; }));
}

TEST_CASE("O-29 a hand-over that cannot be delivered is answered 503 with Retry-After and CORS, then closed") {
  EdgeRig rig;
  rig.config.http.allowed_origins = {"https://a.example"};
  rig.patience = 20ms;
  rig.open();
  std::string theirs = post(body("rid='5' sid='" + rig.sid_of(1) + "'"), "Origin: https://a.example\r\n");
  auto clients = until_one_waits(rig, theirs);
  Client& last = *clients.back();
  REQUIRE(last.is_closed_by_nxb());
  CHECK(last.received.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(last.received.find("Retry-After: 5\r\n") != std::string::npos);
  CHECK(last.received.find("Access-Control-Allow-Origin: https://a.example\r\n") != std::string::npos);
  CHECK(last.received.find("Connection: close\r\n") != std::string::npos);
  CHECK(last.received.find("type='error'") != std::string::npos);
  CHECK(rig.count(Counter::handovers_refused) == 1);
  CHECK(rig.count(Counter::handovers_out) == clients.size() - 1);
  last.close();
  CHECK(rig.run_until([&] { return rig.edge->idle(); }));
}
