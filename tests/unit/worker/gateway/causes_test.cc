// tests/unit/worker/gateway/causes_test.cc - what is said to be the reason of an end, and in which spelling of a domain.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/secret.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/gateway/journal_rig.h"
#include "worker/gateway/causes.h"

using namespace nxb;
using namespace nxb::gateway;
using namespace std::chrono_literals;
using stats::Counter;
using testing::contains;
using upstream::Closed;
using upstream::Stage;

namespace {

const Closed kRefused{bosh::Condition::RemoteConnectionFailed, {}, "connection refused", Stage::Tcp, "192.0.2.9:5222"};

// A BOSH session with a stream, and requests that add others.
struct Several : Watched {
  explicit Several(config::Config given = {}) : Watched(std::move(given)) {
    create_bosh(sid);
    told();
  }
  void add_stream(const std::string& to = "example.net") {
    bosh::Body body;
    body.to = to;
    ask(std::move(body));
  }
  void fall_silent() {
    say_bosh("<presence/>");  // whatever is held is answered
    for (std::uint32_t number = 1; number <= requests; ++number) gateway.on_request_gone({ConnId{7}, number});
    now += 10min;
    gateway.on_deadline(SessionKey{(std::uint64_t{1} << 32) | 1});
  }
};

// Of the one line of this type.
std::string line_of(const std::vector<std::string>& lines, std::string_view type) {
  for (const std::string& line : lines) {
    if (member(line, "type") == type) return line;
  }
  return {};
}

}  // namespace

TEST_CASE("O-18: a stream that failed before is not the reason of an end that has another") {
  Several world;
  world.add_stream();
  world.bring(StreamId{2}, kRefused);
  world.fall_silent();
  std::string end = line_of(world.told(), "session-end");
  CHECK(member(end, "why") == "inactivity");
  CHECK(member(end, "server") == "");
  std::string told = world.gateway.explain(world.sid);
  CAPTURE(told);
  CHECK(member(told, "why") == "inactivity");
  for (const char* name : {"server", "stage", "target"}) CHECK(member(told, name) == "");
}

TEST_CASE("O-18: of several streams the one that ended last is the reason, when none is left") {
  Several world;
  world.add_stream();
  world.bring(StreamId{1}, Closed{bosh::Condition::HostGone, {}, "gone", Stage::Stream, "192.0.2.1:5222"});
  world.bring(StreamId{2}, kRefused);
  for (int i = 0; i < 3; ++i) world.say_bosh("");
  std::string told = world.gateway.explain(world.sid);
  CAPTURE(told);
  CHECK(member(told, "why") == "server not reached");
  CHECK(member(told, "server") == "connection refused");
  CHECK(member(told, "stage") == "tcp");
}

TEST_CASE("O-18: a WebSocket's server is named only when it ended the session") {
  Watched world;
  auto end_of = [&](auto end) {
    world.told();
    SocketId id = world.login();
    std::string name = member(world.told().front(), "sid");
    end(id);
    return world.gateway.explain(name);
  };
  std::string told = end_of([&](SocketId) { world.bring(StreamId{1}, kRefused); });
  CHECK(member(told, "server") == "connection refused");
  CHECK(member(told, "target") == "192.0.2.9:5222");
  told = end_of([&](SocketId id) {
    world.say_close(id);
    world.bring(StreamId{2}, kRefused);
  });
  CHECK(member(told, "by") == "client");
  CHECK(member(told, "server") == "");
}

TEST_CASE("U-70 O-18: what is not taken is nxb's limit, the server did not end it") {
  struct Row {
    bosh::Condition condition;
    Stage stage;
    std::string_view by, why;
  };
  const Row rows[] = {{bosh::Condition::PolicyViolation, Stage::Stream, "nxb", "too much unsent"},
                      {bosh::Condition::PolicyViolation, Stage::Policy, "nxb", "refused by policy"},
                      {bosh::Condition::RemoteConnectionFailed, Stage::Stream, "server", "server lost"}};
  for (const Row& row : rows) {
    Several world;
    world.bring(StreamId{1}, Closed{row.condition, {}, "the server does not take it", row.stage, {}});
    std::string told = world.gateway.explain(world.sid);
    CAPTURE(told);
    CHECK(member(told, "by") == row.by);
    CHECK(member(told, "why") == row.why);
    CHECK(member(told, "server") == "the server does not take it");
  }
}

