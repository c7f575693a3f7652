// tests/unit/worker/gateway/watch_test.cc - a session that an operator watches: who is shown its elements, and until when.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>

#include "journal_rig.h"

using namespace nxb;
using namespace nxb::gateway;

TEST_CASE("O-20 watch: the elements of the watched session both ways, until nobody watches, or nobody listens") {
  Watched world;
  SocketId first = world.login();
  StreamId stream = world.servers.rbegin()->first;
  std::string name = member(world.told().front(), "sid");
  world.say(first, "<message xmlns='jabber:client'/>");
  CHECK(world.types().find("stanza") == std::string::npos);
  CHECK(world.gateway.watch(name) == "{\"state\":\"watched\",\"sid\":\"" + name + "\"}");
  CHECK(member(world.gateway.watch("00000000"), "state") == "unknown");
  world.say(first, "<message xmlns='jabber:client'/>");
  world.bring_message(stream, "<message><password>p</password></message>");
  auto told = world.told();
  std::erase_if(told, [](const auto& line) { return member(line, "type") != "stanza"; });
  REQUIRE(told.size() == 2);
  CHECK(member(told[0], "from") == "client");
  CHECK(member(told[1], "xml") == "<message><password>[redacted]</password></message>");
  CHECK(member(told[1], "sid") == name);
  world.gateway.unwatch(name);
  world.say(first, "<message xmlns='jabber:client'/>");
  CHECK(world.types().find("stanza") == std::string::npos);
  world.gateway.watch(name);
  world.gateway.publish(false);
  world.gateway.publish(true);
  world.say(first, "<message xmlns='jabber:client'/>");
  CHECK(world.types().find("stanza") == std::string::npos);
}
