// tests/unit/worker/edge/tls_clients_test.cc - clients of a TLS listener: answered as in clear, bounded, and well ended.
// SPDX-License-Identifier: MIT
#include "worker/edge/tls_clients.h"

#include "tests/support/captured_log.h"
#include "tests/unit/worker/edge/rig.h"
#include "tests/unit/worker/tls/peer.h"
#include "worker/tls/contexts.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

namespace {

const test::Authority& authority() {
  static const test::Authority made;
  return made;
}

struct TlsRig : EdgeRig {
  TlsRig() {
    const test::PemPair pem = test::pem_pair(authority());
    REQUIRE(contexts.configure({{pem.cert, pem.key}}));
    tls = &contexts;
    config.listen[0].tls.cert = "given";
    config.http.head_timeout = 60s;  // longer than a test waits: nothing is closed by it unless it is set
  }
  void start() {
    open();
    open_other();
    REQUIRE(edge->listen(listening.fd(), 0));
  }
  std::string request(std::uint32_t worker = 0) const { return post(body("rid='1' sid='" + sid_of(worker) + "'")); }
  bool nobody_is_left() {
    return run_until([&] { return edge->idle(); }) && count(Counter::connections) == 0 &&
           count(Counter::tls_connections) == 0;
  }
  tls::ServerContexts contexts{HashKey{1}, [this] { return loop.now(); }};
  Listening listening{Family::Tcp};
};

// A client under TLS; `wire` is what it is in clear.
struct TlsClient {
  explicit TlsClient(TlsRig& r, bool hello = true) : rig(r), wire(r, Descriptor(connected_to(r.listening.address()))) {
    auto made = tls::Engine::client(**context, "example.org", {"example.org", ""}, tls::Engine::Offer::NoAlpn);
    engine = *std::move(made);
    if (!hello) return;
    tls::Output out;
    engine->start(out);
    wire.send(out.to_peer);
    REQUIRE(until([&] { return engine->state() != tls::Engine::State::Handshaking; }));
  }
  template <class F>
  bool until(F&& condition) {
    return rig.run_until([&] {
      take();
      return condition();
    });
  }
  void take() {
    wire.read();
    tls::Output out;
    engine->received(std::exchange(wire.received, {}), out);
    heard += out.plaintext;
    if (!out.to_peer.empty()) wire.send(out.to_peer);
  }
  void say(std::string_view text) {
    tls::Output out;
    engine->send(text, out);
    wire.send(out.to_peer);
  }
  bool hears(const std::string& text) {
    return until([&] { return heard.find(text) != std::string::npos; });
  }
  TlsRig& rig;
  Client wire;
  Result<std::unique_ptr<tls::Context>> context = tls::Context::make(authority().file(), tls::Verify::Full);
  std::unique_ptr<tls::Engine> engine;
  std::string heard;
};

bool serves_another(TlsRig& rig) {
  TlsClient again(rig);
  again.say(rig.request());
  return rig.until_seen(1);
}

}  // namespace

TEST_CASE("H-47 requests under TLS are secure, answered on the same connection, and from whom they are") {
  TlsRig rig;
  rig.start();
  TlsClient client(rig);
  for (std::size_t round = 0; round < 3; ++round) {
    client.say(rig.request());
    REQUIRE(rig.until_seen(round + 1));
    CHECK(rig.requests.seen[round].secure);
    CHECK(rig.requests.seen[round].client == "127.0.0.1");
    rig.answer(round, "<answer number='" + std::to_string(round) + "'/>");
    CHECK(client.hears("<answer number='" + std::to_string(round) + "'/>"));
  }
  CHECK(rig.count(Counter::tls_connections) == 1);
  CHECK(rig.count(Counter::connections) == 1);
  CHECK(rig.count(Counter::tls_client_handshakes) == 1);
  client.wire.close();
  CHECK(rig.nobody_is_left());
}

TEST_CASE("H-48 what is handed over is plaintext: the owner has an ordinary connection, and the pump goes on") {
  TlsRig rig;
  rig.start();
  TlsClient client(rig);
  const std::string request = rig.request(1);
  client.say(request);
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  CHECK(rig.handed_over[0].bytes == request);
  CHECK(rig.count(Counter::connections) == 0);
  CHECK(rig.count(Counter::tls_connections) == 1);
  CHECK_FALSE(rig.edge->idle());
  {
    Client owner(rig, std::move(rig.handed_over[0].fd));
    owner.send("an answer");
    CHECK(client.hears("an answer"));
    client.say("more");
    CHECK(owner.gets("more"));
  }
  CHECK(client.until([&] { return client.engine->state() == tls::Engine::State::PeerClosed; }));
  CHECK(client.wire.is_closed_by_nxb());
  client.wire.close();
  CHECK(rig.nobody_is_left());
}

TEST_CASE("U-36 whichever end does not take, the other is not read on, and nothing is lost when it goes on") {
  TlsRig rig;
  rig.start();
  TlsClient client(rig);
  client.say(rig.request(1));
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  auto owner = std::make_unique<Client>(rig, std::move(rig.handed_over[0].fd));
  const std::string chunk(16 * 1024, 'd');
  std::size_t said = 0;
  for (int quiet = 0; quiet < 100; ++quiet) {
    const std::size_t more = owner->send_some(chunk);
    if (more > 0) quiet = 0;
    said += more;
    REQUIRE(said < 64 * 1024 * 1024);
    rig.run_turns(2);
  }
  CHECK(client.until([&] { return client.heard.size() == said; }));
  owner.reset();
  client.wire.close();
  CHECK(rig.nobody_is_left());
}