TEST_CASE("O-19: a domain has one spelling wherever it is named; what is none stays as it is") {
  for (const char* to : {"B\xc3\x9c"
                         "cher.Example.",
                         "xn--bcher-kva.example"}) {
    Watched world;
    world.create_bosh(world.sid, to);
    auto told = world.told();
    for (const char* type : {"session-start", "stream-add", "stream-added"}) {
      CHECK(member(line_of(told, type), "domain") == "xn--bcher-kva.example");
    }
    CHECK(member(line_of(told, "stream-add"), "to") == to);
    CHECK(world.server().spec.domain == to);
    CHECK(contains(world.gateway.explain(world.sid), R"("domain":"xn--bcher-kva.example","target")"));
    world.terminate();
    CHECK(member(line_of(world.told(), "session-end"), "domain") == "xn--bcher-kva.example");
    CHECK(member(world.gateway.explain(world.sid), "domain") == "xn--bcher-kva.example");
  }
  Watched world;
  world.create_bosh(world.sid, "no domain");
  CHECK(member(line_of(world.told(), "session-start"), "domain") == "no domain");
}

TEST_CASE("H-46 O-19: an added stream that session_rate refuses is told with the key that bit") {
  config::Config config;
  config.server.session_rate = 1;
  config.server.session_burst = 1;
  Several world(config);
  world.add_stream("EXAMPLE.net");
  std::string error = line_of(world.told(), "error");
  CHECK(member(error, "sid") == short_hash(world.sid));
  CHECK(member(error, "domain") == "example.net");
  CHECK(member(error, "stream") == "2");
  CHECK(member(error, "condition") == "policy-violation");
  CHECK(member(error, "why") == "session_rate");
  CHECK(world.count(Counter::streams_refused_rate) == 1);
}

TEST_CASE("O-19: session-end has the code of a WebSocket's Close, as the log has") {
  Watched world;
  SocketId id = world.login();
  world.say_close(id);
  world.close_frame(id);
  world.told();
  id = world.login();
  world.close_frame(id);
  CHECK(member(line_of(world.told(), "session-end"), "close") == "1000");
}

TEST_CASE("O-23: each end has one of a few causes, by its words, who ended it, and its condition") {
  using bosh::Condition;
  using bosh::EndedBy;
  using stats::Cause;
  CHECK(cause_of({"client terminated", Condition::None, EndedBy::Client}) == Cause::client);
  CHECK(cause_of({"closed without goodbye", Condition::None, EndedBy::Client}) == Cause::connection_lost);
  CHECK(cause_of({"inactivity"}) == Cause::inactivity);
  CHECK(cause_of({"no pong"}) == Cause::inactivity);
  CHECK(cause_of({"server closed", Condition::None, EndedBy::Server}) == Cause::server_closed);
  CHECK(cause_of({"stream error", Condition::RemoteStreamError, EndedBy::Server}) == Cause::stream_error);
  CHECK(cause_of({"TLS failed", Condition::RemoteConnectionFailed, EndedBy::Server}) == Cause::server_unreachable);
  CHECK(cause_of({"refused by policy", Condition::HostUnknown}) == Cause::refused);
  CHECK(cause_of({"see other uri", Condition::SeeOtherUri}) == Cause::refused);
  CHECK(cause_of({"request_rate", Condition::PolicyViolation}) == Cause::limit);
  CHECK(cause_of({"wrong key", Condition::ItemNotFound}) == Cause::protocol);
  CHECK(cause_of({"shutdown", Condition::SystemShutdown, EndedBy::Operator}) == Cause::shutdown);
  CHECK(cause_of({"internal error", Condition::InternalServerError}) == Cause::internal);
}
