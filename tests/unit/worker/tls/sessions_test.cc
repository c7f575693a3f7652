// tests/unit/worker/tls/sessions_test.cc - which connections resume an earlier session, and which must not.
// SPDX-License-Identifier: MIT
#include "worker/tls/sessions.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "tests/unit/worker/tls/peer.h"
#include "worker/tls/contexts.h"

namespace nxb::tls {
namespace {

using State = Engine::State;

const test::Authority& authority() {
  static const test::Authority made;
  return made;
}

// Whom the client wants to reach, and how.
struct Wish {
  std::string domain = "example.org";
  std::string target = "192.0.2.1:5222";
  std::string ca = authority().file();
  Verify verify = Verify::Full;
  std::string identity = {};  // "" = the domain
};

struct Rig {
  explicit Rig(const test::Subject& subject = {"DNS:example.org,DNS:example.net"}, test::ServerOptions options = {})
      : server(authority(), subject, std::move(options)) {}

  std::unique_ptr<Engine> begin(const Wish& wish = {}) {
    auto context = contexts.get(wish.ca, wish.verify);
    REQUIRE(static_cast<bool>(context));
    Identity identity{wish.identity.empty() ? wish.domain : wish.identity, ""};
    auto made = Engine::client(**context, wish.domain, identity, Engine::Offer::NoAlpn, {&sessions, wish.target});
    REQUIRE(static_cast<bool>(made));
    return *std::move(made);
  }
  void carry(Engine& engine, Output& out) {
    while (!out.to_peer.empty()) {
      std::string answer = server.take(out.to_peer);
      out.to_peer.clear();
      if (!answer.empty()) engine.received(answer, out);
    }
  }
  // One connection from beginning to end. Was it resumed?
  bool connect(const Wish& wish = {}, bool goodbye = true) {
    server.next_connection();
    auto engine = begin(wish);
    Output out;
    engine->start(out);
    carry(*engine, out);
    INFO(engine->error());
    REQUIRE(engine->state() == State::Open);
    engine->send("hello", out);
    carry(*engine, out);
    CHECK(server.said() == "hello");
    CHECK(server.resumed() == engine->resumed());
    if (goodbye) engine->close(out);
    return engine->resumed();
  }

  Instant now{1'000'000ms};
  Contexts contexts;
  SessionCache sessions{[this] { return now; }};
  test::Server server;
};

TEST_CASE("U-54 the second connection to a verified server resumes the session of the first") {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Rig rig({"DNS:example.org"}, {version, ""});
    CHECK_FALSE(rig.connect());
    for (int i = 0; i < 5; ++i) CHECK(rig.connect());
  }
}

TEST_CASE("U-54 a connection that ends without goodbye leaves its session usable") {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Rig rig({"DNS:example.org"}, {version, ""});
    CHECK_FALSE(rig.connect({}, false));
    CHECK(rig.connect({}, false));
    CHECK(rig.connect({}, false));
  }
}

TEST_CASE("U-54 a ticket of TLS 1.3 is used once, a session of TLS 1.2 by as many as come") {
  Rig newest;
  CHECK_FALSE(newest.connect());
  CHECK(newest.sessions.size() == 2);  // OpenSSL gives two
  auto first = newest.begin(), second = newest.begin();
  CHECK(newest.sessions.size() == 0);
  CHECK_FALSE(newest.connect());
  Rig older({"DNS:example.org"}, {TLS1_2_VERSION, ""});
  CHECK_FALSE(older.connect());
  CHECK(older.sessions.size() == 1);
  first = older.begin(), second = older.begin();
  CHECK(older.connect());
  CHECK(older.sessions.size() == 1);
}

