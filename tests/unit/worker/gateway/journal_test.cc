// tests/unit/worker/gateway/journal_test.cc - what is told of sessions, and remembered of those that ended.
// SPDX-License-Identifier: MIT
#include "worker/gateway/journal.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/base/secret.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/gateway/journal_rig.h"

using namespace nxb;
using namespace nxb::gateway;
using ipc::EventType;
using stats::Counter;
using testing::contains;

TEST_CASE("O-19: a BOSH session is told from its first stream to its end, in order (C-66 C-67 C-68 C-69 C-73 C-74)") {
  Watched world;
  world.create_bosh(world.sid);
  CHECK(world.types() == "session-start stream-add stream-added response");
  world.say_bosh("<message xmlns='jabber:client' to='a'><body>secret words</body></message>");
  auto nodes = world.told();
  REQUIRE(types_of(nodes) == "nodes");
  CHECK(member(nodes[0], "sid") == short_hash(world.sid));
  CHECK(member(nodes[0], "domain") == "example.org");
  CHECK(member(nodes[0], "stream") == "1");
  CHECK(member(nodes[0], "count") == "1");
  CHECK(member(nodes[0], "names") == "message");
  CHECK_FALSE(contains(nodes[0], "secret"));
  bosh::Body restart;
  restart.restart = true;
  world.ask(std::move(restart));
  world.bring(StreamId{1}, upstream::Opened{"id-2", "1.0", {}, {}});
  CHECK(world.types() == "stream-restart stream-restarted");
  world.terminate();
  auto end = world.told();
  REQUIRE(types_of(end) == "stream-terminate session-end");
  CHECK(member(end[1], "by") == "client");
  CHECK(member(end[1], "why") == "client terminated");
  CHECK(member(end[1], "up") == "1");
}

TEST_CASE("O-19: a WebSocket session likewise, a restart and its header included (C-76)") {
  Watched world;
  SocketId id = world.login();
  CHECK(world.types() == "session-start stream-add stream-added response");
  world.say_open(id);
  world.bring(StreamId{1}, upstream::Opened{"id-2", "1.0", {}, {}});
  CHECK(world.types() == "stream-restart stream-restarted");
  world.say_close(id);
  CHECK(world.types() == "stream-terminate session-end");
}

TEST_CASE("O-19: a server's end says condition, stage, target and why, and is an error (C-72 C-75)") {
  Watched world;
  world.login();
  world.told();
  upstream::Closed closed{
      bosh::Condition::RemoteConnectionFailed, {}, "refused", upstream::Stage::Tcp, "192.0.2.9:5222"};
  world.bring(StreamId{1}, closed);
  auto told = world.told();
  REQUIRE(types_of(told) == "terminate error session-end");
  CHECK(member(told[0], "condition") == "remote-connection-failed");
  CHECK(member(told[0], "stage") == "tcp");
  CHECK(member(told[0], "target") == "192.0.2.9:5222");
  CHECK(member(told[0], "why") == "refused");
  CHECK(member(told[1], "why") == "server not reached");
  CHECK(member(told[2], "by") == "server");
}

TEST_CASE("O-19: stanzas that no client fetched, and acknowledged answers, are counted (C-70 C-71)") {
  Watched world;
  bosh::Body creation;
  creation.rid = Rid{1};
  creation.to = "example.org";
  creation.ver = bosh::Version{1, 6};
  creation.ack = 1;
  world.gateway.on_request({ConnId{7}, ++world.requests}, std::move(creation), {"192.0.2.1"}, world.sid);
  world.told();
  bosh::Body body;
  body.ack = 1;
  RequestId held = world.ask(std::move(body));
  auto acknowledged = world.told();
  REQUIRE(types_of(acknowledged) == "response-acknowledged");
  CHECK(member(acknowledged[0], "count") == "1");
  world.gateway.on_request_gone(held);
  world.bring_message(StreamId{1}, "<message xmlns='jabber:client'/>");
  world.now += 10min;
  world.gateway.on_deadline(SessionKey{(std::uint64_t{1} << 32) | 1});
  auto end = world.told();
  REQUIRE(types_of(end) == "response stream-terminate no-client session-end");
  CHECK(member(end[2], "count") == "1");
  CHECK(member(end[3], "why") == "inactivity");
  CHECK(member(end[3], "by") == "nxb");
}

