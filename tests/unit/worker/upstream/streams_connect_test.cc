// tests/unit/worker/upstream/streams_connect_test.cc - from a domain to the server that answers: SRV, several addresses,
// and what is tried next when one is of no use.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/upstream/streams_rig.h"

namespace nxb::upstream {
namespace {

// Listens, but nobody connects: its queue is full, the kernel drops what comes.
class BlackHole {
 public:
  explicit BlackHole(const std::string& where) {
    Address address = *Address::parse(where);
    fds_.push_back(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    NXB_CHECK(bind(fds_[0], address.get(), address.size()) == 0 && listen(fds_[0], 0) == 0, "listening in a test");
    for (int i = 0; i < 4; ++i) {
      fds_.push_back(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      (void)connect(fds_.back(), address.get(), address.size());
    }
  }
  ~BlackHole() {
    for (int fd : fds_) close(fd);
  }
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;

 private:
  std::vector<int> fds_;
};

struct Rig : StreamsRig {
  using StreamsRig::StreamsRig;
  // srv.example is served at `targets`: "name:port", those of `direct` with TLS at once, in this order.
  void announce(const std::vector<std::string>& targets, const std::vector<std::string>& direct = {}) {
    config.upstream.allow_private_targets = true;
    int priority = 0;
    for (const auto* list : {&direct, &targets}) {
      std::string service = list == &direct ? "_xmpps-client" : "_xmpp-client";
      for (const std::string& target : *list) {
        auto at = target.find(':');
        responder.zone[{service + "._tcp.srv.example", test::kSrv}].services.push_back(
            {priority++, 0, std::stoi(target.substr(at + 1)), target.substr(0, at)});
      }
    }
  }
  void host(const std::string& name, const std::vector<std::string>& addresses) {
    responder.zone[{name, test::kA}].addresses = addresses;
  }
  bool asked(const std::string& name) const {
    return std::ranges::find(responder.names, name) != responder.names.end();
  }
  std::uint64_t count(Counter counter) const { return counters.get(counter); }
};

TEST_CASE("U-05 U-45 U-50 SRV: the target's port, STARTTLS by the rules, and the certificate speaks for the domain") {
  Rig rig(Rig::tls_script());
  rig.announce({"xmpp.example:" + rig.port()});
  rig.host("xmpp.example", {"127.0.0.1"});
  rig.server.use_tls(authority(), {"DNS:srv.example"}, {0, "xmpp-client"});
  rig.run("srv.example");
  CHECK(rig.ears.log == "O:s2/1.0 A:" + kSeen + " ");
  CHECK(rig.server.heard.find("to='srv.example'") != std::string::npos);
  CHECK(rig.server.tls->sni() == "srv.example");
  CHECK(rig.server.tls->alpn().empty());
  CHECK(rig.asked("_xmpps-client._tcp.srv.example"));
  CHECK_FALSE(rig.asked("srv.example"));
}

TEST_CASE("U-45 U-47 a target of xmpps-client gets TLS at once, whatever tls says of STARTTLS") {
  for (auto mode : {std::optional<TlsMode>(), std::optional(TlsMode::Off), std::optional(TlsMode::Direct)}) {
    Rig rig;
    rig.config.upstream.domain.push_back({"srv.example", "", mode, "", rig.config.upstream.tls_ca, true});
    rig.announce({"plain.example:1"}, {"tls.example:" + rig.port()});
    rig.host("tls.example", {"127.0.0.1"});
    rig.server.use_tls(authority(), {"DNS:srv.example"}, {0, "xmpp-client"});
    rig.server.secure = true;
    rig.run("srv.example");
    CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
    CHECK(rig.server.tls->alpn() == "xmpp-client");
  }
}

TEST_CASE("U-45 with tls = \"direct\" a target of xmpp-client is not used, least of all with TLS at once") {
  Rig rig;
  rig.config.upstream.domain.push_back({"srv.example", "", TlsMode::Direct, "", "", true});
  rig.announce({"plain.example:" + rig.port()});
  rig.host("plain.example", {"127.0.0.1"});
  rig.open("srv.example");
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "C:remote-connection-failed ");
  CHECK(rig.server.accepted == 0);
}

TEST_CASE("U-07 U-08 U-64 SRV that says no, or whose targets are down, is the last word: no address of the domain") {
  struct Row {
    std::vector<std::string> targets;
    Stage stage;
  };
  const Row rows[] = {
      {{":0"}, Stage::Dns}, {{"down.example:1"}, Stage::Tcp}, {{"down.example:1", "none.example:1"}, Stage::Tcp}};
  for (const Row& row : rows) {
    Rig rig;
    rig.announce(row.targets);
    rig.host("down.example", {"127.0.0.1"});
    rig.host("srv.example", {"127.0.0.1"});
    rig.open("srv.example");
    REQUIRE(rig.until_closed());
    CHECK(rig.ears.log == "C:remote-connection-failed ");
    CHECK((rig.ears.end.stage == row.stage));
    CHECK_FALSE(rig.asked("srv.example"));
  }
}

TEST_CASE("U-62 SRV whose targets do not exist at all: host-unknown") {
  Rig rig;
  rig.announce({"none.example:5222", "nothing.example:5222"});
  rig.open("srv.example");
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "C:host-unknown ");
  CHECK(rig.ears.end.why == "DNS has no address for none.example; DNS has no address for nothing.example");
}

TEST_CASE(
    "U-09 U-64 without SRV, and when it cannot be asked, the address of the domain; it is not known that it does not "
    "exist") {
  Rig rig;
  rig.config.upstream.allow_private_targets = true;
  rig.config.upstream.setup_timeout = 1s;
  rig.host("a.example", {"127.0.0.66"});
  rig.open("a.example");
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.end.target == "a.example:5222");
  CHECK(rig.ears.end.why.find("127.0.0.66:5222 (a.example)") != std::string::npos);
  Rig unsure;
  unsure.responder.zone[{"_xmpp-client._tcp.a.example", test::kSrv}].rcode = 2;
  unsure.open("a.example");
  REQUIRE(unsure.until_closed());
  CHECK(unsure.asked("a.example"));
  CHECK(unsure.ears.log == "C:remote-connection-failed ");
}

TEST_CASE("U-03 U-04 U-10 U-14 no SRV for IP literals, localhost, fixed targets and routes") {
  struct Row {
    const char *domain, *route;
    int questions;
  };
  for (const Row& row :
       {Row{"127.0.0.1", "", 0}, Row{"localhost", "", 0}, Row{"example.org", "", 0},
        Row{"routed.example", "xmpp:127.0.0.1:1", 0}, Row{"routed.example", "xmpp:down.example:1", 2}}) {
    CAPTURE(std::string(row.domain));
    Rig rig;
    rig.config.upstream.allow_private_targets = true;
    rig.config.upstream.setup_timeout = 1s;  // whoever may listen there
    rig.config.upstream.route = config::RouteMode::Any;
    rig.config.upstream.domain[0].target = "127.0.0.1:1";
    rig.open(row.domain, row.route);
    REQUIRE(rig.until_closed());
    CHECK(rig.responder.questions == row.questions);
    CHECK_FALSE(rig.asked("_xmpp-client._tcp." + std::string(row.domain)));
  }
}

TEST_CASE(
    "U-11 an address that says nothing has company after 250 ms; the first that connects wins, the other is left") {
  Rig rig;
  BlackHole silent("127.0.0.2:" + rig.port());
  rig.announce({"xmpp.example:" + rig.port()});
  rig.host("xmpp.example", {"127.0.0.2", "127.0.0.1"});
  Instant before = rig.turns.loop.now();
  rig.run("srv.example");
  CHECK(rig.turns.loop.now() - before >= 250ms);
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
  CHECK(rig.server.accepted == 1);
  CHECK(rig.deadlines.size() == 0);
}

TEST_CASE("U-11 every address of a target, then the next target") {
  Rig rig;
  rig.announce({"first.example:1", "none.example:1", "second.example:" + rig.port()});
  rig.host("first.example", {"127.0.0.3", "127.0.0.4"});
  rig.host("second.example", {"127.0.0.1"});
  rig.run("srv.example");
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
}

TEST_CASE("U-16 U-63 each address is judged, also those of SRV targets; the others are tried") {
  Rig rig;
  rig.announce({"inside.example:" + rig.port()});
  rig.config.upstream.allow_private_targets = false;
  rig.host("inside.example", {"127.0.0.1", "10.0.0.1", "0.0.0.0"});
  rig.open("srv.example");
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "C:host-unknown ");
  CHECK((rig.ears.end.stage == Stage::Policy));
  CHECK(rig.server.accepted == 0);
}

