// tests/unit/worker/tls/server_test.cc - nxb as a TLS server, back to back with its own client in memory.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <random>

#include "common/base/certificate.h"
#include "tests/unit/worker/tls/peer.h"
#include "worker/tls/contexts.h"
#include "worker/tls/server_context.h"

namespace nxb::tls {
namespace {

using State = Engine::State;
const HashKey kSecret{1, 2, 3};

const test::Authority& authority() {
  static const test::Authority made;
  return made;
}

ServerContexts contexts_of(const test::PemPair& pem, const HashKey& secret = kSecret, Instant now = Instant{1h}) {
  ServerContexts made(secret, [now] { return now; });
  REQUIRE(made.configure({{}, {pem.cert, pem.key}}));
  return made;
}

struct Pair {
  explicit Pair(const ServerContexts& contexts, SessionCache* sessions = nullptr,
                Engine::Offer offer = Engine::Offer::NoAlpn, std::unique_ptr<Engine> begun = nullptr)
      : context(Context::make(authority().file(), Verify::Full)),
        server(begun ? std::move(begun) : Engine::server(*contexts.at(1))) {
    REQUIRE(static_cast<bool>(context));
    auto made = Engine::client(**context, "example.org", {"example.org", ""}, offer, {sessions, "here:1"});
    REQUIRE(static_cast<bool>(made));
    client = *std::move(made);
    Output hello;
    client->start(hello);
    carry(hello.to_peer);
  }
  // What the client says, there and back until neither has anything to say; `piece` bytes at a time.
  void carry(std::string to_server, std::size_t piece = 1 << 20) {
    while (!to_server.empty()) {
      Output back, forth;
      for (std::string_view left = to_server; !left.empty(); left.remove_prefix(std::min(piece, left.size()))) {
        server->received(left.substr(0, piece), back);
      }
      server_heard += back.plaintext;
      client->received(back.to_peer, forth);
      client_heard += forth.plaintext;
      to_server = forth.to_peer;
    }
  }
  Result<std::unique_ptr<Context>> context;
  std::unique_ptr<Engine> server, client;
  std::string server_heard, client_heard;
};

}  // namespace

TEST_CASE("U-48 a server with a certificate is believed, and bytes pass both ways in any pieces") {
  const ServerContexts contexts = contexts_of(test::pem_pair(authority()));
  CHECK(contexts.at(0) == nullptr);
  CHECK(contexts.at(7) == nullptr);
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
    Pair pair(contexts);
    REQUIRE(pair.server->state() == State::Open);
    REQUIRE(pair.client->state() == State::Open);
    Output out;
    const std::string big(40'000, 'x');
    pair.client->send(big, out);
    pair.carry(out.to_peer, piece);
    CHECK(pair.server_heard == big);
    Output answer, heard;
    pair.server->send(big, answer);
    pair.server->close(answer);
    pair.client->received(answer.to_peer, heard);
    CHECK(heard.plaintext == big);
    CHECK(pair.client->state() == State::PeerClosed);
  }
}

TEST_CASE("U-48 a client that wants another protocol only is refused") {
  Pair pair(contexts_of(test::pem_pair(authority())), nullptr, Engine::Offer::AlpnXmppClient);
  CHECK(pair.server->state() == State::Failed);
  CHECK(pair.client->state() == State::Failed);
}

TEST_CASE("U-54 a session is resumed at another worker with the same secret and key, and with no other") {
  const test::PemPair pem = test::pem_pair(authority());
  SessionCache sessions([] { return Instant{1h}; });
  Pair first(contexts_of(pem), &sessions);
  REQUIRE(first.client->state() == State::Open);
  CHECK_FALSE(first.server->resumed());
  REQUIRE(sessions.size() > 1);
  Pair other(contexts_of(pem), &sessions);
  CHECK(other.server->resumed());
  CHECK(other.client->resumed());
  Pair other_secret(contexts_of(pem, HashKey{9}), &sessions);
  CHECK_FALSE(other_secret.server->resumed());
  CHECK(other_secret.server->state() == State::Open);
  Pair again(contexts_of(test::pem_pair(authority())), &sessions);
  CHECK_FALSE(again.server->resumed());
  CHECK(again.server->state() == State::Open);
}

TEST_CASE("U-54 a ticket is taken in its epoch and in the next one, and no longer; each handshake gives another") {
  const test::PemPair pem = test::pem_pair(authority());
  auto resumed = [&pem](SessionCache& sessions, Instant now) {
    return Pair(contexts_of(pem, kSecret, now), &sessions).server->resumed();
  };
  for (Duration later : {11h, 12h, 13h, 23h, 24h, 36h}) {
    CAPTURE(later.count());
    SessionCache sessions([] { return Instant{1h}; });
    CHECK_FALSE(resumed(sessions, Instant{1h}));
    CHECK(resumed(sessions, Instant{later}) == (later < 24h));
  }
  SessionCache sessions([] { return Instant{1h}; });
  Pair first(contexts_of(pem), &sessions);
  for (Duration now = 2h; now < 48h; now += 5h) CHECK(resumed(sessions, Instant{now}));
}

TEST_CASE("U-54 O-33 a handshake that a reload overtakes ends well, and gives tickets that are good") {
  const test::PemPair pem = test::pem_pair(authority());
  ServerContexts contexts = contexts_of(pem);
  auto server = Engine::server(*contexts.at(1));
  REQUIRE(contexts.configure({{}, {pem.cert, pem.key}}));
  SessionCache sessions([] { return Instant{1h}; });
  Pair late(contexts, &sessions, Engine::Offer::NoAlpn, std::move(server));
  CHECK(late.client->state() == State::Open);
  CHECK(late.server->state() == State::Open);
  CHECK(Pair(contexts, &sessions).server->resumed());
}

TEST_CASE("O-33 another certificate is for connections to come; a wrong one changes nothing") {
  const test::PemPair old = test::pem_pair(authority());
  const test::PemPair expired = test::pem_pair(authority(), {.valid_from = -7200, .valid_to = -3600});
  ServerContexts contexts = contexts_of(old);
  Pair before(contexts);
  auto wrong = contexts.configure({{}, {old.cert, expired.key}});
  CHECK_FALSE(static_cast<bool>(wrong));
  CHECK(Pair(contexts).client->state() == State::Open);
  REQUIRE(contexts.configure({{}, {expired.cert, expired.key}}));
  CHECK(Pair(contexts).client->distrusted());
  Output out;
  before.client->send("still", out);
  before.carry(out.to_peer);
  CHECK(before.server_heard == "still");
}

TEST_CASE(
    "U-36 hostile records: any damage to what a client says ends in an error or in silence, never in bytes it did not "
    "say") {
  const ServerContexts contexts = contexts_of(test::pem_pair(authority()));
  std::minstd_rand random(4);
  for (int round = 0; round < 300; ++round) {
    auto client_context = Context::make(authority().file(), Verify::Full);
    auto client = Engine::client(**client_context, "example.org", {"example.org", ""}, Engine::Offer::NoAlpn);
    auto server = Engine::server(*contexts.at(1));
    Output hello, back, forth;
    (*client)->start(hello);
    std::string first = hello.to_peer;
    const bool late = round % 2 == 1;
    if (!late) first[random() % first.size()] ^= static_cast<char>(1 + random() % 255);
    server->received(first, back);
    (*client)->received(back.to_peer, forth);
    if (late && (*client)->state() == State::Open) (*client)->send("secret", forth);
    if (late && !forth.to_peer.empty())
      forth.to_peer[random() % forth.to_peer.size()] ^= static_cast<char>(1 + random() % 255);
    Output last;
    server->received(forth.to_peer, last);
    const bool harmless =
        last.plaintext.empty() || last.plaintext == "secret";  // some bits of a ClientHello mean nothing
    CHECK(harmless);
    if (late) CHECK(last.plaintext.empty());
    CHECK(back.to_peer.size() + last.to_peer.size() < 64 * 1024);
  }
}

TEST_CASE("O-36 certificates and keys that do not do are told apart") {
  const test::PemPair good = test::pem_pair(authority());
  const test::PemPair other = test::pem_pair(authority());
  CHECK(look_at_certificate(good.cert)->days_left == 0);
  CHECK_FALSE(look_at_certificate(good.cert)->over);
  CHECK(look_at_certificate(test::pem_pair(authority(), {.valid_from = -7200, .valid_to = -3600}).cert)->over);
  CHECK_FALSE(look_at_certificate(test::pem_pair(authority(), {.valid_from = 3600, .valid_to = 7200}).cert)->begun);
  CHECK(look_at_certificate(good.key).error().text == "holds no certificate in PEM form");
  CHECK(static_cast<bool>(look_at_key(good.key, good.cert)));
  CHECK(look_at_key(other.key, good.cert).error().text == "is not the key of that certificate");
  CHECK(look_at_key(good.cert, good.cert).error().text == "holds no private key in PEM form");
  const test::PemPair weak = test::pem_pair(authority(), {.rsa_bits = 512});
  CHECK_FALSE(ServerContexts(kSecret, [] { return Instant{1h}; }).configure({{weak.cert, weak.key}}));
  CHECK(look_at_key(weak.key, weak.cert).error().text == "is not for use with that certificate: ee key too small");
  CHECK(static_cast<bool>(look_at_key(good.key, good.cert + good.cert)));
  std::string secret = "secret";
  wipe(secret);
  CHECK(secret.empty());
}

}  // namespace nxb::tls