TEST_CASE(
    "U-54 U-50 a session is of no use for another domain, identity, target, trust store, or without verification") {
  test::Authority other;
  std::string same_elsewhere = authority().file() + ".copy";
  std::filesystem::copy_file(authority().file(), same_elsewhere);
  const std::pair<const char*, Wish> wishes[] = {
      {"domain", {.domain = "example.net"}},
      {"domain of the same identity", {.domain = "example.net", .identity = "example.org"}},
      {"identity", {.identity = "example.net"}},
      {"target", {.target = "192.0.2.2:5222"}},
      {"trust store", {.ca = same_elsewhere}},
      {"no verification", {.verify = Verify::None}},
  };
  for (const auto& [what, wish] : wishes) {
    Rig rig;
    CHECK_FALSE(rig.connect());
    INFO(std::string(what));
    CHECK_FALSE(rig.connect(wish));
    CHECK(rig.connect());  // what was kept is there still
  }
  std::filesystem::remove(same_elsewhere);
}

TEST_CASE(
    "U-48 U-53 U-54 the system's trust store verifies, too, and who does not verify uses no session of who does") {
  setenv("SSL_CERT_FILE", authority().file().c_str(), 1);  // the system's, for OpenSSL
  Rig rig;
  Wish verified{.ca = ""}, careless{.ca = "", .verify = Verify::None};
  CHECK_FALSE(rig.connect(verified));
  CHECK(rig.connect(verified));
  CHECK_FALSE(rig.connect(careless));
  CHECK(rig.connect(verified));
  unsetenv("SSL_CERT_FILE");
}

TEST_CASE("U-54 U-49 nothing is kept of a server that was not verified, or failed to be") {
  Rig careless;
  CHECK_FALSE(careless.connect({.verify = Verify::None}));
  CHECK(careless.sessions.size() == 0);
  CHECK_FALSE(careless.connect({.verify = Verify::None}));
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Rig wrong({"DNS:example.com"}, {version, ""});
    auto engine = wrong.begin();
    Output out;
    engine->start(out);
    wrong.carry(*engine, out);
    CHECK(engine->state() == State::Failed);
    CHECK(wrong.sessions.size() == 0);
  }
}

TEST_CASE("U-54 a server that does not know the session any more gets a full handshake, on the same connection") {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Rig rig({"DNS:example.org"}, {version, ""});
    CHECK_FALSE(rig.connect());
    rig.server.new_ticket_keys();
    CHECK_FALSE(rig.connect());
    CHECK(rig.sessions.size() == (version == TLS1_2_VERSION ? 1 : 3));  // the newest alone; 2 - 1 + 2
    CHECK(rig.connect());
  }
}

TEST_CASE("U-54 U-49 where the session is of no use any more, the certificate is verified again") {
  Rig rig;
  CHECK_FALSE(rig.connect());
  Rig impostor({"DNS:example.com"});
  auto engine = rig.begin();
  Output out;
  engine->start(out);
  impostor.carry(*engine, out);
  CHECK(engine->state() == State::Failed);
  CHECK(engine->error().find("example.org") != std::string::npos);
}

TEST_CASE("U-54 a handshake that failed with a session gives up all sessions of that server") {
  Rig rig;
  CHECK_FALSE(rig.connect());
  CHECK_FALSE(rig.connect({.target = "192.0.2.2:5222"}));
  auto engine = rig.begin();
  Output out;
  engine->start(out);
  engine->received("HTTP/1.1 400 Bad Request\r\n\r\n", out);
  CHECK(engine->state() == State::Failed);
  CHECK(rig.sessions.size() == 2);  // of the other
  CHECK_FALSE(rig.connect());
}

TEST_CASE("U-54 a session is used as long as its server says, its certificate is valid, and a day at most") {
  test::Subject for_months{"DNS:example.org", "x", "serverAuth", -3600, 100 * 24 * 3600};
  test::Subject for_minutes{"DNS:example.org", "x", "serverAuth", -3600, 600};
  struct {
    const char* what;
    test::Subject subject;
    long life;
    Duration until;
  } const rows[] = {
      {"as the server says", for_months, 500, 500s},
      {"as its certificate", for_minutes, 7'000, 600s},
      {"a day", for_months, 6 * 24 * 3600, 24h},
  };
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto& row : rows) {
      INFO(std::string(row.what));
      Rig rig(row.subject, {version, ""});
      rig.server.set_ticket_life(row.life);
      CHECK_FALSE(rig.connect());
      rig.now += row.until - 30s;  // seconds have passed since the certificate was made
      CHECK(rig.connect());
      rig.now += 60s;
      CHECK_FALSE(rig.connect());
      CHECK(rig.connect());
    }
  }
}

