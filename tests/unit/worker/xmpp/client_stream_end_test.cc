// tests/unit/worker/xmpp/client_stream_end_test.cc - the ways in which a stream ends.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/xmpp/stream_rig.h"

namespace nxb::xmpp {
namespace {

TEST_CASE(
    "W-46 W-30 what frames a client's stream the server may not say, once the stream runs; inside a stanza it may") {
  Rig rig;
  rig.ready();
  rig.hear(std::string(kHeader) + std::string(kPlainFeatures));
  std::string_view inside =
      "<message xmlns='jabber:client'><open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/></message>";
  CHECK(rig.hear(inside) == "D:" + std::string(inside));
  CHECK(rig.hear("<a xmlns='urn:a'/><open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/><b xmlns='urn:b'/>") ==
        "D:<a xmlns='urn:a'/> W:<stream:error><invalid-namespace xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        "</stream:error> W:</stream:stream> E:bad-server");
}

TEST_CASE("U-20 U-23 U-24 U-33 U-69 D-53 W-46 broken XML is answered with its stream error") {
  struct Row {
    std::string_view bytes, condition;
    bool after_header;
  };
  std::string big = "<message>" + std::string(600, 'x') + "</message>";
  const Row rows[] = {
      {"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='urn:wrong'>", "invalid-namespace",
       false},
      {"<html>", "invalid-namespace", false},
      {"<a></b>", "not-well-formed", true},
      {"<message><!-- x --></message>", "restricted-xml", true},
      {"<?php x?>", "restricted-xml", true},
      {"<message>&foo;</message>", "restricted-xml", true},
      {big, "policy-violation", true},
      {"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://evil.example/'/>", "invalid-namespace",
       true},
      {"<f:open xmlns:f='urn:ietf:params:xml:ns:xmpp-framing'/>", "invalid-namespace", true},
      {"<body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>", "invalid-namespace", true},
      {"<stream:stream/>", "invalid-namespace", true},
      {"<stream xmlns='http://etherx.jabber.org/streams'/>", "invalid-namespace", true},
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

TEST_CASE("U-32 U-68 B-102 D-56 a stream error is relayed with its namespaces, after the stanzas before it") {
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

TEST_CASE("U-17 D-54 closing before the stream is usable cancels everything") {
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

TEST_CASE("U-57 U-58 B-103 D-55 how a client parts: bounces, none under stream management, silence when resumable") {
  std::vector<Stanza> undelivered{{Kind::Message, "<message xmlns='jabber:client' from='a@b' id='1' type='chat'/>"},
                                  {Kind::Presence, "<presence xmlns='jabber:client' from='a@b'/>"}};
  struct Row {
    std::string_view server;
    bool lost, bounced, silent;
  };
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
       "</bound></success>",
       true, false, true},
      {"<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/></success>", true, false,
       true},
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

TEST_CASE("U-27 whitespace after 120 s without a word of ours, but only once the client has sent a stanza") {
  Rig rig;
  rig.run();
  auto after = [&](Duration time) {
    rig.now += time;
    return rig.on(event::TimePassed{});
  };
  rig.on(event::Send{"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"});
  rig.on(event::Send{"<iqx/>"});
  CHECK(!rig.stream.next_deadline());  // negotiation may take as long as it likes
  CHECK(after(1h) == "");
  rig.on(event::Send{"<iq type='set' id='b'/>"});
  CHECK(*rig.stream.next_deadline() == rig.now + 120s);
  CHECK(after(119s) == "");
  rig.on(event::Send{"<r xmlns='urn:xmpp:sm:3'/>"});  // any element counts
  CHECK(after(1s) == "");
  CHECK(*rig.stream.next_deadline() == rig.now + 119s);
  CHECK(after(118s) == "");
  CHECK(after(1s) == "W: ");
  CHECK(after(119s) == "");
  CHECK(after(1s) == "W: ");

  rig.on(event::Restart{});  // a negotiation again
  CHECK(*rig.stream.next_deadline() == rig.now + 20s);
  rig.hear(std::string(kSecondHeader) + std::string(kPlainFeatures));
  CHECK(!rig.stream.next_deadline());
  CHECK(after(1h) == "");
  rig.on(event::Send{"<presence/>"});
  CHECK(after(120s) == "W: ");
  rig.on(event::Close{false, nullptr});
  CHECK(*rig.stream.next_deadline() == rig.now + 5s);
}

TEST_CASE("U-34 see-other-host is relayed as the stream error it is; U-59 a location, too, is passed on untouched") {
  Rig rig;
  rig.run();
  std::string enabled = "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' location='[2001:db8::1]:9222'/>";
  CHECK(rig.hear(enabled) == "D:" + enabled);
  std::string error =
      "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example:9222</see-other-host>"
      "</stream:error>";
  CHECK(rig.hear(error) == "W:</stream:stream> E:stream-error");
  CHECK(has(rig.stream_error, ">other.example:9222</see-other-host>"));
}

TEST_CASE("U-11 a transport that was of no use is replaced: the next one gets the header, and what waited waits on") {
  for (bool secure : {false, true}) {
    Rig rig(TlsRule::Required);
    rig.ready(secure);
    rig.on(event::Send{"<auth/>"});
    CHECK(rig.on(event::TransportReplaced{}) == "");
    CHECK(rig.stream.state() == State::Idle);
    CHECK(!rig.stream.next_deadline());
    CHECK(rig.on(event::TransportReplaced{}) == "");
    CHECK(has(rig.ready(true), "W:<?xml version='1.0'?><stream:stream to='example.org'"));
    CHECK(has(rig.hear(std::string(kHeader) + std::string(kPlainFeatures)), " W:<auth/>"));
  }
}

}  // namespace
}  // namespace nxb::xmpp
