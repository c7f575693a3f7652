// tests/unit/worker/gateway/many_streams_test.cc - sessions with as many streams as can be allowed.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <utility>

#include "common/base/check.h"
#include "worker/gateway/gateway.h"

using namespace nxb;
using namespace std::chrono_literals;
using stats::Counter;

namespace {

struct World;

// A server that is still being connected to: let go, it is closed at once, from within the call.
struct Connecting final : upstream::Upstream {
  Connecting(World& w, StreamId i) : world(w), id(i) {}
  void open(const upstream::StreamSpec&) override {}
  void send(std::string_view) override {}
  void restart(std::string_view) override {}
  void set_reading(bool) override {}
  void close(upstream::Parting, const std::vector<xmpp::Stanza>&) override;
  World& world;
  StreamId id;
};

struct World final : gateway::Ports {
  explicit World(const config::Config& c) : config(c), gateway(config, *this, counters, [this] { return now; }) {}

  void reply(RequestId to, gateway::Reply answer) override { replies[to] = std::move(answer); }
  void hang_up(RequestId) override {}
  upstream::Upstream& make_stream(StreamId id) override {
    return *streams.emplace(id, std::make_unique<Connecting>(*this, id)).first->second;
  }
  upstream::Upstream* stream(StreamId id) override {
    auto at = streams.find(id);
    return at == streams.end() ? nullptr : at->second.get();
  }
  void drop_stream(StreamId id) override {
    dropped.push_back(std::move(streams.at(id)));
    streams.erase(id);
  }
  void wake_at(SessionKey, std::optional<Instant>) override {}
  void send_frame(SocketId, ws::Opcode, std::string_view) override {}
  std::size_t unsent(SocketId) const override { return 0; }
  void close_socket(SocketId) override {}
  void read_socket(SocketId, bool) override {}
  void wake_socket_at(SocketId, std::optional<Instant>) override {}

  RequestId post(bosh::Body body) {
    RequestId id{ConnId{1}, ++requests};
    body.rid = Rid{++rid};
    gateway.on_request(id, std::move(body), {"192.0.2.1"}, "sid");
    return id;
  }
  void open() {
    bosh::Body body;
    body.to = "example.org";
    body.ver = bosh::Version{1, 6};
    post(std::move(body));
    gateway.on_stream_event(StreamId{1}, upstream::Opened{"id", ""});
  }
  RequestId add_stream() {
    bosh::Body body;
    body.sid = "sid";
    body.to = "example.net";
    return post(std::move(body));
  }
  RequestId poll() {
    bosh::Body body;
    body.sid = "sid";
    return post(std::move(body));
  }

  config::Config config;
  stats::Counters counters;
  Instant now{1h};
  std::uint32_t requests = 0;
  std::uint64_t rid = 0;
  std::map<RequestId, gateway::Reply> replies;
  std::map<StreamId, std::unique_ptr<Connecting>> streams;
  std::vector<std::unique_ptr<Connecting>> dropped;
  gateway::Gateway gateway;
};

void Connecting::close(upstream::Parting, const std::vector<xmpp::Stanza>&) {
  world.gateway.on_stream_event(id, upstream::Closed{});
}

}  // namespace

TEST_CASE("H-44 B-81 all streams that a session may have can close in the turn that ends it") {
  config::Config config;
  config.bosh.max_streams_per_session = 100;
  config.bosh.request_rate = config.server.session_rate = 0;
  World world(config);
  world.open();
  for (int i = 0; i < 99; ++i) world.add_stream();
  REQUIRE(world.streams.size() == 100);
  bosh::Body last;
  last.sid = "sid";
  last.terminate = true;
  world.post(std::move(last));
  CHECK(world.streams.empty());
  CHECK(world.gateway.live_sessions() == 0);
}

TEST_CASE("H-46 an added stream takes a token of its client's address, as a session does; refused, only it ends") {
  config::Config config;
  config.server.session_rate = 1;
  config.server.session_burst = 3;
  World world(config);
  world.open();  // the first token
  world.add_stream();
  world.add_stream();
  CHECK(world.streams.size() == 3);
  RequestId refused = world.add_stream();
  RequestId next = world.poll();
  CHECK(world.streams.size() == 3);
  CHECK(world.counters.get(Counter::streams_refused_rate) == 1);
  bool told = false;
  for (RequestId id : {refused, next}) {
    told = told ||
           world.replies[id].body.find("type='terminate' condition='policy-violation' stream='") != std::string::npos;
  }
  CHECK(told);
  CHECK(world.gateway.live_sessions() == 1);
  world.now += 1s;
  world.add_stream();
  CHECK(world.streams.size() == 4);
}