TEST_CASE("H-27 no handshake in head_timeout: closed, counted; one that was made is left alone") {
  TlsRig rig;
  rig.config.http.head_timeout = 50ms;
  rig.start();
  TlsClient slow(rig, false);
  slow.wire.send("\x16\x03");
  CHECK(slow.wire.is_closed_by_nxb());
  CHECK(rig.count(Counter::tls_client_handshake_failures) == 1);
  CHECK(rig.nobody_is_left());
}

TEST_CASE("U-36 what is no TLS is closed, plain HTTP is told so in clear, and who says nothing is not counted") {
  TlsRig rig;
  rig.start();
  TlsClient http(rig, false), nonsense(rig, false), silent(rig, false);
  http.wire.send(get("/"));
  CHECK(http.wire.gets("HTTP/1.1 400 Bad Request"));
  CHECK(http.wire.is_closed_by_nxb());
  nonsense.wire.send(std::string(64, '\x01'));
  CHECK(nonsense.wire.is_closed_by_nxb());
  silent.wire.close();
  http.wire.close();
  CHECK(rig.nobody_is_left());
  CHECK(rig.count(Counter::tls_client_handshake_failures) == 2);
  CHECK(rig.count(Counter::tls_client_handshakes) == 0);
}

TEST_CASE("O-26 a handshake that fails is counted, and told at debug only: anybody can make any number of them") {
  CapturedLog captured;
  TlsRig rig;
  rig.start();
  TlsClient nonsense(rig, false);
  nonsense.wire.send(std::string(64, '\x01'));
  CHECK(nonsense.wire.is_closed_by_nxb());
  CHECK(rig.count(Counter::tls_client_handshake_failures) == 1);
  CHECK(captured.text().empty());
}

TEST_CASE(
    "H-45 who has not finished a handshake counts for its peer's limit; above it is told so under TLS, then shut") {
  TlsRig rig;
  rig.config.server.max_connections_per_address = 2;
  rig.start();
  TlsClient one(rig), two(rig), above(rig);
  above.say(rig.request());
  CHECK(above.hears("HTTP/1.1 503"));
  TlsClient fourth(rig, false), shut(rig, false);
  CHECK(shut.wire.is_closed_by_nxb());
  for (TlsClient* client : {&one, &two, &above, &fourth}) client->wire.close();
  CHECK(rig.nobody_is_left());
  CHECK(serves_another(rig));
}

TEST_CASE("H-45 O-33 a handshake that is under way at a reload counts for its peer before and behind it") {
  TlsRig rig;
  rig.config.server.max_connections_per_address = 2;
  rig.start();
  TlsClient one(rig), pending(rig, false);
  pending.wire.send("\x16\x03");
  REQUIRE(rig.run_until([&] { return rig.count(Counter::connections_accepted) == 2; }));
  rig.edge->reconfigure();
  TlsClient above(rig);
  above.say(rig.request());
  CHECK(above.hears("HTTP/1.1 503"));
  above.wire.close();
  pending.wire.close();
  CHECK(rig.run_until([&] { return rig.count(Counter::connections) == 1 && rig.edge->connections() == 1; }));
  rig.run_turns(5);
  TlsClient two(rig);
  two.say(rig.request());
  CHECK(rig.until_seen(1));
  TlsClient third(rig);
  third.say(rig.request());
  CHECK(third.hears("HTTP/1.1 503"));
}

TEST_CASE("H-45 who speaks plain HTTP counts for its peer's limit until it is gone") {
  TlsRig rig;
  rig.config.server.max_connections_per_address = 2;
  rig.start();
  std::vector<std::unique_ptr<TlsClient>> plain;
  for (int i = 0; i < 4; ++i) {
    plain.push_back(std::make_unique<TlsClient>(rig, false));
    plain.back()->wire.send("G");
    CHECK(plain.back()->wire.gets("HTTP/1.1 400 Bad Request"));
  }
  TlsClient shut(rig, false);
  CHECK(shut.wire.is_closed_by_nxb());
  CHECK(shut.wire.received.empty());
  for (auto& client : plain) client->wire.close();
  CHECK(rig.nobody_is_left());
  CHECK(serves_another(rig));
}

TEST_CASE("H-45 a connection whose owner has ended counts for its peer's limit until it is gone") {
  TlsRig rig;
  rig.config.server.max_connections_per_address = 2;
  rig.start();
  std::vector<std::unique_ptr<TlsClient>> deaf;
  for (std::size_t i = 0; i < 2; ++i) {
    deaf.push_back(std::make_unique<TlsClient>(rig));
    deaf.back()->say(rig.request(1));
    REQUIRE(rig.run_until([&] { return rig.handed_over.size() == i + 1; }));
    Client owner(rig, std::move(rig.handed_over[i].fd));
    owner.send("an answer");
  }
  for (auto& client : deaf)
    CHECK(client->until([&] { return client->engine->state() == tls::Engine::State::PeerClosed; }));
  TlsClient third(rig, false), fourth(rig, false), shut(rig, false);
  CHECK(shut.wire.is_closed_by_nxb());
  third.wire.close();
  fourth.wire.close();
  for (auto& client : deaf) client->wire.close();
  CHECK(rig.nobody_is_left());
  CHECK(serves_another(rig));
}

TEST_CASE("B-108 a worker that stops closes those without a handshake, and pumps until the others are done") {
  TlsRig rig;
  rig.start();
  TlsClient silent(rig, false), client(rig);
  client.say(rig.request());
  REQUIRE(rig.until_seen(1));
  rig.edge->shut_down();
  CHECK(silent.wire.is_closed_by_nxb());
  CHECK_FALSE(rig.edge->idle());
  rig.answer(0, "<goodbye/>");
  CHECK(client.hears("<goodbye/>"));
  CHECK(client.wire.is_closed_by_nxb());
  client.wire.close();
  CHECK(rig.nobody_is_left());
}
