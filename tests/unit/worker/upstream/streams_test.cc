// tests/unit/worker/upstream/streams_test.cc - whole streams against a scripted server in the same loop.
// SPDX-License-Identifier: MIT
#include "worker/upstream/streams.h"

#include <doctest/doctest.h>

#include "tests/unit/worker/dns/responder.h"
#include "tests/unit/worker/dns/turns.h"
#include "tests/unit/worker/upstream/fake_server.h"
#include "worker/upstream/xmpp_connection.h"

namespace nxb::upstream {
namespace {

using config::TlsMode;
using stats::Counter;
using test::Act;
using Then = test::Act::Then;

const std::string kHeader =
    "<?xml version='1.0'?><stream:stream id='s1' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string kSecond =
    "<?xml version='1.0'?><stream:stream id='s2' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string kFeatures = "<stream:features><a xmlns='urn:a'/></stream:features>";
const std::string kSeen =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><a xmlns='urn:a'/></stream:features>";
const std::string kTlsFeatures =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
const std::string kProceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const std::string kEnd = "</stream:stream>";

const test::Authority& authority() {
  static const test::Authority made;
  return made;
}

struct Rig {
  explicit Rig(std::vector<Act> script = plain_script(), const std::string& where = "127.0.0.1:0")
      : server(turns.loop, where, std::move(script)), responder(turns.loop), deadlines(turns.loop) {
    config.upstream.resolvers = {responder.address()};
    config.upstream.tls_ca = authority().file();  // the system's store takes long to read
    config.upstream.domain = {{"example.org", server.address(), TlsMode::Off, "", "", true}};
  }
  static std::vector<Act> plain_script() { return {{"xmlns:stream", kHeader + kFeatures}}; }
  static std::vector<Act> tls_script() {
    return {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", kProceed, Then::StartTls},
            {"xmlns:stream", kSecond + kFeatures}};
  }
  Upstream& open(const std::string& domain = "example.org") {
    streams = std::make_unique<Streams>(StreamsContext{turns.loop, config, pool, deadlines, counters, ears});
    Upstream& up = streams->make(StreamId{7});
    StreamSpec spec;
    spec.domain = domain;
    up.open(spec);
    return up;
  }
  Upstream& run(const std::string& domain = "example.org") {
    Upstream& up = open(domain);
    REQUIRE(turns.until([&] { return ears.log.find("A:") != std::string::npos || ears.closed; }));
    return up;
  }
  bool until_closed(Duration limit = 8s) { return turns.until([&] { return ears.closed; }, limit); }
  bool heard(const std::string& text) {
    return turns.until([&] { return server.heard.find(text) != std::string::npos; });
  }
  test::Turns turns;
  test::FakeServer server;
  test::Responder responder;
  uv::Deadlines deadlines;
  config::Config config;
  xml::Pool pool;
  stats::Counters counters;
  test::Ears ears;
  std::unique_ptr<Streams> streams;
};

TEST_CASE("U-03 U-18 B-28 a plain stream: header, features, what waited, then stanzas both ways") {
  Rig rig;
  Upstream& up = rig.open("Example.ORG.");
  up.send("<auth/>");
  REQUIRE(rig.heard("<auth/>"));
  CHECK(rig.server.heard.find("<stream:stream to='example.org' version='1.0'") != std::string::npos);
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  rig.server.say("<message>hi</message>");
  REQUIRE(rig.turns.until([&] { return rig.ears.log.find("hi") != std::string::npos; }));
  CHECK(up.accepting());
  CHECK(rig.streams->size() == 1);
  CHECK(rig.counters.get(Counter::streams) == 1);
  CHECK(rig.counters.get(Counter::streams_opened) == 1);
  CHECK(rig.counters.get(Counter::bytes_to_servers) == rig.server.heard.size());
  CHECK(rig.counters.get(Counter::bytes_from_servers) == kHeader.size() + kFeatures.size() + 21);
  CHECK(rig.deadlines.size() == 0);  // an idle stream waits for nothing
  rig.streams->drop(StreamId{7});
  rig.streams->drop(StreamId{7});
  CHECK(rig.streams->size() == 0);
  CHECK(rig.counters.get(Counter::streams) == 0);
}

TEST_CASE("B-99 U-29 a restart on the same connection; what comes meanwhile waits") {
  auto script = Rig::plain_script();
  script.push_back({"xmlns:stream", kSecond + kFeatures});
  Rig rig(script);
  Upstream& up = rig.run();
  up.restart();
  up.send("<after/>");
  REQUIRE(rig.heard("<after/>"));
  CHECK(rig.server.accepted == 1);
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " O:s2/1.0 A:" + kSeen + " ");
}

TEST_CASE("U-30 a graceful close waits for the server's end tag") {
  auto script = Rig::plain_script();
  script.push_back({kEnd, kEnd});
  Rig rig(script);
  Upstream& up = rig.run();
  up.close(Parting::ClientClosed, {});
  CHECK_FALSE(rig.ears.closed);
  REQUIRE(rig.until_closed());
  CHECK((rig.ears.end.condition == bosh::Condition::None));
  CHECK(rig.turns.until([&] { return rig.server.ended; }));
  CHECK(rig.counters.get(Counter::streams_failed) == 0);
}

TEST_CASE("U-30 a server that does not answer the close is left after five seconds") {
  Rig rig;
  Upstream& up = rig.run();
  Instant before = rig.turns.loop.now();
  up.close(Parting::ClientLost, {});
  REQUIRE(rig.until_closed());
  CHECK(rig.turns.loop.now() - before >= 4900ms);
  CHECK(rig.turns.loop.now() - before < 6s);
}

TEST_CASE("U-58 B-103 a client lost on a resumable stream: the connection just goes") {
  Rig rig;
  Upstream& up = rig.run();
  rig.server.say("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
  REQUIRE(rig.turns.until([&] { return rig.ears.log.find("enabled") != std::string::npos; }));
  up.close(Parting::ClientLost, {{xmpp::Kind::Message, "<message xmlns='jabber:client' from='a@b'/>"}});
  CHECK(rig.ears.closed);
  REQUIRE(rig.turns.until([&] { return rig.server.ended; }));
  CHECK(rig.server.heard.find(kEnd) == std::string::npos);
  CHECK(rig.server.heard.find("recipient-unavailable") == std::string::npos);
}

TEST_CASE("B-103 otherwise undelivered stanzas bounce before the end tag") {
  Rig rig;
  Upstream& up = rig.run();
  up.close(Parting::ClientLost, {{xmpp::Kind::Message, "<message xmlns='jabber:client' from='a@b'/>"}});
  REQUIRE(rig.heard(kEnd));
  CHECK(rig.server.heard.find("recipient-unavailable") < rig.server.heard.find(kEnd));
}

TEST_CASE("U-31 U-67 the server closes: stanzas first, our end tag, no condition") {
  Rig rig;
  rig.run();
  rig.server.say("<message/>" + kEnd);
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " A:<message xmlns='jabber:client'/> C: ");
  CHECK(rig.heard(kEnd));
}

TEST_CASE("U-66 U-68 U-69 what the client is told when the server fails") {
  struct Row { const char* say; Then then; const char* condition; };
  const Row rows[] = {
      {"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", Then::Nothing, "remote-stream-error"},
      {"<a></b>", Then::Nothing, "remote-connection-failed"},
      {"<!-- x -->", Then::Nothing, "remote-connection-failed"},
      {"<message/>", Then::Fin, "remote-connection-failed"},
      {"<message/>", Then::Drop, "remote-connection-failed"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.say));
    auto script = Rig::plain_script();
    script.push_back({"<go/>", row.say, row.then});
    Rig rig(script);
    rig.run().send("<go/>");
    REQUIRE(rig.until_closed());
    CHECK(bosh::wire_name(rig.ears.end.condition) == row.condition);
    CHECK(rig.ears.end.stream_error.empty() != (std::string_view(row.condition) == "remote-stream-error"));
    CHECK(rig.counters.get(Counter::streams_failed) == 1);
    bool delivered = rig.ears.log.find("<message") != std::string::npos;
    CHECK(delivered == (std::string_view(row.say) == "<message/>"));
  }
}

