// tests/unit/worker/gateway/limits_test.cc - what one address and one session may do, and who is sent elsewhere.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "worker/gateway/gateway.h"

using namespace nxb;
using namespace std::chrono_literals;
using stats::Counter;

namespace {

// A server that never says a word, and is told none.
struct Silence final : upstream::Upstream {
  void open(const upstream::StreamSpec&) override {}
  void send(std::string_view) override {}
  void restart(std::string_view) override {}
  void set_reading(bool) override {}
  void close(upstream::Parting, const std::vector<xmpp::Stanza>&) override {}
};

struct World final : gateway::Ports {
  World() : gateway(config, *this, counters, [this] { return now; }) {
    log::set_level(log::Level::Warn);  // these are many thousand sessions, with a line each
  }

  void reply(RequestId to, gateway::Reply answer) override { replies[to] = std::move(answer); }
  void hang_up(RequestId of) override { hung_up.push_back(of); }
  upstream::Upstream& make_stream(StreamId id) override {
    streams.push_back(id);
    return silence;
  }
  upstream::Upstream* stream(StreamId) override { return &silence; }
  void drop_stream(StreamId) override {}
  void wake_at(SessionKey, std::optional<Instant>) override {}
  void send_frame(SocketId, ws::Opcode, std::string_view) override {}
  std::size_t unsent(SocketId) const override { return 0; }
  void close_socket(SocketId) override {}
  void read_socket(SocketId, bool) override {}
  void wake_socket_at(SocketId, std::optional<Instant>) override {}

  RequestId send(bosh::Body body, std::string_view sid, const gateway::Client& client) {
    RequestId id{ConnId{1}, ++requests};
    gateway.on_request(id, std::move(body), client, sid);
    return id;
  }
  RequestId create(const std::string& sid, const gateway::Client& client = {"192.0.2.1"}, bool legacy = false) {
    bosh::Body body;
    body.rid = Rid{1};
    body.to = "example.org";
    if (!legacy) body.ver = bosh::Version{1, 6};
    return send(std::move(body), sid, client);
  }
  // A session whose creation is answered, as it is without features after a while.
  void open(const std::string& sid, const gateway::Client& client = {"192.0.2.1"}) {
    create(sid, client);
    gateway.on_stream_event(streams.back(), upstream::Opened{"id", ""});
  }
  RequestId post(const std::string& sid, std::uint64_t rid, const gateway::Client& client = {"192.0.2.1"}) {
    bosh::Body body;
    body.sid = sid;
    body.rid = Rid{rid};
    body.payloads = "<presence/>";  // empty ones that come too often are another matter
    body.payload_count = 1;
    return send(std::move(body), {}, client);
  }
  bool heard(RequestId id, std::string_view text) const {
    auto at = replies.find(id);
    return at != replies.end() && at->second.body.find(text) != std::string::npos;
  }
  std::uint64_t count(Counter counter) const { return counters.get(counter); }

  config::Config config;
  stats::Counters counters;
  Instant now{1h};
  std::uint32_t requests = 0;
  Silence silence;
  std::map<RequestId, gateway::Reply> replies;
  std::vector<RequestId> hung_up;
  std::vector<StreamId> streams;
  gateway::Gateway gateway;
};

constexpr std::string_view kViolation = "type='terminate' condition='policy-violation'";

}  // namespace

TEST_CASE("H-45 B-40 above max_sessions_per_address a creation is a policy violation; an end makes room") {
  World world;
  world.config.server.max_sessions_per_address = 1;
  world.open("a");
  RequestId refused = world.create("b");
  CHECK(world.heard(refused, kViolation));
  CHECK(world.count(Counter::sessions_refused_limit) == 1);
  CHECK(world.gateway.live_sessions() == 1);
  CHECK(world.streams.size() == 1);
  world.create("c", {"192.0.2.2"});
  CHECK(world.gateway.live_sessions() == 2);
  world.post("a", 99);  // outside the window: the session ends
  CHECK(world.gateway.live_sessions() == 1);
  world.create("d");
  CHECK(world.gateway.live_sessions() == 2);
}

TEST_CASE("H-45 B-40 above max_sessions it is internal-server-error, and counted") {
  World world;
  world.config.server.max_sessions = 1;
  world.create("a");
  CHECK(world.heard(world.create("b"), "condition='internal-server-error'"));
  CHECK(world.count(Counter::sessions_refused_limit) == 1);
}

TEST_CASE("H-46 B-40 sessions are created at session_rate per address; a refused creation leaves nothing") {
  World world;
  world.config.server.session_rate = 20;
  world.config.server.session_burst = 3;
  for (const char* sid : {"a", "b", "c"}) world.create(sid);
  RequestId refused = world.create("d");
  CHECK(world.heard(refused, kViolation));
  CHECK(world.replies[refused].status == 200);
  CHECK(world.replies[world.create("d", {"192.0.2.1"}, true)].status == 403);  // B-106
  CHECK(world.count(Counter::sessions_refused_rate) == 2);
  CHECK(world.count(Counter::sessions_opened) == 3);
  CHECK(world.count(Counter::requests_held) == 3);
  CHECK(world.streams.size() == 3);
  world.now += 50ms;
  world.create("d");
  CHECK(world.gateway.live_sessions() == 4);
}