TEST_CASE("U-17 no address in its time, and not all in theirs: it is said which were waited for") {
  Rig rig;
  BlackHole silent("127.0.0.2:" + rig.port());
  rig.config.upstream.domain[0].target = "xmpp.example:" + rig.port();
  rig.config.upstream.connect_timeout = 300ms;
  rig.host("xmpp.example", {"127.0.0.2"});
  rig.open();
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.end.why == "no answer from 127.0.0.2:" + rig.port() + " (xmpp.example) within 0.3 s");
  CHECK((rig.ears.end.stage == Stage::Tcp));
  Rig all;
  BlackHole deaf("127.0.0.2:" + all.port());
  all.config.upstream.domain[0].target = "127.0.0.2:" + all.port();
  all.config.upstream.setup_timeout = 300ms;
  all.open();
  REQUIRE(all.until_closed());
  CHECK(all.ears.end.why == "not connected within 0.3 s: no answer from 127.0.0.2:" + all.port() + " within 0.3 s");
  CHECK(all.deadlines.size() == 0);
}

TEST_CASE("U-17 a client that goes takes every attempt with it: questions to DNS and connections") {
  Rig asking;
  asking.responder.zone[{"_xmpp-client._tcp.srv.example", test::kSrv}].silent = true;
  Upstream& up = asking.open("srv.example");
  REQUIRE(asking.turns.until([&] { return asking.responder.questions > 0; }));
  up.close(Parting::ClientLost, {});
  CHECK(asking.ears.log == "C: ");
  CHECK(asking.deadlines.size() == 0);

  Rig waiting;
  BlackHole silent("127.0.0.2:" + waiting.port());
  waiting.config.upstream.domain[0].target = "127.0.0.2:" + waiting.port();
  waiting.open();
  CHECK(waiting.deadlines.size() == 1);
  waiting.streams->drop(StreamId{7});
  CHECK(waiting.deadlines.size() == 0);
  CHECK(waiting.ears.log == "");
  CHECK(waiting.count(Counter::streams_failed) == 0);
}

