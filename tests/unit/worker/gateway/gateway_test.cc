// tests/unit/worker/gateway/gateway_test.cc - sessions come and go; events raised by actions are queued.
// SPDX-License-Identifier: MIT
#include "worker/gateway/gateway.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/contains.h"
#include "tests/unit/worker/gateway/fake_upstream.h"

using namespace nxb;
using gateway::FakeUpstream;
using namespace std::chrono_literals;
using stats::Counter;
using testing::contains;

namespace {

struct World final : gateway::Ports {
  explicit World(config::Config given = {})
      : config(std::move(given)), gateway(config, *this, counters, [this] { return now; }) {}

  void reply(RequestId to, gateway::Reply answer) override { replies.emplace_back(to, std::move(answer)); }
  void hang_up(RequestId) override {}
  upstream::Upstream& make_stream(StreamId stream) override {
    auto& made = streams[stream];
    made = std::make_unique<FakeUpstream>(gateway, stream, open_at_once);
    return *made;
  }
  upstream::Upstream* stream(StreamId id) override { return streams.contains(id) ? streams[id].get() : nullptr; }
  void drop_stream(StreamId id) override { dropped.push_back(id); }
  void wake_at(SessionKey session, std::optional<Instant> at) override {
    if (at) {
      deadlines[session] = *at;
    } else {
      deadlines.erase(session);
    }
  }
  void send_frame(SocketId, ws::Opcode, std::string_view) override {}
  std::size_t unsent(SocketId) const override { return 0; }
  void close_socket(SocketId) override {}
  void read_socket(SocketId, bool) override {}
  void wake_socket_at(SocketId, std::optional<Instant>) override {}

  RequestId post(bosh::Body body, std::string_view sid = {}) {
    RequestId id{ConnId{7}, ++requests};
    gateway.on_request(id, std::move(body), {"192.0.2.1"}, sid);
    return id;
  }
  void advance(Duration by) {
    Instant end = now + by;
    for (int i = 0; i < 1000; ++i) {
      auto due = std::ranges::min_element(deadlines, {}, [](const auto& entry) { return entry.second; });
      if (due == deadlines.end() || due->second > end) break;
      now = std::max(now, due->second);
      SessionKey key = due->first;
      deadlines.erase(due);
      gateway.on_deadline(key);
    }
    now = end;
  }
  const gateway::Reply* answer_to(RequestId id) const {
    for (const auto& [to, answer] : replies) {
      if (to == id) return &answer;
    }
    return nullptr;
  }

  config::Config config;
  stats::Counters counters;
  Instant now{};
  std::uint32_t requests = 0;
  bool open_at_once = true;
  std::vector<std::pair<RequestId, gateway::Reply>> replies;
  std::map<StreamId, std::unique_ptr<FakeUpstream>> streams;
  std::vector<StreamId> dropped;
  std::map<SessionKey, Instant> deadlines;
  gateway::Gateway gateway;
};

bosh::Body creation(std::uint64_t rid = 1) {
  bosh::Body body;
  body.rid = Rid{rid};
  body.to = "example.org";
  body.ver = bosh::Version{1, 6};
  body.wait = 60;
  body.hold = 1;
  return body;
}

bosh::Body request(std::uint64_t rid, std::string_view payload = {}) {
  bosh::Body body;
  body.sid = "the-sid";
  body.rid = Rid{rid};
  body.payloads = payload;
  body.payload_count = payload.empty() ? 0 : 1;
  return body;
}

}  // namespace

TEST_CASE("a creation opens a stream, and its events raised from within open() end in the answer (B-30, B-35)") {
  World world;
  RequestId id = world.post(creation(), "the-sid");
  REQUIRE(world.answer_to(id) != nullptr);
  CHECK(world.answer_to(id)->status == 200);
  CHECK(contains(world.answer_to(id)->body, "sid='the-sid'"));
  CHECK(contains(world.answer_to(id)->body, "stream:features"));
  CHECK(world.counters.get(Counter::sessions) == 1);
  CHECK(world.counters.get(Counter::requests_held) == 0);
}

TEST_CASE("an unknown sid gets item-not-found with status 200 and leaves no state (B-41, B-106, D-01)") {
  World world;
  for (const char* sid : {"nobody", "constructor", "__proto__", ""}) {
    bosh::Body body = request(5);
    body.sid = sid;
    if (body.sid.empty()) continue;
    RequestId id = world.post(std::move(body));
    REQUIRE(world.answer_to(id) != nullptr);
    CHECK(world.answer_to(id)->status == 200);
    CHECK(contains(world.answer_to(id)->body, "condition='item-not-found'"));
  }
  CHECK(world.counters.get(Counter::unknown_sids) == 3);
  CHECK(world.gateway.live_sessions() == 0);
}

