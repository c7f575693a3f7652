// tests/unit/worker/upstream/streams_rig.h - one stream, a scripted server, DNS and a clock in one loop.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/dns_responder.h"
#include "tests/support/turns.h"
#include "tests/unit/worker/upstream/fake_server.h"
#include "worker/upstream/streams.h"
#include "worker/upstream/xmpp_connection.h"

namespace nxb::upstream {

using config::TlsMode;
using stats::Counter;
using test::Act;
using Then = test::Act::Then;

inline const std::string kHeader =
    "<?xml version='1.0'?><stream:stream id='s1' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
inline const std::string kSecond =
    "<?xml version='1.0'?><stream:stream id='s2' from='b.example' xml:lang='de' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
inline const std::string kFeatures = "<stream:features><a xmlns='urn:a'/></stream:features>";
inline const std::string kSeen =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><a xmlns='urn:a'/></stream:features>";
inline const std::string kTlsFeatures =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
inline const std::string kProceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
inline const std::string kEnd = "</stream:stream>";

inline const test::Authority& authority() {
  static const test::Authority made;
  return made;
}

struct StreamsRig {
  explicit StreamsRig(std::vector<Act> script = plain_script(), const std::string& where = "127.0.0.1:0")
      : server(turns.loop, where, std::move(script)), responder(turns.loop), deadlines(turns.loop) {
    config.upstream.resolvers = {responder.address()};
    config.upstream.tls_ca = authority().file();  // the system's store takes long to read
    config.upstream.domain = {{"example.org", server.address(), TlsMode::Off, "", "", true}};
  }
  static std::vector<Act> plain_script() { return {{"xmlns:stream", kHeader + kFeatures}}; }
  static std::vector<Act> tls_script() {
    return {{"xmlns:stream", kHeader + kTlsFeatures},
            {"<starttls", kProceed, Then::StartTls},
            {"xmlns:stream", kSecond + kFeatures}};
  }
  Upstream& open(const std::string& domain = "example.org", const std::string& route = "") {
    streams = std::make_unique<Streams>(StreamsContext{turns.loop, config, pool, deadlines, counters, ears});
    Upstream& up = streams->make(StreamId{7});
    StreamSpec spec;
    spec.domain = domain;
    spec.route = route;
    up.open(spec);
    return up;
  }
  Upstream& run(const std::string& domain = "example.org") {
    Upstream& up = open(domain);
    REQUIRE(turns.until([&] { return ears.log.find("A:") != std::string::npos || ears.closed; }));
    return up;
  }
  std::string port() const { return server.address().substr(server.address().rfind(':') + 1); }
  bool until_closed(Duration limit = 8s) {
    return turns.until([&] { return ears.closed; }, limit);
  }
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

}  // namespace nxb::upstream
