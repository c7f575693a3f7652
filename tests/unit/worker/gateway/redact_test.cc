// tests/unit/worker/gateway/redact_test.cc - what an operator may see of elements, and who is shown them.
// SPDX-License-Identifier: MIT
#include "worker/gateway/redact.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "common/base/secret.h"
#include "journal_rig.h"

using namespace nxb;
using namespace nxb::gateway;

namespace {

std::string shown(std::string_view xml) { return redact(xml, 8192); }

}  // namespace

TEST_CASE("O-20 O-27 watch: SASL of both kinds is hidden, under any prefix; what is around it is not") {
  CHECK(shown("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>") ==
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>***</auth>");
  CHECK(shown("<s:response xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl'>YQ==</s:response>").find("YQ==") ==
        std::string::npos);
  CHECK(shown("<challenge>YQ==</challenge><success>Yg==</success><presence/>") ==
        "<challenge>***</challenge><success>***</success><presence/>");
  CHECK(shown("<x xmlns='urn:xmpp:sasl:2'><any><deep>YQ==</deep></any></x><body>YQ==</body>") ==
        "<x xmlns='urn:xmpp:sasl:2'><any><deep>***</deep></any></x><body>YQ==</body>");
  CHECK(shown("<auth><![CDATA[a<b>YQ==]]></auth>") == "<auth>***</auth>");
  CHECK(shown("<authenticate><initial-response>YQ==</initial-response></authenticate>") ==
        "<authenticate><initial-response>***</initial-response></authenticate>");
}

TEST_CASE("O-20 O-27 watch: passwords of registration, old authentication, rooms and forms, and tokens are hidden") {
  for (const char* xml :
       {"<iq><query xmlns='jabber:iq:register'><username>a</username><password>p4ss</password></query></iq>",
        "<iq><query xmlns=\"jabber:iq:auth\"><digest>p4ss</digest></query></iq>",
        "<presence><x xmlns='http://jabber.org/protocol/muc'><password>p4ss</password></x></presence>",
        "<x><field var='muc#roomconfig_roomsecret' type='text-private'><value>p4ss</value></field></x>",
        "<x><field var='password'><value>p4ss</value></field></x>",
        "<token xmlns='urn:xmpp:fast:0' expiry='x' token='p4ss'/>", "<y a='>' q:token = \"p4ss\"/>"}) {
    CAPTURE(xml);
    CHECK(shown(xml).find("p4ss") == std::string::npos);
  }
  CHECK(shown("<x><field var='a' type='text-private'/><field var='b'><value>v</value></field></x>").find(">v<") !=
        std::string::npos);
}

TEST_CASE("O-20 watch: everything else is shown as it is, at most so much of it, never half a character") {
  const std::string plain =
      "<message to='a@b' type=\"chat\"><body>auth &lt; password \xc3\xa4</body><x a='/&gt;' /></message>";
  CHECK(shown(plain) == plain);
  CHECK(redact("<body>aaaa</body>", 8) == "<body>aa...");
  CHECK(redact("<b>\xc3\xa4</b>", 4) == "<b>...");
  CHECK(shown("") == "");
  for (const char* broken : {"<", "<a", "<a b='", "<![CDATA[", "</", "<auth>x", "a>b"})
    static_cast<void>(shown(broken));
}

TEST_CASE("O-20 watch: the elements of the watched session both ways, until nobody watches, or nobody listens") {
  Watched world;
  SocketId first = world.login();
  StreamId stream = world.servers.rbegin()->first;
  std::string name = member(world.told().front(), "sid");
  world.say(first, "<message xmlns='jabber:client'/>");
  CHECK(world.types().find("stanza") == std::string::npos);
  CHECK(world.gateway.watch(name) == "{\"state\":\"watched\",\"sid\":\"" + name + "\"}");
  CHECK(member(world.gateway.watch("00000000"), "state") == "unknown");
  world.say(first, "<message xmlns='jabber:client'/>");
  world.bring_message(stream, "<message><password>p</password></message>");
  auto told = world.told();
  std::erase_if(told, [](const auto& line) { return member(line, "type") != "stanza"; });
  REQUIRE(told.size() == 2);
  CHECK(member(told[0], "from") == "client");
  CHECK(member(told[1], "xml") == "<message><password>***</password></message>");
  CHECK(member(told[1], "sid") == name);
  world.gateway.unwatch(name);
  world.say(first, "<message xmlns='jabber:client'/>");
  CHECK(world.types().find("stanza") == std::string::npos);
  world.gateway.watch(name);
  world.gateway.publish(false);
  world.gateway.publish(true);
  world.say(first, "<message xmlns='jabber:client'/>");
  CHECK(world.types().find("stanza") == std::string::npos);
}
