// tests/unit/worker/upstream/echo_test.cc - the peer inside the worker, driven as a session drives it.
// SPDX-License-Identifier: MIT
#include "worker/upstream/echo.h"

#include <doctest/doctest.h>

#include "tests/support/captured_log.h"
#include "tests/support/contains.h"
#include "tests/support/turns.h"
#include "tests/unit/worker/upstream/fake_server.h"
#include "worker/upstream/streams.h"

namespace nxb::upstream {
namespace {

using testing::contains;

struct Rig {
  explicit Rig(const std::string& domain = "example.org") {
    config.upstream.kind = config::UpstreamKind::Echo;
    streams = std::make_unique<Streams>(StreamsContext{turns.loop, config, pool, deadlines, counters, ears});
    up = &streams->make(StreamId{3});
    StreamSpec spec;
    spec.domain = domain;
    spec.session = "7ec7a2dc";
    spec.client_address = "192.0.2.7";
    up->open(spec);
  }
  std::string say(const std::string& elements) {
    ears.log.clear();
    up->send(elements);
    return ears.log;
  }
  void log_in() {  // PLAIN, user juliet
    say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>");
    up->restart({});
    say("<iq type='set' id='b' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<resource>home</resource></bind></iq>");
  }
  test::Turns turns;
  uv::Deadlines deadlines{turns.loop};
  config::Config config;
  xml::Pool pool;
  stats::Counters::Slot slot{};
  stats::Counters counters{&slot};
  test::Ears ears;
  std::unique_ptr<Streams> streams;
  Upstream* up = nullptr;
};

TEST_CASE("O-23 echo: a stream counts among those set up, once") {
  Rig rig;
  CHECK(test::set_ups(rig.slot) == 1);
  rig.log_in();
  CHECK(test::set_ups(rig.slot) == 1);
}

TEST_CASE("echo: login with PLAIN, restart, bind as asked") {
  Rig rig;
  CHECK(contains(rig.ears.log, "O:"));
  CHECK(rig.ears.header.from == "example.org");
  CHECK(contains(rig.ears.log, "<mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism>"));
  CHECK(
      rig.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>") ==
      "A:<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/> ");
  rig.ears.log.clear();
  rig.up->restart({});
  CHECK(contains(rig.ears.log, "O:"));
  CHECK(contains(rig.ears.log, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
  CHECK_FALSE(contains(rig.ears.log, "mechanism"));
  std::string bound = rig.say(
      "<iq type='set' id='b&amp;1' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
      "<resource>ho&lt;me</resource></bind></iq>");
  CHECK(contains(bound, "id='b&amp;1'"));
  CHECK(contains(bound, "<jid>juliet@example.org/ho&lt;me</jid>"));
}

TEST_CASE("echo: ANONYMOUS gives a user and a resource of one's own") {
  Rig one, two;
  std::string jids[2];
  int i = 0;
  for (Rig* rig : {&one, &two}) {
    CHECK(contains(rig->say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"), "<success"));
    rig->up->restart({});
    std::string bound = rig->say("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    auto at = bound.find("<jid>");
    REQUIRE(at != std::string::npos);
    jids[i++] = bound.substr(at, bound.find("</jid>") - at);
    CHECK(contains(bound, "@example.org/"));
  }
  CHECK(jids[0] != jids[1]);
}

TEST_CASE("echo: bad credentials and mechanisms fail without ending the stream") {
  Rig rig;
  for (const char* auth : {"mechanism='PLAIN'>!!</auth>", "mechanism='PLAIN'>AAAA</auth>", "mechanism='PLAIN'/>",
                           "mechanism='PLAIN'>AGFAYgBj</auth>"}) {
    CHECK(contains(rig.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' " + std::string(auth)),
                   "<malformed-request/>"));
  }
  CHECK(contains(rig.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>x</auth>"),
                 "<invalid-mechanism/>"));
  CHECK_FALSE(rig.ears.closed);
}

TEST_CASE("echo: a message comes back with the addresses swapped, all else as written") {
  Rig rig;
  rig.log_in();
  CHECK(rig.say("<message xmlns='jabber:client' to='romeo@example.net/x' id='m1' xml:lang=\"de\" from='forged@x'>"
                "<body>a &lt; b <![CDATA[<c>]]></body><x:y xmlns:x='urn:x' to='kept'/></message>") ==
        "A:<message from='romeo@example.net/x' to='juliet@example.org/home' xmlns='jabber:client' id='m1' "
        "xml:lang=\"de\">"
        "<body>a &lt; b <![CDATA[<c>]]></body><x:y xmlns:x='urn:x' to='kept'/></message> ");
  CHECK(rig.say("<message to='juliet@example.org/home'/>") ==
        "A:<message xmlns='jabber:client' from='juliet@example.org/home' to='juliet@example.org/home'/> ");
  CHECK(rig.say("<message><body/></message>") ==
        "A:<message xmlns='jabber:client' from='juliet@example.org' to='juliet@example.org/home'><body/></message> ");
  CHECK(rig.say("<message type='error' to='a@b'/>").empty());
  CHECK(
      rig.say("<c:message xmlns:c='jabber:client' c:to='no'\n to = 'a@b' ><c:body/></c:message>") ==
      "A:<c:message from='a@b' to='juliet@example.org/home' xmlns:c='jabber:client' c:to='no'><c:body/></c:message> ");
}

TEST_CASE("U-35 several elements at once are answered in order, in one event") {
  Rig rig;
  rig.log_in();
  std::string log = rig.say(
      "<message to='a@b' id='1'/><iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq><message to='a@b' id='3'/>");
  CHECK(log.find("id='1'") < log.find("id='2'"));
  CHECK(log.find("id='2'") < log.find("id='3'"));
}

TEST_CASE("echo: roster, ping, disco, session and presence; other requests are refused") {
  Rig rig;
  rig.log_in();
  CHECK(contains(rig.say("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"),
                 "type='result' id='r' to='juliet@example.org/home'><query xmlns='jabber:iq:roster'/>"));
  CHECK(contains(rig.say("<iq type='get' id='p' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"),
                 "type='result' id='p' from='example.org'"));
  CHECK(contains(rig.say("<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"),
                 "<identity "));
  CHECK(contains(rig.say("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"),
                 "type='result'"));
  CHECK(contains(rig.say("<iq type='get' id='x'><query xmlns='urn:x'/></iq>"), "<service-unavailable "));
  CHECK(rig.say("<iq type='result' id='x'/><iq type='error' id='y'/>").empty());  // U-61
  CHECK(rig.say("<presence><show>away</show></presence>") ==
        "A:<presence xmlns='jabber:client' from='juliet@example.org/home' "
        "to='juliet@example.org/home'><show>away</show></presence> ");
  CHECK(rig.say("<presence type='unavailable'/><presence to='a@b'/>").empty());
  CHECK(contains(rig.say("<enable xmlns='urn:xmpp:sm:3'/>"), "<failed xmlns='urn:xmpp:sm:3'>"));
}

TEST_CASE("B-104 TLS elements are ignored; what is no stanza, or comes too early, ends the stream with an error") {
  Rig rig;
  CHECK(rig.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").empty());
  CHECK(rig.say("<message to='a@b'/>") == "C:remote-stream-error ");
  CHECK(contains(rig.ears.end.stream_error, "<not-authorized "));
  CHECK(rig.say("<message/>").empty());
  Rig odd;
  odd.log_in();
  CHECK(odd.say("<message to='a@b'/><foo xmlns='urn:x'/><message/>").substr(0, 10) == "A:<message");
  CHECK(contains(odd.ears.end.stream_error, "<unsupported-stanza-type "));
}

TEST_CASE(
    "H-44 U-36 while the client does not collect, answers wait; above 1 MiB the stream ends with policy-violation") {
  Rig rig;
  rig.log_in();
  rig.up->set_reading(false);
  CHECK(rig.say("<message to='a@b' id='1'/>").empty());
  rig.up->set_reading(true);
  CHECK(contains(rig.ears.log, "id='1'"));
  rig.up->set_reading(false);
  rig.say("<message to='a@b'>" + std::string(kMaxUnsent, 'x') + "</message>");
  CHECK_FALSE(rig.ears.closed);
  rig.say("<message to='a@b'/>");
  CHECK(rig.ears.closed);
  CHECK(rig.ears.end.condition == bosh::Condition::PolicyViolation);
}

TEST_CASE("U-01 U-02 the firewall and the form of a domain count for echo too; closing is immediate, once") {
  Rig bad("a b");
  CHECK(bad.ears.log == "C:improper-addressing ");
  Rig rig;
  rig.up->close(Parting::ClientClosed, {});
  rig.up->close(Parting::ClientClosed, {});
  CHECK(rig.ears.closed);
  CHECK((rig.ears.end.condition == bosh::Condition::None));
  rig.streams->drop(StreamId{3});
  CHECK(rig.streams->size() == 0);
}

TEST_CASE("U-63 U-68 a stream to echo that fails is counted by its stage and leaves one line") {
  testing::CapturedLog log;
  Rig refused("a b");
  CHECK(contains(log.text(), "event=stream.failed sid=7ec7a2dc domain=\"a b\" stage=policy "));
  CHECK(contains(log.text(), " client=192.0.2.7 condition=improper-addressing "));
  CHECK(refused.counters.get(stats::Counter::streams_failed) == 1);
  CHECK(refused.counters.get(stats::Counter::streams_failed_policy) == 1);
  Rig rig;
  rig.say("<message to='a@b'/>");
  CHECK(contains(log.text(), " domain=example.org stage=stream "));
  CHECK(contains(log.text(), " condition=remote-stream-error why=not-authorized\n"));
  CHECK(rig.counters.get(stats::Counter::streams_failed_stream) == 1);
  CHECK((rig.ears.end.stage == Stage::Stream));
  Rig closed;
  std::string before = log.text();
  closed.up->close(Parting::ClientClosed, {});
  CHECK(log.text() == before);
}

}  // namespace
}  // namespace nxb::upstream
