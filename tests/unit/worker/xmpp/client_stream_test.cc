// tests/unit/worker/xmpp/client_stream_test.cc - header, features, STARTTLS, restart: expected steps, in every chunking.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/xmpp/stream_rig.h"

namespace nxb::xmpp {
namespace {

TEST_CASE("U-18 B-24 B-27 D-47 the header carries to, version and xml:lang, escaped, and no id") {
  auto setup = Rig::with_domain();
  setup.lang = "de'&";
  setup.version = "1.1";
  Rig rig(TlsRule::Off, setup);
  CHECK(rig.ready() ==
        "W:<?xml version='1.0'?><stream:stream to='example.org' version='1.1' xml:lang='de&apos;&amp;' "
        "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  setup.version = "none'><evil/>";
  Rig nonsense(TlsRule::Off, setup);
  CHECK(has(nonsense.ready(), "version='1.0'"));
}

TEST_CASE("U-19 B-25 from is sent once TLS is up or not required, bare and of this domain only") {
  struct Row {
    const char* from;
    TlsRule rule;
    bool secure, sent;
  };
  const Row rows[] = {
      {"me@example.org", TlsRule::Required, true, true}, {"me@example.org", TlsRule::Required, false, false},
      {"me@example.org", TlsRule::Offered, false, true}, {"me@EXAMPLE.org", TlsRule::Off, false, true},
      {"me@example.org/r", TlsRule::Off, false, false},  {"me@example.net", TlsRule::Off, false, false},
      {"example.org", TlsRule::Off, false, false},       {"@example.org", TlsRule::Off, false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.from));
    auto setup = Rig::with_domain();
    setup.from = row.from;
    Rig rig(row.rule, setup);
    CHECK(has(rig.ready(row.secure), " from=") == row.sent);
  }
}

TEST_CASE("U-22 U-25 U-26 B-37 a plain stream becomes usable at its features, in every chunking") {
  std::string bytes = std::string(kHeader) + " \n" + std::string(kPlainFeatures) + " <message>\xc3\xa4</message>\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    Rig rig;
    rig.ready();
    std::string steps = rig.hear_in_pieces(bytes, piece);
    CHECK(steps.substr(0, 8) == "U:s1/1.0");
    CHECK(rig.stream.state() == State::Running);
    CHECK(rig.delivered ==
          "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><a xmlns='urn:a'/></stream:features>\n"
          "<message xmlns='jabber:client'>\xc3\xa4</message>\n");
  }
}

TEST_CASE("W-32 W-36 a usable stream tells who the server says it is, and in which language it speaks") {
  Rig rig;
  rig.ready();
  rig.hear(
      "<stream:stream id='s1' from='b.example' version='1.0' xml:lang='de' xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams'>" +
      std::string(kPlainFeatures));
  CHECK(rig.header.from == "b.example");
  CHECK(rig.header.lang == "de");
}

TEST_CASE("U-22 before version 1.0 the stream is usable at the header, without features") {
  for (std::string_view version : {"", " version='0.9'", " version='abc'"}) {
    std::string header = "<stream:stream id='old'" + std::string(version) +
                         " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    Rig rig;
    rig.ready();
    CHECK(rig.hear(header) == "U:old/");
    CHECK(rig.stream.state() == State::Running);
    Rig strict(TlsRule::Required);
    strict.ready();
    CHECK(strict.hear(header) == "W:</stream:stream> E:no-tls");
  }
}

TEST_CASE("U-39 U-40 C-12 C-64 D-49 when STARTTLS is asked for: by mode and by what the server offers") {
  struct Row {
    TlsRule rule;
    std::string_view features;
    const char* state;
  };
  const Row rows[] = {
      {TlsRule::Required, kTlsFeatures, "tls"},  {TlsRule::Required, kMustTlsFeatures, "tls"},
      {TlsRule::Required, kPlainFeatures, "no"}, {TlsRule::Offered, kTlsFeatures, "tls"},
      {TlsRule::Offered, kPlainFeatures, "run"}, {TlsRule::Off, kTlsFeatures, "run"},
      {TlsRule::Off, kMustTlsFeatures, "tls"},   {TlsRule::Off, kPlainFeatures, "run"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.features));
    Rig rig(row.rule);
    rig.ready();
    rig.on(event::Send{"<iq/>"});
    rig.hear(kHeader);
    std::string steps = rig.hear(row.features);
    if (row.state == std::string_view("tls"))
      CHECK(steps == "W:" + std::string(kStartTls));  // and nothing of the client
    if (row.state == std::string_view("no")) CHECK(steps == "W:</stream:stream> E:no-tls");
    if (row.state == std::string_view("run")) CHECK(has(steps, "W:<iq/>"));
    CHECK_FALSE(has(steps, "starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><a"));
  }
}