TEST_CASE("O-19: nothing is told while nobody listens, and nothing of before to who comes") {
  WsWorld world;
  world.login();
  CHECK(world.gateway.take_events().empty());
  world.gateway.publish(true);
  world.login();
  world.gateway.publish(false);
  world.gateway.publish(true);
  CHECK(world.gateway.take_events().empty());
}

TEST_CASE("O-19: what does not fit the journal is dropped and counted, and what comes after it was taken is told") {
  Journal journal;
  journal.listen(true);
  constexpr int kMany = 10'000;
  for (int i = 0; i < kMany; ++i) journal.tell(EventType::nodes, "0123abcd", "example.org", {{"count", i}});
  Journal::Batch batch = journal.take();
  CHECK(batch.lines.size() >= Journal::kMostBytes);
  CHECK(batch.lines.size() < Journal::kMostBytes + 1024);
  auto kept = static_cast<std::uint64_t>(std::ranges::count(batch.lines, '\n'));
  CHECK(kept + batch.dropped == kMany);
  CHECK(batch.dropped > 0);
  journal.tell(EventType::nodes, "0123abcd", "example.org", {{"count", 1}});
  batch = journal.take();
  CHECK(batch.dropped == 0);
  CHECK(std::ranges::count(batch.lines, '\n') == 1);
}