TEST_CASE("U-54 sessions resumed from one another end a day after the certificate was verified") {
  Rig rig({"DNS:example.org", "x", "serverAuth", -3600, 100 * 24 * 3600});
  rig.server.set_ticket_life(6 * 24 * 3600);
  CHECK_FALSE(rig.connect());
  for (int hours = 1; hours < 24; ++hours) {
    rig.now += 1h;
    CHECK(rig.connect());
  }
  rig.now += 1h;
  CHECK_FALSE(rig.connect());
}

TEST_CASE("U-54 a server that gives no tickets is connected to anew") {
  Rig none({"DNS:example.org"}, {TLS1_3_VERSION, "", false});
  CHECK_FALSE(none.connect());
  CHECK_FALSE(none.connect());
}

TEST_CASE("U-54 sessions are bounded, per server and altogether; the oldest go") {
  Rig rig;
  std::vector<std::unique_ptr<Engine>> engines;
  for (int i = 0; i < 40; ++i) engines.push_back(rig.begin());
  for (auto& engine : engines) {
    rig.server.next_connection();
    Output out;
    engine->start(out);
    rig.carry(*engine, out);
  }
  CHECK(rig.sessions.size() == SessionCache::kMaxPerServer);
  for (int i = 0; i < 520; ++i) {
    CHECK_FALSE(rig.connect({.target = "192.0.2.3:" + std::to_string(i)}));
    CHECK(rig.sessions.size() <= SessionCache::kMaxSessions);
  }
  CHECK(rig.sessions.size() == SessionCache::kMaxSessions);
  CHECK(rig.connect({.target = "192.0.2.3:519"}));
  CHECK_FALSE(rig.connect());  // the oldest
}

// A certificate of about `size` bytes.
test::Subject subject_of(std::size_t size) {
  test::Subject out;
  for (int i = 0; out.alt_names.size() < size; ++i) out.alt_names += ",DNS:" + std::to_string(i) + ".example.org";
  return out;
}

TEST_CASE("U-54 a session of more than 16 KiB, its certificate included, is not kept; the connection is as any") {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Rig big(subject_of(12'000), {version, ""});
    CHECK_FALSE(big.connect());
    CHECK(big.sessions.bytes() > 8'000);
    CHECK(big.connect());
    Rig bigger(subject_of(24'000), {version, ""});
    CHECK_FALSE(bigger.connect());
    CHECK(bigger.sessions.size() == 0);
    CHECK(bigger.sessions.bytes() == 0);
    CHECK_FALSE(bigger.connect());
  }
}

TEST_CASE("U-54 sessions are bounded by their bytes, too; the oldest go, and what goes is counted no more") {
  Rig rig(subject_of(14'000));
  for (int i = 0; i < 450; ++i) {
    CHECK_FALSE(rig.connect({.target = "192.0.2.3:" + std::to_string(i)}));
    CHECK(rig.sessions.bytes() <= SessionCache::kMaxBytes);
  }
  CHECK(rig.sessions.size() < SessionCache::kMaxSessions);
  CHECK(rig.sessions.bytes() > SessionCache::kMaxBytes - SessionCache::kMaxSession);
  CHECK_FALSE(rig.connect({.target = "192.0.2.3:0"}));
  for (int i = 0; i < 450; ++i) {
    rig.now += 25h;  // a session that is too old goes with all of its server
    rig.begin({.target = "192.0.2.3:" + std::to_string(i)});
  }
  CHECK(rig.sessions.size() == 0);
  CHECK(rig.sessions.bytes() == 0);
}

}  // namespace
}  // namespace nxb::tls
