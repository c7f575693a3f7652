// tests/unit/worker/gateway/operator_test.cc - what an operator asks of a worker: lists, one session, kick.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>

#include "common/base/secret.h"
#include "common/ipc/session_query.h"
#include "journal_rig.h"
#include "worker/gateway/recent.h"

using namespace nxb;
using namespace nxb::gateway;
using nxb::stats::Counter;

namespace {

std::string listed(Watched& world, ipc::SessionQuery query) { return world.gateway.list(ipc::to_text(query)); }

std::string clients_of(const std::string& json) {
  std::string all;
  for (auto at = json.find("\"client\":\""); at != std::string::npos; at = json.find("\"client\":\"", at + 1)) {
    all += (all.empty() ? "" : " ") + json.substr(at + 10, json.find('"', at + 10) - at - 10);
  }
  return all;
}

}  // namespace

TEST_CASE("O-16 sessions: the first of those that match, in the order asked for, and how many there are") {
  Watched world;
  SocketId first = world.login("192.0.2.1");
  world.advance(2'000ms);
  SocketId second = world.login("192.0.2.2");
  world.advance(2'000ms);
  world.login("198.51.100.3");
  world.say(first, "<message xmlns='jabber:client'><body>much more than the others say</body></message>");
  world.sockets[second].unsent = 100;
  CHECK(clients_of(listed(world, {})) == "192.0.2.1 192.0.2.2 198.51.100.3");
  CHECK(clients_of(listed(world, {ipc::SessionOrder::Idle, 1})) == "192.0.2.2");
  CHECK(clients_of(listed(world, {ipc::SessionOrder::Bytes, 1})) == "192.0.2.1");
  CHECK(clients_of(listed(world, {ipc::SessionOrder::Queue, 1})) == "192.0.2.2");
  CHECK(member(listed(world, {ipc::SessionOrder::Queue, 1}), "matching") == "3");
  CHECK(member(listed(world, {ipc::SessionOrder::Queue, 1}), "queued_bytes") == "100");
}

TEST_CASE("O-16 sessions: only a transport, a domain, an address or a range; one that has ended is none") {
  Watched world;
  SocketId first = world.login("192.0.2.1");
  world.login("2001:db8::1");
  world.create_bosh(world.sid, "Other.example");
  CHECK(member(listed(world, {.transport = "bosh"}), "sid") == short_hash(world.sid));
  CHECK(member(listed(world, {.transport = "websocket"}), "matching") == "2");
  CHECK(member(listed(world, {.domain = "other.example"}), "transport") == "bosh");
  CHECK(member(listed(world, {.domain = "other.example"}), "matching") == "1");
  CHECK(clients_of(listed(world, {.ip = "2001:db8::/32"})) == "2001:db8::1");
  CHECK(member(listed(world, {.ip = "192.0.2.0/24"}), "matching") == "2");
  CHECK(member(listed(world, {.ip = "unix"}), "matching") == "0");
  world.cut(first);
  CHECK(member(listed(world, {}), "matching") == "2");
  CHECK(world.gateway.list("no query") == "{}");
}

TEST_CASE("O-16 sessions: of very many only what is asked for is kept, and it is the right part") {
  Watched world;
  for (int i = 0; i < 250; ++i) {
    world.login("192.0.2." + std::to_string(i));
    world.advance(1ms);
  }
  CHECK(clients_of(listed(world, {ipc::SessionOrder::Age, 3})) == "192.0.2.0 192.0.2.1 192.0.2.2");
  CHECK(member(listed(world, {ipc::SessionOrder::Age, 3}), "matching") == "250");
}

TEST_CASE("O-16 session: rids, window, requests, bytes and its last events; after its end the events are still there") {
  Watched world;
  world.gateway.publish(false);  // they are remembered though nobody listens
  world.create_bosh(world.sid);
  world.bring(world.servers.rbegin()->first, upstream::Opened{"id", "1.0"});
  world.say_bosh("<message xmlns='jabber:client'/>");
  std::string json = world.gateway.explain(world.sid, Depth::Full);
  CHECK(member(json, "state") == "alive");
  CHECK(member(json, "up_bytes") == "32");
  CHECK(member(json, "window") == "2");
  CHECK(member(json, "answers_unacknowledged") == "0");
  CHECK(json.find("\"open_requests\":[{\"rid\":2,\"how\":\"held\",\"age_ms\":0,\"resends\":0}") != std::string::npos);
  CHECK(json.find("\"type\":\"nodes\",\"stream\":1,\"count\":1}") != std::string::npos);
  CHECK(world.gateway.explain(world.sid).find("events") == std::string::npos);
  world.terminate();
  json = world.gateway.explain(world.sid, Depth::Full);
  CHECK(member(json, "state") == "ended");
  CHECK(json.find("\"type\":\"session-start\"") != std::string::npos);
  CHECK(json.find("\"type\":\"session-end\"") != std::string::npos);
}

TEST_CASE("O-16 session: the last events are bounded, the oldest go, and since when all are there is known") {
  Recent recent;
  Instant now{Duration(1000)};
  recent.note(now, ipc::EventType::session_start, "0123abcd");
  for (std::size_t i = 0; i + 1 < Recent::kKept; ++i) recent.note(now, ipc::EventType::nodes, "ffffffff", 1, i);
  CHECK(recent.json("0123abcd", now).find("session-start") != std::string::npos);
  std::string others = recent.json("ffffffff", now);
  CHECK(static_cast<std::size_t>(std::ranges::count(others, '{')) == Recent::kShown);
  CHECK(others.ends_with("\"count\":2046}]"));
  recent.note(now + 5ms, ipc::EventType::nodes, "ffffffff");
  CHECK(recent.json("0123abcd", now) == "[]");
  CHECK_FALSE(recent.whole());
}

TEST_CASE("O-17 kick: a BOSH session by its sid, a WebSocket by its name; one that is not here, or has ended") {
  Watched world;
  world.create_bosh(world.sid);
  RequestId held = world.say_bosh({});
  std::string told = world.gateway.kick(world.sid, "policy-violation");
  CHECK(told == "{\"state\":\"kicked\",\"kind\":\"bosh\",\"sid\":\"" + short_hash(world.sid) +
                    "\",\"condition\":\"policy-violation\"}");
  CHECK(world.replies.at(held).body.find("condition='policy-violation'") != std::string::npos);
  std::string again = world.gateway.kick(short_hash(world.sid), "policy-violation");
  CHECK(member(again, "state") == "ended");
  CHECK(member(again, "by") == "operator");
  CHECK(member(again, "why") == "kicked");
  CHECK(member(world.gateway.kick("abcdefghijklmnopqrstuvwx", "host-gone"), "state") == "unknown");
  SocketId socket = world.login();
  std::string name = member(listed(world, {.transport = "websocket"}), "sid");
  CHECK(member(world.gateway.kick(name, "system-shutdown"), "kind") == "websocket");
  CHECK(world.sockets[socket].closes.size() == 1);
  CHECK(world.gateway.kick(name, "no-such-condition") == "{}");
  CHECK(world.count(Counter::errors) == 0);  // what the operator wanted is none
  CHECK(world.gateway.live_sessions() == 0);
}
