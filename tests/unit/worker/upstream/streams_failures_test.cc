// tests/unit/worker/upstream/streams_failures_test.cc - servers that hang up, fall silent or talk nonsense at each step
// of a set-up: what the client is told, what the operator, and that nothing is left.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/upstream/streams_rig.h"

namespace nxb::upstream {
namespace {

using Rig = StreamsRig;

const std::string kStreamStart = "xmlns:stream";
const std::string kHello = "\x16";  // of TLS

Counter counter_of(Stage stage) {
  constexpr Counter kCounters[] = {Counter::streams_failed_policy, Counter::streams_failed_dns,
                                   Counter::streams_failed_tcp, Counter::streams_failed_tls,
                                   Counter::streams_failed_stream};
  return kCounters[static_cast<std::size_t>(stage)];
}

void check_end(Rig& rig, Stage stage, const std::string& why) {
  CHECK(rig.ears.log.ends_with("C:remote-connection-failed "));
  CHECK((rig.ears.end.stage == stage));
  CHECK(rig.ears.end.target == rig.server.address());
  CHECK(rig.ears.end.why.find(why) != std::string::npos);
  CHECK(rig.counters.get(Counter::streams_failed) == 1);
  CHECK(rig.counters.get(counter_of(stage)) == 1);
  CHECK(rig.counters.get(Counter::streams_opened) == 0);
  CHECK(rig.deadlines.size() == 0);
  CHECK(rig.pool.lent() == 0);
  CHECK(rig.turns.until([&] { return rig.server.ended; }));  // its socket is closed
}

struct Step {
  const char* after;
  std::vector<Act> before;
  std::string wait;  // then the server hangs up, or says no more
  Stage stage;
  const char *hung_up, *silent;
};

std::vector<Step> steps() {
  auto script = Rig::tls_script();
  auto first = [&](std::size_t count) {
    return std::vector<Act>(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(count));
  };
  return {
      {"accepting", {}, "", Stage::Stream, "before its stream header", "no stream header in time"},
      {"hearing the header", {}, kStreamStart, Stage::Stream, "before its stream header", "no stream header in time"},
      {"its header", {{kStreamStart, kHeader}}, "", Stage::Stream, "before its features", "no stream features in time"},
      {"its features", first(1), "", Stage::Tls, "instead of an answer to STARTTLS", "no answer to STARTTLS in time"},
      {"<proceed/>",
       {script[0], {"<starttls", kProceed}},
       kHello,
       Stage::Tls,
       "during the TLS handshake",
       "no TLS handshake in time"},
      {"the handshake", first(2), kStreamStart, Stage::Stream, "before its stream header", "no stream header in time"},
      {"its second header",
       {script[0], script[1], {kStreamStart, kSecond}},
       "",
       Stage::Stream,
       "before its features",
       "no stream features in time"},
  };
}

TEST_CASE("U-17 U-64 U-65 U-66 a server that hangs up after each step of the set-up") {
  for (auto how : {Then::Drop, Then::Fin}) {
    for (const Step& step : steps()) {
      CAPTURE(std::string(step.after));
      auto script = step.before;
      script.push_back({step.wait, "", how});
      Rig rig(script);
      rig.config.upstream.domain[0].tls = TlsMode::Required;
      rig.server.use_tls(authority(), {"DNS:example.org"});
      rig.open().send("<auth/>");
      REQUIRE(rig.until_closed());
      check_end(rig, step.stage, step.hung_up);
      CHECK(rig.server.heard.find("<auth/>") == std::string::npos);
    }
  }
}

TEST_CASE("U-17 U-64 a server that falls silent after each step of the set-up: all of it has but one time") {
  for (const Step& step : steps()) {
    CAPTURE(std::string(step.after));
    Rig rig(step.before);
    rig.config.upstream.domain[0].tls = TlsMode::Required;
    rig.config.upstream.setup_timeout = 400ms;
    rig.server.use_tls(authority(), {"DNS:example.org"});
    Instant before = rig.turns.loop.now();
    rig.open();
    REQUIRE(rig.until_closed());
    CHECK(rig.turns.loop.now() - before >= 400ms);
    check_end(rig, step.stage, step.silent);
  }
}

TEST_CASE("U-17 U-65 direct TLS: a server that hangs up or falls silent in the handshake") {
  for (bool silent : {false, true}) {
    Rig rig({{kHello, "", silent ? Then::Nothing : Then::Drop}});
    rig.config.upstream.domain[0].tls = TlsMode::Direct;
    rig.config.upstream.setup_timeout = 400ms;
    rig.open();
    REQUIRE(rig.until_closed());
    check_end(rig, Stage::Tls, silent ? "no TLS handshake in time" : "during the TLS handshake");
  }
}

TEST_CASE("U-62 U-63 U-64 each failure is counted once, by how far the stream had come") {
  struct Row {
    const char *domain, *condition;
    Stage stage;
    const char* target;
  };
  const Row rows[] = {
      {"denied.example", "host-unknown", Stage::Policy, ""},
      {"localhost", "host-unknown", Stage::Policy, "localhost:5222"},
      {"none.example", "host-unknown", Stage::Dns, "none.example:5222"},
      {"down.example", "remote-connection-failed", Stage::Tcp, "127.0.0.1:1"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.domain));
    Rig rig;
    rig.config.upstream.deny = {"denied.example"};
    rig.config.upstream.domain.push_back({"down.example", "127.0.0.1:1", std::nullopt, "", "", true});
    rig.open(row.domain);
    REQUIRE(rig.until_closed());
    CHECK(rig.ears.log == "C:" + std::string(row.condition) + " ");
    CHECK((rig.ears.end.stage == row.stage));
    CHECK(rig.ears.end.target == row.target);
    CHECK(rig.ears.end.why.size() > 4);
    std::uint64_t total = 0;
    for (auto stage : {Stage::Policy, Stage::Dns, Stage::Tcp, Stage::Tls, Stage::Stream}) {
      total += rig.counters.get(counter_of(stage));
    }
    CHECK(total == 1);
    CHECK(rig.counters.get(counter_of(row.stage)) == 1);
  }
}

TEST_CASE("U-34 U-68 see-other-host is told as the stream error it is; nobody is connected to instead") {
  const std::string error =
      "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:1</see-other-host>"
      "</stream:error></stream:stream>";
  Rig rig({{kStreamStart, kHeader + error}});
  rig.open();
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "C:remote-stream-error ");
  CHECK(rig.ears.end.stream_error.find(">127.0.0.1:1</see-other-host>") != std::string::npos);
  CHECK(rig.ears.end.why == "stream error by the server: see-other-host");
  CHECK(rig.server.accepted == 1);
  CHECK(rig.counters.get(Counter::streams_failed_stream) == 1);
}

TEST_CASE("U-67 an end without an error is no failure") {
  Rig rig({{kStreamStart, kHeader + kFeatures + kEnd}});
  rig.open();
  REQUIRE(rig.until_closed());
  CHECK((rig.ears.end.condition == bosh::Condition::None));
  CHECK_FALSE(rig.ears.end.stage.has_value());
  CHECK(rig.counters.get(Counter::streams_failed) == 0);
}

TEST_CASE("the word of a stream error is found, and nothing else is taken for one") {
  const std::string open = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>";
  CHECK(condition_in(open + "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>") == "conflict");
  CHECK(condition_in(open + "</stream:error>") == "");
  CHECK(condition_in(open + "<" + std::string(100, 'a') + "/></stream:error>") == "");
  CHECK(condition_in("") == "");
  CHECK(condition_in("<a") == "");
}

}  // namespace
}  // namespace nxb::upstream
