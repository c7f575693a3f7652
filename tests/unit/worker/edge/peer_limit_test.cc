// tests/unit/worker/edge/peer_limit_test.cc - connections of one peer: the count, and what the edge does about it.
// SPDX-License-Identifier: MIT
#include "worker/edge/peer_limit.h"

#include "tests/unit/worker/edge/rig.h"

using namespace nxb;
using namespace nxb::testing;
using edge::PeerLimit;
using edge::TrustedProxies;
using stats::Counter;
using Verdict = PeerLimit::Verdict;

namespace {

Client from(EdgeRig& rig, const std::string& peer, const std::string& bytes = "") {
  return Client(rig, Family::Unix, 0, 0, "", bytes, peer);
}

}  // namespace

TEST_CASE("H-45 a peer is welcome below the limit, refused at it, and shut out at twice the limit") {
  std::vector<TrustedProxies> trusted(1);
  PeerLimit limit(2, trusted);
  std::vector<Verdict> verdicts;
  for (int port = 1; port <= 5; ++port) {
    std::string peer = "192.0.2.7:" + std::to_string(port);
    verdicts.push_back(limit.judge(peer, 0));
    limit.opened(peer, 0);
  }
  CHECK(verdicts == std::vector{Verdict::Welcome, Verdict::Welcome, Verdict::Refused, Verdict::Refused, Verdict::Shut});
  CHECK(limit.judge("192.0.2.8:1", 0) == Verdict::Welcome);
  for (int i = 0; i < 4; ++i) limit.closed("192.0.2.7:9", 0);
  CHECK(limit.judge("192.0.2.7:1", 0) == Verdict::Welcome);
}

TEST_CASE("H-45 IPv6 peers count by /64; unix peers and the listener's trusted proxies do not; 0 is no limit") {
  std::vector<TrustedProxies> trusted{TrustedProxies({"10.0.0.1"}), TrustedProxies()};
  PeerLimit limit(1, trusted);
  for (const char* peer : {"[2001:db8::1]:80", "unix:", "unix:/run/x", "10.0.0.1:80"}) limit.opened(peer, 0);
  CHECK(limit.judge("[2001:db8::2]:80", 0) == Verdict::Refused);
  CHECK(limit.judge("[2001:db8:0:1::1]:80", 0) == Verdict::Welcome);
  CHECK(limit.judge("unix:", 0) == Verdict::Welcome);
  CHECK(limit.judge("unix:/run/x", 0) == Verdict::Welcome);
  CHECK(limit.judge("10.0.0.1:81", 0) == Verdict::Welcome);
  limit.opened("10.0.0.1:81", 1);
  CHECK(limit.judge("10.0.0.1:82", 1) == Verdict::Refused);
  PeerLimit none(0, trusted);
  for (int i = 0; i < 10; ++i) none.opened("192.0.2.7:1", 0);
  CHECK(none.judge("192.0.2.7:1", 0) == Verdict::Welcome);
}

TEST_CASE("H-45 a connection above the limit hears 503 with Retry-After and is closed; the others do not notice") {
  EdgeRig rig;
  rig.config.server.max_connections_per_address = 1;
  rig.open();
  std::string request = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  Client first = from(rig, "192.0.2.7:1");
  first.send(request);
  REQUIRE(rig.until_seen(1));
  Client second = from(rig, "192.0.2.7:2");
  second.send(request);
  REQUIRE(second.is_closed_by_nxb());
  CHECK(second.received.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(second.received.find("Retry-After: ") != std::string::npos);
  CHECK(second.received.find("Connection: close\r\n") != std::string::npos);
  CHECK(second.received.find("type='error'") != std::string::npos);  // before nxb knows what it asks for
  CHECK(rig.requests.seen.size() == 1);
  CHECK(rig.count(Counter::connections_refused_address) == 1);

  Client third = from(rig, "192.0.2.7:3");  // the second is still being told
  REQUIRE(third.is_closed_by_nxb());
  CHECK(third.received.empty());
  CHECK(rig.count(Counter::connections_refused_address) == 2);

  rig.answer(0, "<answer/>");
  CHECK(first.gets("<answer/>"));
  second.close();
  first.close();
  REQUIRE(rig.run_until([&] { return rig.edge->idle(); }));
  Client next = from(rig, "192.0.2.7:4");
  next.send(request);
  CHECK(rig.until_seen(2));
}

TEST_CASE("H-45 a connection that another worker hands over counts, too, and its request hears 503 with CORS") {
  EdgeRig rig;
  rig.config.server.max_connections_per_address = 1;
  rig.config.http.allowed_origins = {"https://web.example"};
  rig.open();
  Client first = from(rig, "192.0.2.7:1");
  std::string request = post(body("rid='1' sid='" + rig.sid_of(0) + "'"), "Origin: https://web.example\r\n");
  Client second = from(rig, "192.0.2.7:2", request);
  REQUIRE(second.is_closed_by_nxb());
  CHECK(second.received.starts_with("HTTP/1.1 503 "));
  CHECK(second.received.find("Access-Control-Allow-Origin: https://web.example\r\n") != std::string::npos);
  CHECK(rig.requests.seen.empty());
}