TEST_CASE("a bad creation is refused with the condition, legacy clients with a status, and nothing is kept (B-106)") {
  World world;
  bosh::Body modern = creation();
  modern.problem = bosh::Condition::BadRequest;
  bosh::Body legacy = modern;
  legacy.ver.reset();
  RequestId first = world.post(std::move(modern), "a");
  RequestId second = world.post(std::move(legacy), "b");
  CHECK(world.answer_to(first)->status == 200);
  CHECK(world.answer_to(second)->status == 400);
  CHECK(contains(world.answer_to(second)->body, "condition='bad-request'"));
  CHECK(world.gateway.live_sessions() == 0);
  CHECK(world.streams.empty());
}

TEST_CASE("a sid that exists is not given out again, whoever minted it (B-29)") {
  World world;
  world.post(creation(), "the-sid");
  RequestId second = world.post(creation(), "the-sid");
  CHECK(contains(world.answer_to(second)->body, "condition='internal-server-error'"));
  CHECK(world.gateway.live_sessions() == 1);
}

TEST_CASE("above max_sessions a creation gets internal-server-error (B-40 D-57)") {
  World world;
  world.config.server.max_sessions = 1;
  world.post(creation(), "the-sid");
  RequestId second = world.post(creation(), "another");
  CHECK(contains(world.answer_to(second)->body, "condition='internal-server-error'"));
  CHECK(world.gateway.live_sessions() == 1);
}

TEST_CASE("payloads go to the session's stream, and what the stream brings answers the held request (B-57, B-59)") {
  World world;
  world.post(creation(1), "the-sid");
  RequestId held = world.post(request(2, "<message/>"));
  CHECK(world.streams.begin()->second->sent == "<message/>");
  CHECK(world.answer_to(held) == nullptr);
  CHECK(world.counters.get(Counter::requests_held) == 1);
  world.gateway.on_stream_event(StreamId{1},
                                upstream::Arrived{{{xmpp::Kind::Message, "<message xmlns='jabber:client'/>"}}});
  REQUIRE(world.answer_to(held) != nullptr);
  CHECK(contains(world.answer_to(held)->body, "<message xmlns='jabber:client'/>"));
  CHECK(world.counters.get(Counter::requests_held) == 0);
}

TEST_CASE("content of the creation request is the media type of every answer (B-23 D-21)") {
  World world;
  bosh::Body body = creation();
  body.content = "text/html; charset=\"UTF-8\"";
  RequestId id = world.post(std::move(body), "the-sid");
  CHECK(world.answer_to(id)->content_type == "text/html; charset=utf-8");
  body = creation();
  body.content = "text/html\r\nX: y";
  CHECK(world.answer_to(world.post(std::move(body), "other"))->content_type == "text/xml; charset=utf-8");
}

TEST_CASE("C-67 C-68 C-69 C-74 C-75 what was an event of node-xmpp-bosh is counted") {
  World world;
  auto count = [&](Counter counter) { return world.counters.get(counter); };
  world.post(creation(1), "the-sid");
  world.gateway.on_stream_event(StreamId{1}, upstream::Arrived{{{xmpp::Kind::Other, "<success xmlns='urn:s'/>"}}});
  CHECK(count(Counter::stanzas_to_clients) == 2);  // the features, too
  bosh::Body restart = request(2);
  restart.restart = true;
  world.post(std::move(restart));
  CHECK(count(Counter::restarts) == 1);
  world.post(request(3, "<message/>"));
  CHECK(count(Counter::stanzas_from_clients) == 1);
  CHECK(count(Counter::streams_closed_client) == 0);
  bosh::Body end = request(4);
  end.terminate = true;
  world.post(std::move(end));
  world.gateway.on_stream_event(StreamId{1}, upstream::Closed{});
  CHECK(count(Counter::streams_closed_client) == 1);
  CHECK(count(Counter::streams_closed_server) == 0);
  world.post(creation(1), "second");
  world.gateway.on_stream_event(StreamId{2}, upstream::Closed{bosh::Condition::RemoteConnectionFailed, {}, "lost"});
  CHECK(count(Counter::streams_closed_server) == 1);
  CHECK(count(Counter::streams_closed_client) == 1);
}