TEST_CASE("H-46 by default a session may send 100 requests at once and 50 a second, resends included") {
  World world;
  world.open("a");
  world.post("a", 2);  // held
  for (std::uint64_t rid = 3; rid <= 95; ++rid) world.post("a", rid);
  for (int i = 0; i < 6; ++i) world.post("a", 95);  // makes 100, taken over each time
  CHECK(world.gateway.live_sessions() == 1);
  world.now += 20ms;
  world.post("a", 95);
  CHECK(world.gateway.live_sessions() == 1);
  CHECK(world.count(Counter::requests_over_rate) == 0);
  RequestId over = world.post("a", 95);
  CHECK(world.heard(over, kViolation));
  CHECK(world.gateway.live_sessions() == 0);
  CHECK(world.count(Counter::requests_over_rate) == 1);
  CHECK(world.count(Counter::requests_held) == 0);
}

TEST_CASE("H-46 a session's rate is its own, its first request is not counted twice, and 0 is no limit") {
  World world;
  world.config.bosh.request_rate = 1;
  world.config.bosh.request_burst = 2;
  for (const char* sid : {"a", "b"}) {
    world.open(sid);
    world.post(sid, 2);
    world.post(sid, 3);
  }
  CHECK(world.gateway.live_sessions() == 2);
  world.config.bosh.request_rate = 0;
  for (std::uint64_t rid = 4; rid < 300; ++rid) world.post("a", rid);
  CHECK(world.gateway.live_sessions() == 2);
  world.config.bosh.request_rate = 1;
  world.post("b", 4);
  CHECK(world.gateway.live_sessions() == 1);
}

TEST_CASE("B-111 H-47 a request over http for a session created over https: hung up, the session does not notice") {
  World world;
  gateway::Client secure{"192.0.2.1", true};
  world.open("a", secure);
  RequestId held = world.post("a", 2, secure);
  RequestId plain = world.post("a", 3);
  CHECK(world.hung_up == std::vector{plain});
  CHECK_FALSE(world.replies.contains(plain));
  CHECK_FALSE(world.replies.contains(held));
  CHECK(world.count(Counter::connections_dropped_insecure) == 1);
  CHECK(world.count(Counter::requests_held) == 1);
  world.gateway.on_request_gone(plain);  // as the edge may say of it
  RequestId next = world.post("a", 3, secure);
  CHECK(world.heard(held, "<body"));
  CHECK_FALSE(world.replies.contains(next));
  world.post("a", 99, secure);  // it ends; what is remembered of it is not for everybody either
  world.post("a", 3);
  CHECK(world.hung_up.size() == 2);
}

TEST_CASE("B-111 a session created over http takes requests over either") {
  World world;
  world.open("a");
  world.post("a", 2, {"192.0.2.1", true});
  world.post("a", 3);
  CHECK(world.hung_up.empty());
}

TEST_CASE("B-109 with see_other_uri every creation is sent there and none is made; off by default") {
  World world;
  world.open("a");
  CHECK(world.gateway.live_sessions() == 1);
  world.config.bosh.see_other_uri = "https://other.example/bind?a&b";
  RequestId id = world.create("b");
  CHECK(world.heard(id,
                    "type='terminate' condition='see-other-uri'><uri>https://other.example/bind?a&amp;b</uri></body>"));
  CHECK(world.gateway.live_sessions() == 1);
  CHECK(world.count(Counter::sessions_referred) == 1);
  CHECK(world.count(Counter::errors) == 0);
  RequestId held = world.post("a", 2);  // sessions that are there go on
  CHECK_FALSE(world.heard(held, "terminate"));
}

TEST_CASE("H-44 B-83 what ended sessions keep for their clients is bounded in bytes, the oldest is forgotten first") {
  World world;
  world.config.server.session_rate = 0;
  constexpr std::size_t kSize = 2 << 20;
  constexpr std::size_t kFit = gateway::BoshSessions::kRememberedBytes / kSize - 1;  // each is a little larger
  auto end_one = [&](const std::string& sid) {
    world.open(sid);
    upstream::Arrived last_words;
    last_words.stanzas.push_back({xmpp::Kind::Message, std::string(kSize, 'x')});
    world.gateway.on_stream_event(world.streams.back(), std::move(last_words));
    world.gateway.on_stream_event(world.streams.back(), upstream::Closed{});
    world.replies.clear();
  };
  for (std::size_t i = 0; i < kFit; ++i) end_one("s" + std::to_string(i));
  CHECK(world.count(Counter::endings_dropped) == 0);
  end_one("more");
  end_one("and more");
  CHECK(world.count(Counter::endings_dropped) == 2);
  CHECK(world.heard(world.post("s0", 2), "item-not-found"));
  CHECK(world.heard(world.post("s1", 2), "item-not-found"));
  CHECK(world.heard(world.post("s2", 2), "xxx"));
  world.post("s2", 2);
  end_one("another");
  CHECK(world.count(Counter::endings_dropped) == 3);
  CHECK(world.heard(world.post("and more", 2), "xxx"));
}

TEST_CASE("H-44 C-49 at most 65536 ended sessions are remembered, the oldest is forgotten first") {
  World world;
  world.config.server.session_rate = 0;
  world.config.bosh.request_rate = 0;
  constexpr std::size_t kMost = gateway::BoshSessions::kRemembered;
  CHECK(kMost == 65536);
  for (std::size_t i = 0; i <= kMost; ++i) {
    std::string sid = "s" + std::to_string(i);
    world.create(sid);
    world.post(sid, 99);  // outside the window
    if (i + 1 == kMost) CHECK(world.count(Counter::endings_dropped) == 0);
    world.replies.clear();
  }
  CHECK(world.count(Counter::endings_dropped) == 1);
  std::uint64_t unknown = world.count(Counter::unknown_sids);
  CHECK(world.heard(world.post("s0", 98), "item-not-found"));
  CHECK(world.count(Counter::unknown_sids) == unknown + 1);
  world.post("s1", 98);
  CHECK(world.count(Counter::unknown_sids) == unknown + 1);
}
