// tests/unit/worker/edge/metrics_address_test.cc - [metrics] listen: what is at that address, and what elsewhere.
// SPDX-License-Identifier: MIT
#include "common/config/config.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/edge/one_answer.h"

using namespace nxb;
using namespace nxb::testing;

TEST_CASE("O-23 the address of [metrics] has /metrics for everybody, /healthz and /readyz, and nothing else") {
  EdgeRig rig;
  rig.config.listen[0].metrics_only = true;
  rig.config.metrics.listen = "192.0.2.1:9100";
  rig.config.monitor.system_info_password = "secret";
  rig.config.discovery.bosh_url = "https://example.org/";
  SUBCASE("the monitor is for this machine") { rig.config.monitor.access = config::MonitorAccess::Local; }
  SUBCASE("the monitor is off") { rig.config.monitor.access = config::MonitorAccess::Off; }
  rig.open();
  const std::string stranger = "192.0.2.7:4000";
  CHECK(contains(answer_to(rig, get("/metrics"), stranger), "\nnxb_uptime_seconds "));
  CHECK(status_of(answer_to(rig, get("/metrics", "X-Forwarded-For: 192.0.2.9\r\n"), stranger)) == "200");
  CHECK(status_of(answer_to(rig, get("/healthz"), stranger)) == "200");
  CHECK(status_of(answer_to(rig, get("/readyz"), stranger)) == "200");
  for (const char* path : {"/", "/monitor.json", "/http-bind", "/http-bind/sysinfo", "/xmpp-websocket", "/favicon.ico",
                           "/.well-known/host-meta", "/metrics/"}) {
    INFO(path);
    CHECK(status_of(answer_to(rig, get(path))) == "404");
    CHECK(status_of(answer_to(rig, get(path, kGoodPassword))) == "404");
  }
  const std::string body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='a' wait='1' hold='1'/>";
  CHECK(status_of(answer_to(rig, post(body))) == "404");
  const std::string handshake =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n";
  CHECK(status_of(answer_to(rig, get("/xmpp-websocket", handshake))) == "404");
  CHECK(rig.requests.seen.empty());
  CHECK(rig.sockets.opened.empty());
}

TEST_CASE("O-23 where [metrics] has an address of its own, /metrics is nowhere else") {
  EdgeRig rig;
  rig.open();
  CHECK(status_of(answer_to(rig, get("/metrics"))) == "200");
  rig.config.metrics.listen = "192.0.2.1:9100";
  CHECK(status_of(answer_to(rig, get("/metrics"))) == "404");
  CHECK(status_of(answer_to(rig, get("/"))) == "200");
  CHECK(status_of(answer_to(rig, get("/monitor.json"))) == "200");
}