TEST_CASE("C-70 C-72 stanzas that nobody fetched and errors are counted") {
  World world;
  world.post(creation(1), "the-sid");
  world.gateway.on_stream_event(StreamId{1}, upstream::Arrived{{{xmpp::Kind::Message, "<message/>"}}});
  world.advance(10min);
  CHECK(world.counters.get(Counter::undelivered) == 1);  // the features, not confirmed either, are no stanza
  CHECK(world.counters.get(Counter::errors) == 0);
  bosh::Body bad = creation(1);
  bad.problem = bosh::Condition::BadRequest;
  world.post(std::move(bad), "other");
  CHECK(world.counters.get(Counter::errors) == 1);
}

TEST_CASE("B-26 C-45 route and stream_attrs reach the stream as the client wrote them") {
  World world;
  bosh::Body body = creation();
  body.route = "xmpp:server.example:5222";
  world.post(std::move(body), "the-sid");
  CHECK(world.streams[StreamId{1}]->spec.route == "xmpp:server.example:5222");
  bosh::Body restart = request(2);
  restart.restart = true;
  restart.stream_attrs = R"({"zone": "a"})";
  world.post(std::move(restart));
  CHECK(world.streams[StreamId{1}]->stream_attrs == R"({"zone": "a"})");
}

TEST_CASE("B-17 who names no domain gets the default one, and hears so; without it the domain is empty as it was") {
  World world;
  world.config.upstream.default_domain = "default.example";
  bosh::Body nameless = creation();
  nameless.to.clear();
  RequestId id = world.post(nameless, "a");
  CHECK(world.streams[StreamId{1}]->spec.domain == "default.example");
  CHECK(contains(world.answer_to(id)->body, "from='default.example'"));
  world.post(creation(), "b");
  CHECK(world.streams[StreamId{2}]->spec.domain == "example.org");
  World strict;
  strict.post(nameless, "a");
  CHECK(strict.streams[StreamId{1}]->spec.domain.empty());
}

TEST_CASE("a stream that closes is dropped once, also when its session is long forgotten") {
  World world;
  world.post(creation(1), "the-sid");
  bosh::Body end = request(2);
  end.terminate = true;
  world.post(std::move(end));
  CHECK(world.gateway.live_sessions() == 0);
  CHECK(world.streams.begin()->second->parting == upstream::Parting::ClientClosed);
  world.advance(10min);
  world.gateway.on_stream_event(StreamId{1}, upstream::Closed{});
  world.gateway.on_stream_event(StreamId{1}, upstream::Closed{});
  CHECK(world.dropped == std::vector<StreamId>{StreamId{1}});
}

TEST_CASE("an ended session is forgotten after a while, and no deadline is left (B-71, C-49)") {
  World world;
  world.post(creation(1), "the-sid");
  world.advance(10min);
  CHECK(world.gateway.live_sessions() == 0);
  CHECK(world.counters.get(Counter::sessions) == 0);
  CHECK(world.counters.get(Counter::sessions_ended) == 1);
  CHECK(world.streams.begin()->second->parting == upstream::Parting::ClientLost);
  CHECK(world.deadlines.empty());
  RequestId late = world.post(request(2));
  CHECK(contains(world.answer_to(late)->body, "condition='item-not-found'"));
  CHECK(world.counters.get(Counter::unknown_sids) == 1);
}

TEST_CASE("a connection that goes away takes its held request along (B-54)") {
  World world;
  world.post(creation(1), "the-sid");
  RequestId held = world.post(request(2));
  world.gateway.on_request_gone(held);
  world.gateway.on_request_gone(held);
  CHECK(world.counters.get(Counter::requests_held) == 0);
  CHECK(world.counters.get(Counter::client_aborts) == 1);
  world.gateway.on_stream_event(StreamId{1},
                                upstream::Arrived{{{xmpp::Kind::Message, "<message xmlns='jabber:client'/>"}}});
  CHECK(world.answer_to(held) == nullptr);
  RequestId again = world.post(request(2));
  REQUIRE(world.answer_to(again) != nullptr);
  CHECK(contains(world.answer_to(again)->body, "<message"));
}

