// tests/unit/worker/edge/reading_test.cc - what a connection owns while it reads a request, and while it does not.
// SPDX-License-Identifier: MIT
#include <string>

#include "tests/unit/worker/edge/rig.h"
#include "worker/edge/http_connection.h"

using namespace nxb;
using namespace nxb::testing;

TEST_CASE("a connection owns a parser while a request is incomplete, not while one is held or it idles") {
  EdgeRig rig;
  rig.open();
  const std::string request = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  Client client(rig);
  rig.run_turns(2);
  CHECK(rig.edge->requests_being_read() == 0);
  CHECK(sizeof(edge::HttpConnection) <= 240);
  client.send(request.substr(0, 30));
  REQUIRE(rig.run_until([&] { return rig.edge->requests_being_read() == 1; }));
  client.send(request.substr(30));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.edge->requests_being_read() == 0);  // held
  rig.answer(0, "<a/>");
  REQUIRE(client.gets("<a/>"));
  CHECK(rig.edge->requests_being_read() == 0);  // idle
  client.send("\r\n" + request.substr(0, request.size() - 1));
  REQUIRE(rig.run_until([&] { return rig.edge->requests_being_read() == 1; }));
  client.close();
  REQUIRE(rig.run_until([&] { return rig.edge->idle(); }));
  CHECK(rig.edge->requests_being_read() == 0);
}

TEST_CASE("H-11 what comes behind held requests waits as it came, and is read when there is room") {
  EdgeRig rig;
  rig.open();
  const std::string request = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  Client client(rig);
  std::string all;
  for (int i = 0; i < 9; ++i) all += request;
  client.send(all + request.substr(0, 40));
  REQUIRE(rig.until_seen(8));
  rig.run_turns(3);
  CHECK(rig.edge->requests_being_read() == 0);
  rig.answer(0, "<a/>");
  REQUIRE(rig.until_seen(9));
  rig.answer(1, "<a/>");
  REQUIRE(rig.run_until([&] { return rig.edge->requests_being_read() == 1; }));
  client.send(request.substr(40));
  REQUIRE(rig.until_seen(10));
  CHECK(rig.edge->requests_being_read() == 0);
  for (std::size_t i = 2; i < 10; ++i) rig.answer(i, "<a/>");
  REQUIRE(rig.run_until([&] {
    client.read();
    return client.answers() == 10;
  }));
}

TEST_CASE("H-10 a connection that is refused owns no parser while an answer before the refusal is held") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(post(body("rid='5' sid='" + rig.sid_of(0) + "'")) + "nonsense\r\n\r\n");
  REQUIRE(rig.until_seen(1));
  rig.run_turns(3);
  CHECK(rig.edge->requests_being_read() == 0);
  rig.answer(0, "<a/>");
  REQUIRE(client.gets("HTTP/1.1 400"));
}

TEST_CASE("H-25 O-33 after a reload the next request of a connection may have a body as large as it says") {
  EdgeRig rig;
  rig.config.bosh.max_data_held = 1000;
  rig.open();
  const std::string small = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  const std::string large = post(body("rid='6' sid='" + rig.sid_of(0) + "' to='" + std::string(2000, 'x') + "'"));
  rig.requests.at_once = [&rig](RequestId id) { rig.edge->reply(id, rig.reply("<a/>")); };
  Client client(rig), begun(rig);
  client.send(small);
  REQUIRE(client.gets("<a/>"));
  begun.send(large.substr(0, 20));
  REQUIRE(rig.run_until([&] { return rig.edge->requests_being_read() == 1; }));
  rig.config.bosh.max_data_held = 10'000;
  rig.edge->reconfigure();
  client.received.clear();
  client.send(large);
  CHECK(client.gets("<a/>"));
  begun.send(large.substr(20));
  CHECK(begun.gets("HTTP/1.1 413 "));
}
