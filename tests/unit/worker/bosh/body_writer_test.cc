// tests/unit/worker/bosh/body_writer_test.cc - answers as they go on the wire; conditions.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "worker/bosh/body.h"
#include "worker/xml/tree.h"

using namespace nxb;
using namespace nxb::bosh;

TEST_CASE("B-62: an answer with nothing to say is an empty body") {
  CHECK(write_answer({}) == "<body xmlns='http://jabber.org/protocol/httpbind'/>");
}

TEST_CASE("B-05: payloads stand inside an unprefixed body, unchanged") {
  CHECK(write_answer("<a xmlns='jabber:client'/>") ==
        "<body xmlns='http://jabber.org/protocol/httpbind'><a xmlns='jabber:client'/></body>");
}

TEST_CASE("B-30 to B-35: the creation answer carries everything that the session is") {
  CreationAnswer answer;
  answer.sid = "q0Yx";
  answer.from = "a.example";
  answer.to = "u@a.example/it's";
  answer.authid = "U&77";
  answer.xmpp_version = "1.0";
  answer.wait = 55;
  answer.hold = 1;
  answer.requests = 2;
  answer.inactivity = 70;
  answer.maxpause = 120;
  answer.ack = 7001;
  CHECK(write_creation(answer, "<x xmlns=''/>") ==
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' "
        "xmlns:stream='http://etherx.jabber.org/streams' sid='q0Yx' wait='55' requests='2' hold='1' inactivity='70' "
        "maxpause='120' ver='1.6' from='a.example' to='u@a.example/it&apos;s' ack='7001' authid='U&amp;77' "
        "xmpp:restartlogic='true' xmpp:version='1.0'><x xmlns=''/></body>");
  CreationAnswer early{};
  early.sid = "s";
  early.polling = 5;
  std::string text = write_creation(early, {});
  CHECK(text.find("authid") == std::string::npos);
  CHECK(text.find("xmpp:version") == std::string::npos);
  CHECK(text.find(" ack=") == std::string::npos);
  CHECK(text.find(" polling='5'") != std::string::npos);
  CHECK(text.ends_with("/>"));
}

TEST_CASE("B-35: late features come with authid and version") {
  xml::Pool pool;
  Heading news;
  news.features = true;
  news.authid = "id1";
  news.xmpp_version = "1.0";
  auto tree = xml::read_tree(pool, write_answer(news, "<stream:features/>"), 2);
  REQUIRE(static_cast<bool>(tree));
  CHECK(tree->attribute("authid") == "id1");
  CHECK(tree->child("features", "http://etherx.jabber.org/streams") != nullptr);
  REQUIRE(tree->attributes.size() == 2);
  CHECK(tree->attributes[1] == xml::Attribute{"version", "urn:xmpp:xbosh", "1.0"});
}

TEST_CASE(
    "B-81 B-102 C-50: a terminate with and without condition, never with a text; a stream error brings its namespace") {
  CHECK(write_terminate(Condition::None) == "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>");
  CHECK(write_terminate(Condition::ItemNotFound) ==
        "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='item-not-found'/>");
  CHECK(write_terminate(Condition::RemoteStreamError, "<stream:error/>") ==
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams' "
        "type='terminate' condition='remote-stream-error'><stream:error/></body>");
}

TEST_CASE("B-109: see-other-uri carries its URI, escaped, in the namespace of body") {
  CHECK(write_see_other_uri("https://b.example/bind?a=1&b=<'\"") ==
        "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='see-other-uri'>"
        "<uri>https://b.example/bind?a=1&amp;b=&lt;&apos;&quot;</uri></body>");
}

TEST_CASE("B-49: the recoverable error") {
  CHECK(write_recoverable_error() == "<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>");
}

TEST_CASE("B-105 C-55: the names on the wire") {
  CHECK(wire_name(Condition::None).empty());
  int condition = 0;
  for (std::string_view name :
       {"bad-request", "host-gone", "host-unknown", "improper-addressing", "internal-server-error", "item-not-found",
        "other-request", "policy-violation", "remote-connection-failed", "remote-stream-error", "see-other-uri",
        "system-shutdown", "undefined-condition"}) {
    CHECK(wire_name(static_cast<Condition>(++condition)) == name);
  }
  CHECK(static_cast<int>(Condition::UndefinedCondition) == condition);  // the last there is
}

TEST_CASE("B-106: HTTP statuses for clients that sent no ver") {
  CHECK(http_status(Condition::BadRequest, true) == 400);
  CHECK(http_status(Condition::PolicyViolation, true) == 403);
  CHECK(http_status(Condition::ItemNotFound, true) == 404);
  CHECK(http_status(Condition::SystemShutdown, true) == 200);
  CHECK(http_status(Condition::None, true) == 200);
  CHECK(http_status(Condition::BadRequest, false) == 200);
  CHECK(http_status(Condition::ItemNotFound, false) == 200);
}
