// tests/unit/worker/upstream/streams_setup_test.cc - the way to a usable stream: policy, DNS, TCP, TLS.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/upstream/streams_rig.h"

namespace nxb::upstream {
namespace {

using Rig = StreamsRig;

TEST_CASE("U-40 U-43 U-46 U-50 W-32 C-64 D-48 STARTTLS with the domain as SNI and a verified certificate") {
  Rig rig(Rig::tls_script());
  rig.config.upstream.domain[0].tls = TlsMode::Required;
  rig.server.use_tls(authority(), {"DNS:example.org"}, {0, "xmpp-client"});
  Upstream& up = rig.run();
  CHECK(rig.ears.log == "O:s2/1.0 A:" + kSeen + " ");
  CHECK(rig.ears.header.from == "b.example");
  CHECK(rig.ears.header.lang == "de");
  CHECK(rig.server.tls->sni() == "example.org");
  CHECK(rig.server.tls->alpn().empty());
  up.send("<secret/>");
  REQUIRE(rig.heard("<secret/>"));
  CHECK(rig.server.tls->said().find("<secret/>") != std::string::npos);
  up.close(Parting::ClientClosed, {});
  rig.server.say(kEnd);
  REQUIRE(rig.until_closed());
  CHECK(rig.turns.until([&] { return rig.server.ended; }));
  CHECK(rig.server.tls->closed_by_client());  // close_notify
}

TEST_CASE("U-45 U-47 direct TLS: ALPN xmpp-client, no STARTTLS") {
  Rig rig;
  rig.config.upstream.domain[0].tls = TlsMode::Direct;
  rig.server.use_tls(authority(), {"DNS:example.org"}, {0, "xmpp-client"});
  rig.server.secure = true;
  rig.run();
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  CHECK(rig.server.tls->alpn() == "xmpp-client");
}

TEST_CASE(
    "U-39 U-42 U-49 U-65 D-48 D-49 TLS that fails in any way is remote-connection-failed, and nothing of the client "
    "leaves") {
  const std::string refusal = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + kEnd;
  struct Row {
    const char* what;
    std::vector<Act> script;
    test::Subject subject;
  };
  const Row rows[] = {
      {"not offered", Rig::plain_script(), {}},
      {"refused", {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", refusal}}, {}},
      {"another name", Rig::tls_script(), {"DNS:example.net"}},
      {"expired", Rig::tls_script(), {"DNS:example.org", "x", "serverAuth", -7200, -3600}},
      {"injection", {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", kProceed + "<x/>", Then::StartTls}}, {}},
      {"not TLS",
       {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", kProceed}, {"\x16", "HTTP/1.1 400 Bad\r\n\r\n"}},
       {}},
      {"cut", {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", kProceed}, {"\x16", "", Then::Drop}}, {}},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Rig rig(row.script);
    rig.config.upstream.domain[0].tls = TlsMode::Required;
    rig.server.use_tls(authority(), row.subject);
    rig.open().send("<secret/>");
    REQUIRE(rig.until_closed());
    CHECK(rig.ears.log == "C:remote-connection-failed ");
    CHECK(rig.ears.end.why.size() > 4);
    rig.turns.until([&] { return rig.server.ended; });
    CHECK(rig.server.heard.find("<secret/>") == std::string::npos);
  }
}

TEST_CASE("U-53 a domain without verification takes any certificate; U-50 tls_name names another identity") {
  Rig careless(Rig::tls_script());
  careless.config.upstream.domain[0].tls = TlsMode::Required;
  careless.config.upstream.domain[0].tls_verify = false;
  careless.server.use_tls(authority(), {"DNS:wrong.example"});
  careless.run();
  CHECK_FALSE(careless.ears.closed);
  Rig named(Rig::tls_script());
  named.config.upstream.domain[0].tls = TlsMode::Required;
  named.config.upstream.domain[0].tls_name = "hosting.example";
  named.server.use_tls(authority(), {"DNS:hosting.example"});
  named.run();
  CHECK_FALSE(named.ears.closed);
}

TEST_CASE("U-09 U-11 a name is resolved, and its addresses are tried in turn") {
  Rig rig;
  std::string port = rig.server.address().substr(rig.server.address().find(':') + 1);
  rig.config.upstream.domain[0].target = "xmpp.example.net:" + port;
  rig.responder.zone[{"xmpp.example.net", test::kA}].addresses = {"127.0.0.2", "127.0.0.1"};  // nobody at the first
  rig.responder.zone[{"xmpp.example.net", test::kAaaa}].rcode = 3;
  rig.run();
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  CHECK(rig.responder.questions == 2);
}

TEST_CASE("U-03 U-14 unix sockets and localhost as targets") {
  std::string path = "/tmp/nxb-test-" + std::to_string(getpid()) + ".sock";
  {
    Rig rig(Rig::plain_script(), "unix:" + path);
    rig.run();
    CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  }
  unlink(path.c_str());
  Rig local;
  local.config.upstream.domain[0].target =
      "localhost:" + local.server.address().substr(local.server.address().find(':') + 1);
  local.run();
  CHECK(local.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  CHECK(local.responder.questions == 0);
}

TEST_CASE("U-02 U-16 U-62 U-63 U-64 D-41 what ends before a connection, and what the client is told") {
  struct Row {
    const char *domain, *condition;
  };
  const Row rows[] = {
      {"a b", "improper-addressing"},
      {"", "improper-addressing"},
      {"denied.example", "host-unknown"},
      {"none.example", "host-unknown"},
      {"localhost", "host-unknown"},
      {"127.0.0.1", "host-unknown"},
      {"[::1]", "host-unknown"},
      {"inside.example", "host-unknown"},
      {"broken.example", "remote-connection-failed"},
      {"closed.example", "remote-connection-failed"},
      {"closed.unix.example", "remote-connection-failed"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.domain));
    Rig rig;
    rig.config.upstream.deny = {"denied.example"};
    rig.config.upstream.domain.push_back({"closed.example", "127.0.0.1:1", std::nullopt, "", "", true});
    rig.config.upstream.domain.push_back({"closed.unix.example", "unix:/nonexistent/x", std::nullopt, "", "", true});
    rig.responder.zone[{"inside.example", test::kA}].addresses = {"10.0.0.1", "127.0.0.1"};
    rig.responder.zone[{"inside.example", test::kAaaa}].addresses = {"::ffff:127.0.0.1", "fe80::1"};
    rig.responder.zone[{"broken.example", test::kA}].rcode = 2;
    rig.responder.zone[{"broken.example", test::kAaaa}].rcode = 2;
    rig.open(row.domain);
    REQUIRE(rig.until_closed());
    CHECK(rig.ears.log == "C:" + std::string(row.condition) + " ");
    CHECK(rig.server.accepted == 0);
    CHECK(rig.counters.get(Counter::streams_failed) == 1);
  }
}

TEST_CASE("B-26 C-62 U-04 a route is where the stream goes, with the TLS name of the domain (U-50)") {
  for (bool own_name : {true, false}) {
    CAPTURE(own_name);
    Rig rig(Rig::tls_script());
    rig.config.upstream.route = config::RouteMode::Any;
    rig.config.upstream.allow_private_targets = true;
    rig.config.upstream.domain = {{"routed.example", "", TlsMode::Required, "", "", true}};
    rig.responder.zone[{"server.example", test::kA}].addresses = {"127.0.0.1"};
    rig.server.use_tls(authority(), {own_name ? "DNS:routed.example" : "DNS:server.example"});
    rig.open("routed.example", "xmpp:server.example:" + rig.port());
    REQUIRE(rig.turns.until([&] { return rig.ears.log.find("A:") != std::string::npos || rig.ears.closed; }));
    CHECK(rig.server.tls->sni() == "routed.example");
    CHECK(rig.ears.closed == !own_name);
    CHECK((rig.ears.log == "C:remote-connection-failed ") == !own_name);
  }
}

TEST_CASE("B-26 U-04 U-16 U-63 C-14 D-38 D-43 a route that is refused, or that fails, leads nowhere else") {
  struct Row {
    config::RouteMode mode;
    bool private_targets;
    const char *route, *condition;
  };
  using config::RouteMode;
  const Row rows[] = {
      {RouteMode::Any, false, "xmpp:127.0.0.1:PORT", "host-unknown"},
      {RouteMode::Any, false, "xmpp:localhost:PORT", "host-unknown"},
      {RouteMode::Any, false, "xmpp:inside.example:PORT", "host-unknown"},
      {RouteMode::Any, true, "xmpp:none.example:PORT", "host-unknown"},
      {RouteMode::Any, true, "xmpp:127.0.0.1:1", "remote-connection-failed"},
      {RouteMode::Any, true, "http:127.0.0.1:PORT", "host-unknown"},
      {RouteMode::Any, true, "xmpp://127.0.0.1:PORT", "bad-request"},
      {RouteMode::Filtered, true, "xmpp:inside.example:PORT", "host-unknown"},  // 127.0.0.1 is not in the filter
      {RouteMode::Filtered, true, "xmpp:127.0.0.1:PORT", "host-unknown"},
      {RouteMode::Filtered, true, "nonsense", "bad-request"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.route));
    Rig rig;
    rig.config.upstream.route = row.mode;
    rig.config.upstream.route_filter = {"10.0.0.0/8", "server.example"};
    rig.config.upstream.allow_private_targets = row.private_targets;
    rig.responder.zone[{"inside.example", test::kA}].addresses = {"127.0.0.1"};
    // Were there a fall-back, the domain itself would be found.
    rig.responder.zone[{"routed.example", test::kA}].addresses = {"127.0.0.1"};
    std::string route = row.route;
    if (auto at = route.find("PORT"); at != std::string::npos) route.replace(at, 4, rig.port());
    rig.open("routed.example", route);
    REQUIRE(rig.until_closed());
    CHECK(rig.ears.log == "C:" + std::string(row.condition) + " ");
    CHECK(rig.server.accepted == 0);
  }
}

TEST_CASE("C-14 a route to a host that route_filter names, or whose address it has, is connected to") {
  for (const char* entry : {"server.example", ".example", "127.0.0.0/8"}) {
    CAPTURE(std::string(entry));
    Rig rig;
    rig.config.upstream.route = config::RouteMode::Filtered;
    rig.config.upstream.route_filter = {entry};
    rig.config.upstream.allow_private_targets = true;
    rig.responder.zone[{"server.example", test::kA}].addresses = {"127.0.0.1"};
    rig.open("routed.example", "xmpp:server.example:" + rig.port());
    REQUIRE(rig.turns.until([&] { return rig.ears.log.find("A:") != std::string::npos || rig.ears.closed; }));
    CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  }
}

TEST_CASE("U-17 no answer in time: remote-connection-failed; the setup timeout covers features too") {
  Rig silent(std::vector<Act>{});
  silent.config.upstream.setup_timeout = 300ms;
  silent.open();
  REQUIRE(silent.until_closed(3s));
  CHECK(silent.ears.log == "C:remote-connection-failed ");
  Rig dns;
  dns.config.upstream.setup_timeout = 300ms;
  dns.responder.zone[{"silent.example", test::kA}].silent = true;
  dns.responder.zone[{"silent.example", test::kAaaa}].silent = true;
  dns.open("silent.example");
  REQUIRE(dns.until_closed(3s));
  CHECK(dns.ears.log == "C:remote-connection-failed ");
}

}  // namespace
}  // namespace nxb::upstream