TEST_CASE("shutting down tells every session, and new ones, system-shutdown (B-108, B-40)") {
  World world;
  world.post(creation(1), "the-sid");
  RequestId held = world.post(request(2));
  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  REQUIRE(world.answer_to(held) != nullptr);
  CHECK(contains(world.answer_to(held)->body, "condition='system-shutdown'"));
  CHECK(world.streams.begin()->second->parting == upstream::Parting::ClientLost);
  RequestId late = world.post(creation(1), "other");
  CHECK(contains(world.answer_to(late)->body, "condition='system-shutdown'"));
  CHECK(world.gateway.live_sessions() == 0);
}

TEST_CASE(
    "O-08 O-17 draining refuses new sessions and leaves the others; goodbyes come one by one; it can be taken back") {
  World world;
  world.post(creation(1), "one");
  world.post(creation(1), "two");
  world.gateway.drain(true);
  CHECK(contains(world.answer_to(world.post(creation(1), "late"))->body, "condition='system-shutdown'"));
  CHECK(world.gateway.live_sessions() == 2);
  world.gateway.say_goodbye(10s);
  CHECK(world.gateway.live_sessions() == 1);
  REQUIRE(world.gateway.next_goodbye());
  CHECK(*world.gateway.next_goodbye() == world.now + 5s);
  world.gateway.say_due_goodbyes();
  CHECK(world.gateway.live_sessions() == 1);
  world.gateway.drain(false);
  CHECK(!world.gateway.next_goodbye());
  world.post(creation(1), "again");
  CHECK(world.gateway.live_sessions() == 2);
  world.gateway.drain(true);
  world.gateway.say_goodbye(0s);
  CHECK(world.gateway.live_sessions() == 0);
}

TEST_CASE("back-pressure reaches the stream: a client that does not collect stops the reading of its server (U-36)") {
  World world;
  world.post(creation(1), "the-sid");
  std::string big = "<message xmlns='jabber:client'>" + std::string(2 << 20, 'x') + "</message>";
  world.gateway.on_stream_event(StreamId{1}, upstream::Arrived{{{xmpp::Kind::Message, big}}});
  CHECK_FALSE(world.streams.begin()->second->reading);
  RequestId poll = world.post(request(2));
  CHECK(world.answer_to(poll)->body.size() > big.size());
  CHECK(world.streams.begin()->second->reading);
}

TEST_CASE("B-90 B-94 B-96 a session with two streams has two upstreams, each with its own bytes and its own end") {
  World world;
  world.post(creation(), "the-sid");
  bosh::Body add = request(2);
  add.to = "other.example";
  add.xmpp_version = "1.0";
  world.post(add);
  REQUIRE(world.streams.size() == 2);
  FakeUpstream& first = *world.streams.begin()->second;
  FakeUpstream& second = *std::next(world.streams.begin())->second;
  CHECK(second.spec.domain == "other.example");
  CHECK(second.spec.client_address == "192.0.2.1");
  CHECK(first.spec.client_address == "192.0.2.1");

  world.post(request(3, "<a/>"));
  bosh::Body one = request(4, "<b/>");
  one.stream = bosh::stream_name("the-sid", 2);
  world.post(one);
  CHECK(first.sent == "<a/>");
  CHECK(second.sent == "<a/><b/>");

  bosh::Body end = request(5);
  end.stream = one.stream;
  end.terminate = true;
  world.post(end);
  CHECK(second.parting == upstream::Parting::ClientClosed);
  CHECK_FALSE(first.parting);
  CHECK(world.gateway.live_sessions() == 1);
  world.gateway.on_stream_event(second.id, upstream::Closed{});
  CHECK(world.dropped == std::vector{second.id});

  world.gateway.drain(true);
  world.gateway.say_goodbye(Duration::zero());
  CHECK(first.parting == upstream::Parting::ClientLost);
}

TEST_CASE("B-89 C-15 with pidgin_compatible, or one stream allowed, no request adds a stream") {
  config::Config config;
  SUBCASE("pidgin_compatible") { config.bosh.pidgin_compatible = true; }
  SUBCASE("one stream") { config.bosh.max_streams_per_session = 1; }
  World limited(config);
  limited.post(creation(), "the-sid");
  bosh::Body add = request(2);
  add.to = "other.example";
  add.xmpp_version = "1.0";
  limited.post(add);
  CHECK(limited.streams.size() == 1);
}

TEST_CASE("C-71 acknowledged answers are counted, and the stream hears of them") {
  World world;
  bosh::Body made = creation();
  made.ack = 1;
  world.post(made, "the-sid");
  world.post(request(2));
  CHECK(world.counters.get(Counter::responses_acked) == 1);
  CHECK(world.streams.begin()->second->acknowledged_answers == 1);
}