TEST_CASE("U-40 U-43 U-46 U-50 STARTTLS with a verified certificate") {
  Rig rig(Rig::tls_script());
  rig.config.upstream.domain[0].tls = TlsMode::Required;
  rig.server.use_tls(authority(), {"DNS:example.org"}, {0, "xmpp-client"});
  Upstream& up = rig.run();
  CHECK(rig.ears.log == "O:s2/1.0 A:" + kSeen + " ");
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

TEST_CASE("U-39 U-42 U-49 U-65 TLS that fails in any way is remote-connection-failed, and nothing of the client leaves") {
  const std::string refusal = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + kEnd;
  struct Row { const char* what; std::vector<Act> script; test::Subject subject; };
  const Row rows[] = {
      {"not offered", Rig::plain_script(), {}},
      {"refused", {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", refusal}}, {}},
      {"another name", Rig::tls_script(), {"DNS:example.net"}},
      {"expired", Rig::tls_script(), {"DNS:example.org", "x", "serverAuth", -7200, -3600}},
      {"injection", {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", kProceed + "<x/>", Then::StartTls}}, {}},
      {"not TLS", {{"xmlns:stream", kHeader + kTlsFeatures}, {"<starttls", kProceed}, {"\x16", "HTTP/1.1 400 Bad\r\n\r\n"}}, {}},
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
  local.config.upstream.domain[0].target = "localhost:" + local.server.address().substr(local.server.address().find(':') + 1);
  local.run();
  CHECK(local.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  CHECK(local.responder.questions == 0);
}

TEST_CASE("U-02 U-16 U-62 U-63 U-64 what ends before a connection, and what the client is told") {
  struct Row { const char *domain, *condition; };
  const Row rows[] = {
      {"a b", "improper-addressing"},          {"", "improper-addressing"},
      {"denied.example", "host-unknown"},      {"none.example", "host-unknown"},
      {"localhost", "host-unknown"},           {"127.0.0.1", "host-unknown"},
      {"[::1]", "host-unknown"},               {"inside.example", "host-unknown"},
      {"broken.example", "remote-connection-failed"}, {"closed.example", "remote-connection-failed"},
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

TEST_CASE("U-17 a client that goes meanwhile cancels everything, at once") {
  Rig rig;
  rig.responder.zone[{"silent.example", test::kA}].silent = true;
  rig.responder.zone[{"silent.example", test::kAaaa}].silent = true;
  Upstream& looking = rig.open("silent.example");
  REQUIRE(rig.turns.until([&] { return rig.responder.questions > 0; }));
  looking.close(Parting::ClientLost, {});
  CHECK(rig.ears.closed);
  CHECK(rig.deadlines.size() == 0);
  Rig connecting;
  connecting.open().close(Parting::ClientLost, {});
  CHECK(connecting.ears.closed);
  Rig dropped;  // a shutdown: dropped without a goodbye, tables destroyed before the loop's turn ends
  dropped.open();
  dropped.streams->drop(StreamId{7});
  dropped.streams.reset();
  CHECK(dropped.deadlines.size() == 0);
}

TEST_CASE("U-36 a server that does not read: not accepting above 1 MiB, Drained when it reads again") {
  Rig rig;
  Upstream& up = rig.run();
  rig.server.stream->pause(uv::PauseReason::Busy);
  std::string big = "<message>" + std::string(1 << 20, 'x') + "</message>";
  for (int i = 0; i < 64 && up.accepting(); ++i) up.send(big);
  CHECK_FALSE(up.accepting());
  CHECK(rig.ears.log.find("D ") == std::string::npos);
  rig.server.stream->resume(uv::PauseReason::Busy);
  REQUIRE(rig.turns.until([&] { return rig.ears.log.find("D ") != std::string::npos; }));
  CHECK(up.accepting());
}

TEST_CASE("U-36 a client that does not collect: the server is not read, and nothing is lost") {
  Rig rig;
  Upstream& up = rig.run();
  up.set_reading(false);
  rig.server.say("<message>one</message>");
  rig.turns.until([] { return false; }, 50ms);  // it would have come by now
  CHECK(rig.ears.log.find("one") == std::string::npos);
  up.set_reading(true);
  CHECK(rig.turns.until([&] { return rig.ears.log.find("one") != std::string::npos; }));
}

TEST_CASE("the session may call back from within an event") {
  auto script = Rig::plain_script();
  script.push_back({"<b/>", "<message/>"});
  script.push_back({kEnd, kEnd});
  Rig rig(script);
  Upstream* up = nullptr;
  rig.ears.on_event = [&](const Event& event) {
    if (std::get_if<Opened>(&event)) up->send("<a/>");
    if (auto* arrived = std::get_if<Arrived>(&event)) {
      if (arrived->stanzas[0].kind == xmpp::Kind::Features) up->send("<b/>");
      if (arrived->stanzas[0].kind == xmpp::Kind::Message) up->close(Parting::ClientClosed, {});
    }
    if (std::get_if<Closed>(&event)) rig.streams->drop(StreamId{7});
  };
  up = &rig.open();
  up->send("<first/>");
  REQUIRE(rig.until_closed());
  CHECK(rig.server.heard.find("<first/><a/><b/></stream:stream>") != std::string::npos);
  CHECK(rig.streams->size() == 0);
}

TEST_CASE("U-70 a client that floods before the stream is usable") {
  Rig rig;
  rig.config.bosh.max_data_held = 100;
  rig.open().send(std::string(101, 'x'));
  CHECK(rig.ears.log == "C:policy-violation ");
}

TEST_CASE("an idle plain stream is small") {
  Rig rig;
  rig.run();
  MESSAGE("sizeof(XmppConnection) = ", sizeof(XmppConnection));
  CHECK(sizeof(XmppConnection) < 1024);
  CHECK(rig.pool.lent() == 0);
}

}  // namespace
}  // namespace nxb::upstream
