// tests/unit/worker/xmpp/client_stream_test.cc - expected steps of the machine, in every chunking.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/client_stream.h"

#include <doctest/doctest.h>

namespace nxb::xmpp {
namespace {

using State = ClientStream::State;

constexpr std::string_view kHeader =
    "<?xml version='1.0'?><stream:stream id='s1' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view kSecondHeader =
    "<?xml version='1.0'?><stream:stream id='s2' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view kPlainFeatures = "<stream:features><a xmlns='urn:a'/></stream:features>";
constexpr std::string_view kTlsFeatures =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><a xmlns='urn:a'/></stream:features>";
constexpr std::string_view kMustTlsFeatures =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
constexpr std::string_view kProceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr std::string_view kStartTls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr std::string_view kEnd = "</stream:stream>";

std::string name(Ending ending) {
  switch (ending) {
    case Ending::Closed: return "closed";
    case Ending::StreamError: return "stream-error";
    case Ending::Lost: return "lost";
    case Ending::NoTls: return "no-tls";
    case Ending::BadServer: return "bad-server";
    case Ending::TooMuchHeld: return "too-much-held";
    case Ending::TimedOut: return "timed-out";
  }
  return "?";
}

struct Rig {
  explicit Rig(TlsRule rule = TlsRule::Off, ClientStreamSetup setup = with_domain()) : rule_(rule), stream(setup, pool) {}
  static ClientStreamSetup with_domain() {
    ClientStreamSetup setup;
    setup.domain = "example.org";
    return setup;
  }
  std::string on(const StreamInput& input) {
    StreamSteps steps;
    stream.on(input, now, steps);
    CHECK(stream.is_consistent());
    std::string out;
    for (const StreamStep& step : steps) {
      if (!out.empty()) out += ' ';
      if (auto* write = std::get_if<step::Write>(&step)) out += "W:" + write->bytes;
      if (std::get_if<step::StartTls>(&step)) out += "TLS";
      if (auto* usable = std::get_if<step::Usable>(&step)) out += "U:" + usable->authid + "/" + usable->version;
      if (auto* deliver = std::get_if<step::Deliver>(&step)) {
        out += "D:";
        for (const Stanza& stanza : deliver->stanzas) {
          out += stanza.bytes;
          delivered += stanza.bytes + "\n";
        }
      }
      if (auto* ended = std::get_if<step::Ended>(&step)) {
        out += "E:" + name(ended->ending) + (ended->abrupt ? "!" : "");
        stream_error = ended->stream_error;
        why = ended->why;
      }
    }
    return out;
  }
  std::string ready(bool secure = false) { return on(event::TransportReady{secure, rule_, now + 20s}); }
  std::string hear(std::string_view bytes) { return on(event::Received{bytes}); }
  std::string hear_in_pieces(std::string_view bytes, std::size_t piece) {
    std::string out;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      std::string more = hear(bytes.substr(0, piece));
      if (!out.empty() && !more.empty()) out += ' ';
      out += more;
    }
    return out;
  }
  void run() {  // to Running, without TLS
    ready();
    hear(std::string(kHeader) + std::string(kPlainFeatures));
    REQUIRE(stream.state() == State::Running);
    delivered.clear();
  }
  TlsRule rule_;
  xml::Pool pool;
  Instant now{1h};
  ClientStream stream;
  std::string delivered, stream_error, why;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("U-18 B-24 B-27 the header carries to, version and xml:lang, escaped, and no id") {
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

TEST_CASE("U-19 from is sent once TLS is up or not required, bare and of this domain only") {
  struct Row { const char* from; TlsRule rule; bool secure, sent; };
  const Row rows[] = {
      {"me@example.org", TlsRule::Required, true, true},   {"me@example.org", TlsRule::Required, false, false},
      {"me@example.org", TlsRule::Offered, false, true},   {"me@EXAMPLE.org", TlsRule::Off, false, true},
      {"me@example.org/r", TlsRule::Off, false, false},    {"me@example.net", TlsRule::Off, false, false},
      {"example.org", TlsRule::Off, false, false},         {"@example.org", TlsRule::Off, false, false},
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

TEST_CASE("U-39 U-40 when STARTTLS is asked for: by mode and by what the server offers") {
  struct Row { TlsRule rule; std::string_view features; const char* state; };
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
    if (row.state == std::string_view("tls")) CHECK(steps == "W:" + std::string(kStartTls));  // and nothing of the client
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
  CHECK(rig.hear(kTlsFeatures) == "U:s2/1.0 D:<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
                                  "<a xmlns='urn:a'/></stream:features> W:<presence/>");
}

TEST_CASE("U-41 bytes in clear after <proceed/>, and a <proceed/> nobody waited for, abort") {
  for (std::string_view extra : {"x", " ", "\n", "<", "<message/>", "<stream:stream xmlns='jabber:client'>", "\x16\x03\x01"}) {
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

TEST_CASE("U-42 a refusal of TLS ends the stream and is not shown") {
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

TEST_CASE("U-20 U-23 U-24 U-33 U-69 broken XML is answered with its stream error") {
  struct Row { std::string_view bytes, condition; bool after_header; };
  std::string big = "<message>" + std::string(600, 'x') + "</message>";
  const Row rows[] = {
      {"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='urn:wrong'>", "invalid-namespace", false},
      {"<html>", "invalid-namespace", false},
      {"<a></b>", "not-well-formed", true},
      {"<message><!-- x --></message>", "restricted-xml", true},
      {"<?php x?>", "restricted-xml", true},
      {"<message>&foo;</message>", "restricted-xml", true},
      {big, "policy-violation", true},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.bytes.substr(0, 40)));
    auto setup = Rig::with_domain();
    setup.max_stanza_size = 600;
    Rig rig(TlsRule::Off, setup);
    rig.ready();
    if (row.after_header) rig.hear(std::string(kHeader) + std::string(kPlainFeatures));
    CHECK(rig.hear(row.bytes) == "W:<stream:error><" + std::string(row.condition) +
                                     " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error> "
                                     "W:</stream:stream> E:bad-server");
    CHECK(rig.hear("<more/>").empty());  // it is over
  }
}

TEST_CASE("U-31 U-67 the server's end is answered, what came before it is delivered") {
  Rig rig;
  rig.run();
  CHECK(rig.hear("<message/><iq/></stream:stream>") ==
        "D:<message xmlns='jabber:client'/><iq xmlns='jabber:client'/> W:</stream:stream> E:closed");
}

TEST_CASE("U-32 U-68 B-102 a stream error is relayed with its namespaces, after the stanzas before it") {
  Rig rig;
  rig.run();
  CHECK(rig.hear("<message/><stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>") ==
        "D:<message xmlns='jabber:client'/> W:</stream:stream> E:stream-error");
  CHECK(has(rig.stream_error, "xmlns:stream='http://etherx.jabber.org/streams'"));
  CHECK(has(rig.stream_error, "<conflict "));
  Rig other;
  other.run();
  CHECK(other.hear("<error xmlns='urn:x'/>") == "D:<error xmlns='urn:x'/>");
}

TEST_CASE("U-32 a stream error before the features, and in place of <proceed/>, is relayed too") {
  std::string error = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
  Rig rig(TlsRule::Required);
  rig.ready();
  CHECK(rig.hear(std::string(kHeader) + error) == "W:</stream:stream> E:stream-error");
  Rig waiting(TlsRule::Required);
  waiting.ready();
  waiting.hear(std::string(kHeader) + std::string(kTlsFeatures));
  CHECK(waiting.hear(error) == "W:</stream:stream> E:stream-error");
}

TEST_CASE("U-55 U-66 a lost transport ends the stream at once, complete stanzas delivered") {
  Rig rig;
  rig.run();
  CHECK(rig.hear("<message/><iq") == "D:<message xmlns='jabber:client'/>");
  CHECK(rig.on(event::TransportEnded{"reset"}) == "E:lost!");
  CHECK(rig.why == "reset");
}

TEST_CASE("B-28 U-29 what the client sends is held until the features, in order, also across a restart") {
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
  CHECK(rig.hear(kTlsFeatures) == "D:<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
                                  "<a xmlns='urn:a'/></stream:features>");
}

TEST_CASE("U-30 a graceful close waits five seconds for the server's end tag and drops what comes meanwhile") {
  std::vector<Stanza> none;
  Rig rig;
  rig.run();
  CHECK(rig.on(event::Close{false, &none}) == "W:</stream:stream>");
  CHECK(rig.on(event::Send{"<late/>"}).empty());
  CHECK(rig.hear("<message/>").empty());
  CHECK(rig.hear(kEnd) == "E:closed");
  Rig silent;
  silent.run();
  silent.on(event::Close{false, &none});
  CHECK(silent.stream.next_deadline() == silent.now + 5s);
  silent.now += 4999ms;
  CHECK(silent.on(event::TimePassed{}).empty());
  silent.now += 1ms;
  CHECK(silent.on(event::TimePassed{}) == "E:closed!");
  Rig gone;
  gone.run();
  gone.on(event::Close{false, &none});
  CHECK(gone.on(event::TransportEnded{"FIN"}) == "E:closed!");
  Rig broken;
  broken.run();
  broken.on(event::Close{false, &none});
  CHECK(broken.hear("<a></b>") == "E:closed");
}

TEST_CASE("U-17 closing before the stream is usable cancels everything") {
  std::vector<Stanza> none;
  Rig idle;
  CHECK(idle.on(event::Close{true, &none}) == "E:closed!");
  Rig waiting(TlsRule::Required);
  waiting.ready();
  waiting.hear(std::string(kHeader) + std::string(kTlsFeatures));
  CHECK(waiting.on(event::Close{true, &none}) == "E:closed!");
  Rig header;
  header.ready();
  header.on(event::Send{"<a/>"});
  CHECK(header.on(event::Close{true, &none}) == "W:</stream:stream>");
}

TEST_CASE("U-57 U-58 B-103 how a client parts: bounces, none under stream management, silence when resumable") {
  std::vector<Stanza> undelivered{{Kind::Message, "<message xmlns='jabber:client' from='a@b' id='1' type='chat'/>"},
                                  {Kind::Presence, "<presence xmlns='jabber:client' from='a@b'/>"}};
  struct Row { std::string_view server; bool lost, bounced, silent; };
  const Row rows[] = {
      {"", true, true, false},
      {"", false, true, false},
      {"<enabled xmlns='urn:xmpp:sm:3'/>", true, false, false},
      {"<enabled xmlns='urn:xmpp:sm:3' resume='false'/>", true, false, false},
      {"<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>", true, false, true},
      {"<enabled xmlns='urn:xmpp:sm:3' id='x' resume='1'/>", true, false, true},
      {"<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>", false, false, false},
      {"<resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/>", true, false, true},
      {"<failed xmlns='urn:xmpp:sm:3'/>", true, true, false},
      {"<enabled xmlns='urn:xmpp:other' resume='true'/>", true, true, false},
      {"<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' resume='true'/>"
       "</bound></success>", true, false, true},
      {"<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/></success>", true, false, true},
      {"<message><enabled xmlns='urn:xmpp:sm:3' resume='true'/></message>", true, true, false},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.server));
    Rig rig;
    rig.run();
    if (!row.server.empty()) rig.hear(row.server);
    std::string steps = rig.on(event::Close{row.lost, &undelivered});
    CHECK(has(steps, "recipient-unavailable") == row.bounced);
    CHECK(has(steps, "E:closed!") == row.silent);
    CHECK(has(steps, kEnd) == !row.silent);
  }
}

TEST_CASE("U-17 header and features must come in time, and again after a restart") {
  Rig rig;
  rig.ready();
  CHECK(rig.stream.next_deadline() == rig.now + 20s);
  rig.hear(kHeader);
  rig.now += 20s;
  CHECK(rig.on(event::TimePassed{}) == "W:</stream:stream> E:timed-out");
  Rig again;
  again.run();
  CHECK_FALSE(again.stream.next_deadline());
  again.on(event::Restart{});
  again.now += 20s;
  CHECK(again.on(event::TimePassed{}) == "W:</stream:stream> E:timed-out");
}

TEST_CASE("an element before the features is refused; an idle stream holds no memory") {
  Rig rig;
  rig.ready();
  CHECK(rig.hear(std::string(kHeader) + "<message/>") == "W:</stream:stream> E:bad-server");
  Rig idle;
  idle.run();
  idle.hear("<message><body>hello</body></message> ");
  CHECK(idle.stream.memory() < 600);
  CHECK(idle.pool.lent() == 0);
}

}  // namespace
}  // namespace nxb::xmpp