TEST_CASE("U-41 U-43 U-44 STARTTLS: everything before it is forgotten, one header more, the second features only") {
  Rig rig(TlsRule::Required);
  rig.ready();
  rig.on(event::Send{"<presence/>"});
  for (std::string_view bytes : {kHeader, kTlsFeatures}) rig.hear_in_pieces(bytes, 3);
  CHECK(rig.hear_in_pieces(kProceed, 5) == "TLS");
  CHECK(rig.delivered.empty());
  CHECK(has(rig.on(event::TlsReady{}), "W:<?xml version='1.0'?><stream:stream to='example.org'"));
  CHECK(rig.hear(kSecondHeader).empty());
  // A starttls feature under TLS is stripped, not followed.
  CHECK(rig.hear(kTlsFeatures) ==
        "U:s2/1.0 D:<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
        "<a xmlns='urn:a'/></stream:features> W:<presence/>");
}

TEST_CASE("U-41 D-50 bytes in clear after <proceed/>, and a <proceed/> nobody waited for, abort") {
  for (std::string_view extra :
       {"x", " ", "\n", "<", "<message/>", "<stream:stream xmlns='jabber:client'>", "\x16\x03\x01"}) {
    CAPTURE(std::string(extra));
    Rig rig(TlsRule::Required);
    rig.ready();
    rig.hear(kHeader);
    rig.hear(kTlsFeatures);
    CHECK(rig.hear(std::string(kProceed) + std::string(extra)).substr(0, 9) == "E:no-tls!");
  }
  Rig early(TlsRule::Required);
  early.ready();
  early.hear(kHeader);
  CHECK(has(early.hear(std::string(kTlsFeatures) + std::string(kProceed)), "E:no-tls!"));
  Rig unasked(TlsRule::Required);
  unasked.ready();
  unasked.hear(kHeader);
  CHECK(unasked.hear(kProceed) == "W:</stream:stream> E:bad-server");
  Rig elsewhere(TlsRule::Required);
  elsewhere.ready();
  elsewhere.hear(kHeader);
  elsewhere.hear(kTlsFeatures);
  CHECK(elsewhere.hear("<proceed xmlns='urn:other'/>") == "W:</stream:stream> E:no-tls");
}

TEST_CASE("U-42 D-49 a refusal of TLS ends the stream and is not shown") {
  for (std::string_view answer : {"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "</stream:stream>"}) {
    Rig rig(TlsRule::Offered);
    rig.ready();
    rig.hear(kHeader);
    rig.hear(kTlsFeatures);
    CHECK(rig.hear(answer) == "W:</stream:stream> E:no-tls");
    CHECK(rig.delivered.empty());
  }
}

TEST_CASE("U-45 a stream that is secure from the start never asks for STARTTLS") {
  Rig rig(TlsRule::Required);
  rig.ready(true);
  rig.hear(kHeader);
  CHECK_FALSE(has(rig.hear(kMustTlsFeatures), "starttls"));
  CHECK(rig.stream.state() == State::Running);
}

TEST_CASE("U-44 the question of TLS is settled: a restarted plain stream is not turned into TLS") {
  Rig rig(TlsRule::Offered);
  rig.ready();
  rig.hear(std::string(kHeader) + std::string(kPlainFeatures));
  rig.on(event::Restart{});
  CHECK_FALSE(has(rig.hear(std::string(kSecondHeader) + std::string(kTlsFeatures)), "starttls"));
  CHECK(rig.stream.state() == State::Running);
}

TEST_CASE("B-28 U-29 C-65 what the client sends is held until the features, in order, also across a restart") {
  Rig rig;
  CHECK(rig.on(event::Send{"<a/>"}).empty());
  rig.ready();
  CHECK(rig.on(event::Send{"<b/>"}).empty());
  CHECK(has(rig.hear(std::string(kHeader) + std::string(kPlainFeatures)), "W:<a/><b/>"));
  CHECK(rig.on(event::Send{"<c/>"}) == "W:<c/>");
  CHECK(has(rig.on(event::Restart{}), "W:<?xml"));
  CHECK(rig.on(event::Send{"<d/>"}).empty());
  CHECK(rig.hear(kSecondHeader).empty());
  CHECK(has(rig.hear(kPlainFeatures), "U:s2/1.0 D:"));
  CHECK(rig.on(event::Send{"<e/>"}) == "W:<e/>");
}

TEST_CASE("U-70 no more than max_held waits") {
  auto setup = Rig::with_domain();
  setup.max_held = 10;
  Rig rig(TlsRule::Off, setup);
  rig.ready();
  CHECK(rig.on(event::Send{"<a>12345</"}).empty());
  CHECK(rig.on(event::Send{"x"}) == "W:</stream:stream> E:too-much-held");
}

TEST_CASE("U-28 B-99 a restart discards partial input and the old header's knowledge") {
  Rig rig;
  rig.run();
  rig.hear("<message><body>half");
  CHECK_FALSE(has(rig.on(event::Restart{}), "</stream:stream>"));
  CHECK(has(rig.hear(std::string(kSecondHeader) + std::string(kPlainFeatures)), "U:s2/1.0"));
}

TEST_CASE("U-38 features that arrive unasked are forwarded, stripped") {
  Rig rig;
  rig.run();
  CHECK(rig.hear(kTlsFeatures) ==
        "D:<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
        "<a xmlns='urn:a'/></stream:features>");
}

}  // namespace
}  // namespace nxb::xmpp