TEST_CASE("O-19: a client's words cannot break the line of an event") {
  Journal journal;
  journal.listen(true);
  journal.tell(EventType::stream_add, "0123abcd", "a\"},\n{\x1b[2J", {{"ua", std::string("\xff\n\"\\\0", 5)}});
  std::string line = journal.take().lines;
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(contains(line, R"("domain":"a\"},\n{\u001b[2J")"));
}

TEST_CASE("C-69: the names of elements are those of the outermost ones, without what is in them") {
  CHECK(names_of("<message><body>&lt;iq/></body></message><iq/><message/>") == "message iq");
  CHECK(names_of("<auth xmlns='a>b' mechanism=\"'<x>'\">secret</auth>") == "auth");
  CHECK(names_of("<a><![CDATA[</a><b/>]]></a><c\n/>") == "a c");
  CHECK(names_of("<p:a xmlns:p='q'/>") == "p:a");
  CHECK(names_of("<a/><b/><c/><d/><e/><f/><g/><h/><i/>") == "a b c d e f g h");
  for (const char* broken : {"", "text", "<", "<a", "</", "</a>", "<a x='", "<![CDATA[", "<a><![CDATA["}) {
    CAPTURE(broken);
    names_of(broken);  // well-formed is promised; memory is safe anyway
  }
}

TEST_CASE("O-18: a live BOSH session is explained by its sid and by its name in the log") {
  Watched world;
  world.create_bosh(world.sid);
  world.now += 2s;
  world.say_bosh("");
  world.now += 3s;
  for (const std::string& name : {world.sid, short_hash(world.sid)}) {
    std::string told = world.gateway.explain(name);
    CAPTURE(told);
    CHECK(member(told, "state") == "alive");
    CHECK(member(told, "kind") == "bosh");
    CHECK(member(told, "phase") == "open");
    CHECK(member(told, "client") == "192.0.2.1");
    CHECK(member(told, "age_seconds") == "5");
    CHECK(member(told, "idle_seconds") == "3");
    CHECK(member(told, "last_rid") == "2");
    CHECK(member(told, "answered_rid") == "1");
    CHECK(member(told, "window") == "2");
    CHECK(member(told, "requests_held") == "1");
    CHECK(contains(told, "\"streams\":[{\"stream\":1,\"domain\":\"example.org\","));
    CHECK_FALSE(contains(told, world.sid));
  }
}

TEST_CASE("O-18: ends by client, server, nxb and operator are told apart, with rid, ages and counts") {
  Watched world;
  auto ended = [&](std::string_view by, std::string_view why, std::string_view condition) {
    std::string told = world.gateway.explain(world.sid);
    CAPTURE(told);
    CHECK(member(told, "state") == "ended");
    CHECK(member(told, "by") == by);
    CHECK(member(told, "why") == why);
    CHECK(member(told, "condition") == condition);
    world.rid = 1;
    world.sid.back() = static_cast<char>(world.sid.back() + 1);
    return told;
  };
  world.create_bosh(world.sid);
  world.say_bosh("<iq xmlns='jabber:client'/>");
  world.now += 5s;
  world.terminate();
  world.now += 7s;
  std::string told = ended("client", "client terminated", "");
  CHECK(member(told, "last_rid") == "3");
  CHECK(member(told, "ended_seconds_ago") == "7");
  CHECK(member(told, "age_seconds") == "5");
  CHECK(member(told, "last_request_seconds_before") == "0");
  CHECK(member(told, "up") == "1");
  CHECK(member(told, "requests") == "3");

  world.create_bosh(world.sid);
  world.bring(StreamId{2}, upstream::Closed{bosh::Condition::RemoteStreamError, "<stream:error/>", "conflict",
                                            upstream::Stage::Stream, "192.0.2.9:5222"});
  told = ended("server", "stream error", "remote-stream-error");
  CHECK(member(told, "server") == "conflict");
  CHECK(member(told, "target") == "192.0.2.9:5222");
  CHECK(member(told, "stage") == "stream");

  world.create_bosh(world.sid);
  world.bring(StreamId{3},
              upstream::Closed{bosh::Condition::HostUnknown, {}, "not an allowed domain", upstream::Stage::Policy, {}});
  ended("nxb", "refused by policy", "host-unknown");

  world.create_bosh(world.sid);
  world.rid = 100;
  world.say_bosh("");
  ended("nxb", "rid outside window", "item-not-found");

  world.create_bosh(world.sid);
  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  ended("operator", "shutdown", "system-shutdown");
}

TEST_CASE("O-18: a WebSocket session alive, left, lost and shut down") {
  WsWorld world;
  std::vector<std::string> names;
  world.gateway.publish(true);
  auto name_of_new = [&] {
    world.login();
    return member(world.gateway.take_events().lines, "sid");
  };
  std::string left = name_of_new(), lost = name_of_new(), stays = name_of_new();
  auto socket = [](std::uint32_t n) { return SocketId{(std::uint64_t{1} << 32) | n}; };
  CHECK(member(world.gateway.explain(stays), "state") == "alive");
  CHECK(member(world.gateway.explain(stays), "kind") == "websocket");
  world.say_close(socket(1));
  world.cut(socket(2));
  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  CHECK(member(world.gateway.explain(left), "by") == "client");
  CHECK(member(world.gateway.explain(left), "why") == "client closed");
  CHECK(member(world.gateway.explain(lost), "by") == "client");
  CHECK(member(world.gateway.explain(lost), "why") == "connection lost");
  CHECK(member(world.gateway.explain(stays), "by") == "operator");
}

TEST_CASE("O-18: one that was never here is unknown, and it is said since when it would be known") {
  WsWorld world;
  std::string told = world.gateway.explain("nobody");
  CHECK(member(told, "state") == "unknown");
  CHECK(member(told, "remembers_all") == "true");
  world.now += 601s;
  CHECK(member(world.gateway.explain("nobody"), "remembers_all") == "false");
}

TEST_CASE("O-18: tombstones are kept ten minutes, at most so many, and their words are cut") {
  Instant now{1h};
  Tombstones stones(now);
  Record record{.kind = Kind::Bosh, .name = "aaaaaaaa", .client = "192.0.2.1", .started = now};
  record.ua = std::string(1000, 'u');
  stones.put(record, {"one"}, now);
  const Tombstone* found = stones.find("aaaaaaaa", now + Tombstones::kKept);
  REQUIRE(found != nullptr);
  CHECK(found->record.ua.size() == Tombstones::kLongestWord);
  CHECK(stones.whole(now + Tombstones::kKept));
  CHECK(stones.find("aaaaaaaa", now + Tombstones::kKept + 1ms) == nullptr);
  CHECK_FALSE(stones.whole(now + Tombstones::kKept + 1ms));
  CHECK(stones.size() == 0);

  now += 1h;
  stones.put(record, {"two"}, now);
  record.name = "bbbbbbbb";
  for (std::size_t i = 0; i < Tombstones::kMost; ++i) stones.put(record, {"three"}, now + 1s);
  CHECK(stones.size() == Tombstones::kMost);
  CHECK(stones.find("aaaaaaaa", now + 1s) == nullptr);
  CHECK(stones.whole_since(now + 1s) == now + 1ms);
  CHECK(stones.find("bbbbbbbb", now + 1s) != nullptr);
}