TEST_CASE("U-11 U-45 direct TLS that is announced and not there: the next target, and now TLS is required of it") {
  for (bool has_tls : {true, false}) {
    CAPTURE(has_tls);
    Rig rig(has_tls ? Rig::tls_script() : Rig::plain_script());
    test::FakeServer broken(rig.turns.loop, "127.0.0.1:0", {{"\x16", "HTTP/1.1 400 Bad\r\n\r\n"}});
    rig.announce({"plain.example:" + rig.port()}, {"plain.example:" + broken.address().substr(10)});
    rig.host("plain.example", {"127.0.0.1"});  // loopback: by its rule TLS would be but offered
    rig.server.use_tls(authority(), {"DNS:srv.example"});
    rig.run("srv.example");
    CHECK(broken.accepted == 1);
    CHECK(rig.server.accepted == 1);
    CHECK(rig.ears.closed == !has_tls);
    if (has_tls) continue;
    CHECK(rig.ears.end.why.starts_with("TLS is required and not offered; before: 127.0.0.1:"));
    CHECK(rig.ears.end.why.find("TLS: ") != std::string::npos);
  }
}

TEST_CASE(
    "U-17 U-11 direct TLS that begins and comes to nothing has the time of one address, then it is the next one's") {
  for (bool has_more : {true, false}) {
    CAPTURE(has_more);
    Rig rig(Rig::tls_script());
    test::FakeServer tarpit(rig.turns.loop, "127.0.0.1:0", {});
    rig.config.upstream.connect_timeout = 600ms;
    rig.announce(has_more ? std::vector{"plain.example:" + rig.port()} : std::vector<std::string>(),
                 {"plain.example:" + tarpit.address().substr(10)});
    rig.host("plain.example", {"127.0.0.1"});
    rig.server.use_tls(authority(), {"DNS:srv.example"});
    rig.run("srv.example");
    CHECK(tarpit.accepted == 1);
    CHECK(rig.ears.closed == !has_more);
    CHECK((rig.ears.log == (has_more ? "O:s2/1.0 A:" + kSeen + " " : "C:remote-connection-failed ")));
    if (has_more) continue;
    CHECK(rig.ears.end.why == tarpit.address() + ": no TLS handshake in time");
    CHECK((rig.ears.end.stage == Stage::Tls));
    CHECK(rig.deadlines.size() == 0);
  }
}

TEST_CASE("U-49 U-65 a certificate that does not fit is final: nothing else is tried") {
  Rig rig(Rig::tls_script());
  test::FakeServer wrong(rig.turns.loop, "127.0.0.1:0", {});
  wrong.use_tls(authority(), {"DNS:other.example"});
  wrong.secure = true;
  rig.announce({"plain.example:" + rig.port()}, {"plain.example:" + wrong.address().substr(10)});
  rig.host("plain.example", {"127.0.0.1"});
  rig.open("srv.example");
  REQUIRE(rig.until_closed());
  CHECK(rig.ears.log == "C:remote-connection-failed ");
  CHECK((rig.ears.end.stage == Stage::Tls));
  CHECK(rig.server.accepted == 0);
}

TEST_CASE("U-11 a server that hangs up before its first byte: the next target, with what the client sent meanwhile") {
  Rig rig;
  test::FakeServer away(rig.turns.loop, "127.0.0.1:0", {{"", "", Then::Drop}});
  rig.announce({"xmpp.example:" + away.address().substr(10), "xmpp.example:" + rig.port()});
  rig.host("xmpp.example", {"127.0.0.1"});
  rig.open("srv.example").send("<auth/>");
  REQUIRE(rig.heard("<auth/>"));
  CHECK(away.accepted == 1);
  CHECK(rig.ears.log == "O:s1/1.0 A:" + kSeen + " ");
}

}  // namespace
}  // namespace nxb::upstream
