// tests/unit/worker/upstream/congestion_test.cc - servers that do not take what their client sends, or take it slowly.
// SPDX-License-Identifier: MIT
#include "worker/upstream/congestion.h"
#include "tests/unit/worker/upstream/streams_rig.h"

namespace nxb::upstream {
namespace {

// No stanza, or the stream would have a deadline of its own from then on (U-27).
const std::string kPart = "<part>" + std::string(100'000, 'x') + "</part>";

// A server that reads nothing, and what was heard of it.
struct Rig : StreamsRig {
  Rig() {
    ears.on_event = [this](const Event& event) {
      if (const auto* congested = std::get_if<Congested>(&event)) news += congested->on ? "on " : "off ";
    };
  }
  Upstream& run_deaf() {
    Upstream& up = run();
    server.stream->pause(uv::PauseReason::Busy);
    return up;
  }
  // Until the kernel takes no more, and nxb has more than kMaxUnsent.
  std::size_t fill(Upstream& up) {
    std::size_t sent = 0;
    for (; news.empty() && sent < std::size_t{64} << 20; sent += kPart.size()) up.send(kPart);
    return sent;
  }
  std::string news;
};

}  // namespace

TEST_CASE("U-36 a server that takes nothing for the whole patience is stalled; one that takes a little is not") {
  const Instant begin{Duration(1'000'000)};
  Congestion congestion(10s, 5'000, begin);
  CHECK(congestion.look_at() == begin + 1s);
  CHECK_FALSE(congestion.is_stalled(5'000, begin + 9s));
  CHECK(congestion.look_at() == begin + 10s);
  SUBCASE("it took nothing") { CHECK(congestion.is_stalled(5'000, begin + 10s)); }
  SUBCASE("it took some") {
    CHECK_FALSE(congestion.is_stalled(4'999, begin + 10s));
    CHECK_FALSE(congestion.is_stalled(4'999, begin + 19s));
    CHECK(congestion.is_stalled(4'999, begin + 20s));
  }
  SUBCASE("it took some, and as much was added") {
    congestion.see(4'000, begin + 9s);
    congestion.see(5'000, begin + 9s);
    CHECK_FALSE(congestion.is_stalled(5'000, begin + 10s));
    CHECK(congestion.is_stalled(5'000, begin + 19s));
  }
  SUBCASE("more is no sign that it took any") {
    congestion.see(6'000, begin + 9s);
    CHECK(congestion.is_stalled(6'000, begin + 10s));
  }
}

TEST_CASE("U-36 U-35 above 1 MiB unsent the stream is congested, until all is taken; nothing is lost meanwhile") {
  Rig rig;
  Upstream& up = rig.run_deaf();
  std::size_t sent = rig.fill(up);
  CHECK(rig.news == "on ");
  up.send(kPart);
  up.send("<last/>");
  CHECK(rig.news == "on ");
  CHECK_FALSE(rig.ears.closed);
  rig.server.heard.clear();
  rig.server.stream->resume(uv::PauseReason::Busy);
  REQUIRE(rig.turns.until([&] { return rig.news == "on off "; }));
  REQUIRE(rig.heard("<last/>"));
  CHECK(rig.server.heard.size() == sent + kPart.size() + 7);
  rig.fill(up);
  CHECK_FALSE(rig.ears.closed);
  CHECK(rig.deadlines.size() == 0);
}

TEST_CASE("U-36 U-70 a server that takes nothing for write_timeout loses the stream: policy-violation") {
  Rig rig;
  rig.config.upstream.write_timeout = 200ms;
  rig.fill(rig.run_deaf());
  const Instant began = rig.turns.loop.now();
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.end.condition == bosh::Condition::PolicyViolation);
  CHECK(rig.turns.loop.now() - began >= 200ms);
  CHECK(rig.deadlines.size() == 0);
}

TEST_CASE("H-44 U-36 U-70 a client that sends on nevertheless: policy-violation above 2 MiB, and memory is bounded") {
  Rig rig;
  Upstream& up = rig.run_deaf();
  rig.fill(up);
  std::size_t more = 0;
  for (; !rig.ears.closed && more < std::size_t{64} << 20; more += kPart.size()) up.send(kPart);
  CHECK(rig.ears.end.condition == bosh::Condition::PolicyViolation);
  CHECK(more > kMaxUnsent - 2 * kPart.size());
  CHECK(more < kMaxUnsent + 2 * kPart.size());
}

TEST_CASE("U-30 U-36 once it is let go, a stream says nothing of its server any more") {
  Rig rig;
  rig.config.upstream.write_timeout = 100ms;
  Upstream& up = rig.run_deaf();
  rig.fill(up);
  up.close(Parting::ClientClosed, {});
  rig.server.stream->resume(uv::PauseReason::Busy);
  REQUIRE(rig.heard(kEnd));
  CHECK(rig.news == "on ");
}

TEST_CASE("U-36 U-48 a server that asks for handshakes without end and takes no answer is left") {
  StreamsRig rig;
  rig.config.upstream.domain[0].tls = TlsMode::Direct;
  rig.server.use_tls(authority(), {"DNS:example.org"}, {0x0303, ""});  // TLS 1.2
  rig.server.secure = true;
  rig.run();
  rig.server.stream->pause(uv::PauseReason::Busy);
  for (int i = 0; i < 3'000; ++i) rig.server.stream->write(rig.server.tls->ask_for_another_handshake());
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.end.condition == bosh::Condition::RemoteConnectionFailed);
  CHECK(rig.ears.end.why.find("without end") != std::string::npos);
}

}  // namespace nxb::upstream
