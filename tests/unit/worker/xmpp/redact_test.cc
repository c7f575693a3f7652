// tests/unit/worker/xmpp/redact_test.cc - what is hidden, what stays, and what hostile XML brings to light: nothing.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/redact.h"

#include <doctest/doctest.h>

#include <string>

using nxb::xmpp::redact;

namespace {

bool shows(std::string_view xml) { return redact(xml).find("S3CRET") != std::string::npos; }

std::string inside(std::string_view element) {
  return "<" + std::string(element) + " xmlns='urn:x'>S3CRET</" + std::string(element) + ">";
}

}  // namespace

TEST_CASE("O-27, C-16: what SASL says is hidden, the mechanism and the outcome are not") {
  CHECK(redact("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>") ==
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>[redacted]</auth>");
  for (const char* each :
       {"auth", "response", "challenge", "success", "authenticate", "initial-response", "additional-data", "password",
        "digest", "token", "hash-token", "task-data", "handshake", "x:auth", "AUTH", "p:Password"}) {
    CHECK_MESSAGE(redact(inside(each)).find("S3CRET") == std::string::npos, each);
  }
  const std::string_view failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
  CHECK(redact(failure) == failure);
}

TEST_CASE("O-27: of a password in a stanza nothing is seen, the stanza is") {
  CHECK(redact("<iq type='set' id='1'><query "
               "xmlns='jabber:iq:auth'><username>a</username><digest>d</digest></query></iq>") ==
        "<iq type='set' id='1'><query xmlns='jabber:iq:auth'>[redacted]</query></iq>");
  CHECK(redact("<iq><q:query xmlns:q=\"jabber:iq:register\"><q:key>S3CRET</q:key></q:query></iq>") ==
        "<iq><q:query xmlns:q=\"jabber:iq:register\">[redacted]</q:query></iq>");
  CHECK(redact("<presence><x xmlns='http://jabber.org/protocol/muc'><password>pw</password></x></presence>") ==
        "<presence><x xmlns='http://jabber.org/protocol/muc'><password>[redacted]</password></x></presence>");
  CHECK(redact("<x jid='r@c' password = 'S3CRET' reason='b'/>") == "<x jid='r@c' password = '[redacted]' reason='b'/>");
  CHECK(redact("<header name='Authorization'>S3CRET</header><a/>") ==
        "<header name='Authorization'>[redacted]</header><a/>");
}

TEST_CASE("O-27: private fields of forms are hidden, the others are not") {
  CHECK(redact("<field var='username'><value>a</value></field><field var='new-Password'><value>b</value></field>") ==
        "<field var='username'><value>a</value></field><field var='new-Password'>[redacted]</field>");
  CHECK(redact("<field type='text-private' var='x'><value>b</value></field>") ==
        "<field type='text-private' var='x'>[redacted]</field>");
  CHECK_FALSE(shows("<field var='&#112;assword'><value>S3CRET</value></field>"));
}

TEST_CASE("O-27: what opens a call to others is hidden: Jingle's password of ICE, keys of SRTP, pwd in forms") {
  CHECK(redact("<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='S3CRET' ufrag='8hhy'/>") ==
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='[redacted]' ufrag='8hhy'/>");
  CHECK(redact("<crypto key-params='inline:S3CRET' crypto-suite='AES_CM_128_HMAC_SHA1_80' tag='1'/>") ==
        "<crypto key-params='[redacted]' crypto-suite='AES_CM_128_HMAC_SHA1_80' tag='1'/>");
  CHECK(redact("<field var='muc#room_Pwd'><value>S3CRET</value></field>") ==
        "<field var='muc#room_Pwd'>[redacted]</field>");
}

TEST_CASE("O-27: sid and keys of a body are hidden") {
  CHECK(redact("<body sid='abc' rid='7' key='k' newkey='n' xmlns='http://jabber.org/protocol/httpbind'/>") ==
        "<body sid='[redacted]' rid='7' key='[redacted]' newkey='[redacted]' "
        "xmlns='http://jabber.org/protocol/httpbind'/>");
  CHECK(redact("<message key='k'/>") == "<message key='k'/>");
}

TEST_CASE("C-16: all else is byte for byte what it was") {
  for (std::string_view xml :
       {"<message to='a@b/c' ><body>x &lt;auth&gt; y</body><![CDATA[<password>]]><e  a=\"it's\"\n/></message >",
        "no tags at all", "", "<a><b/></a><c/> ", "<message><body>d\xc3\xa9j\xc3\xa0 vu</body></message>"}) {
    CHECK(redact(xml) == xml);
  }
  CHECK(redact("<?xml version='1.0'?><a><!-- S3CRET --></a>") == "<a></a>");
}

TEST_CASE("O-27: hostile XML brings no secret to light") {
  for (std::string_view xml : {
           "<auth><x></x>S3CRET</auth>",                        // the end of a child is not the end
           "<auth></x>S3CRET",                                  // nor is that of a stranger
           "<password><password></password>S3CRET</password>",  // of the same name
           "<auth/ >S3CRET",                                    // half an empty tag
           "<auth a='/>'>S3CRET</auth>",                        // an end in a value
           "<auth a=\"'\" b='\">'>S3CRET</auth>",               // quotes in quotes
           "<auth><![CDATA[</auth>S3CRET]]></auth>",            // an end in CDATA
           "<auth><!--</auth>--><b>S3CRET</b></auth>",          // in a comment
           "<auth><?x </auth>?>S3CRET</auth>",                  // in an instruction
           "<!DOCTYPE a [<!ENTITY e 'S3CRET'>]><a/>",           // in a document type
           "<auth",                                             // no end at all
           "<x password='S3CRET",                               // a value without one
           "<x a=S3CRET>",
           "<x a 'S3CRET'>",
           "<x password=S3CRET/>",  // no attribute
           "<x password\n=\n'S3CRET'/>",
           "<x p:password='S3CRET'/>",                                     // blanks, prefixes
           "<query xmlns='jabber:iq:&#97;uth'><key>S3CRET</key></query>",  // a namespace in code
           "<a:q xmlns:a='jabber:iq:register' ><a:i>S3CRET</a:i></a:q>",
           "</auth><auth>S3CRET</auth>",
           "<<auth>S3CRET</auth>",
           "<a='<auth>S3CRET</auth>'/>",
       }) {
    CHECK_MESSAGE(!shows(xml), std::string(xml));
  }
}

TEST_CASE("O-27: cut anywhere, and redacted twice, it shows no more") {
  const std::string xml =
      "<iq><query xmlns='jabber:iq:auth'><password>S3CRET</password></query><x password='S3CRET'/>"
      "<auth m='P'><![CDATA[S3CRET]]></auth><field var='password'><value>S3CRET</value></field></iq>";
  for (std::size_t size = 0; size <= xml.size(); ++size) {
    const std::string once = redact(xml.substr(0, size));
    CHECK(once.find("S3C") == std::string::npos);
    if (size == xml.size()) CHECK(redact(once) == once);
  }
}

TEST_CASE("C-16: as many characters as asked for, whole ones, and how many more there are") {
  const std::string xml = "<a>gr\xc3\xbc\xc3\x9f</a>";
  CHECK(redact(xml, 11) == xml);
  CHECK(redact(xml, 6) == "<a>gr\xc3\xbc... [5 more characters]");
  CHECK(redact(xml, 0) == "... [11 more characters]");
  CHECK(redact("<auth>" + std::string(1000, 'x') + "</auth>", 256) == "<auth>[redacted]</auth>");
}

TEST_CASE("C-16: deep nesting costs no stack") {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  CHECK(redact(deep) == deep);
  CHECK(redact("<auth>" + deep) == "<auth>[redacted]");
}

TEST_CASE("O-20 O-27: SASL of both kinds is hidden, under any prefix; what is around it is not") {
  CHECK(redact("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>") ==
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>[redacted]</auth>");
  CHECK(redact("<s:response xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl'>YQ==</s:response>").find("YQ==") ==
        std::string::npos);
  CHECK(redact("<challenge>YQ==</challenge><success>Yg==</success><presence/>") ==
        "<challenge>[redacted]</challenge><success>[redacted]</success><presence/>");
  CHECK(redact("<x xmlns='urn:xmpp:sasl:2'><any><deep>YQ==</deep></any></x><body>YQ==</body>") ==
        "<x xmlns='urn:xmpp:sasl:2'>[redacted]</x><body>YQ==</body>");
  CHECK(redact("<auth><![CDATA[a<b>YQ==]]></auth>") == "<auth>[redacted]</auth>");
  CHECK(redact("<authenticate><initial-response>YQ==</initial-response></authenticate>") ==
        "<authenticate>[redacted]</authenticate>");
}

TEST_CASE("O-20 O-27: passwords of registration, old authentication, rooms and forms, and tokens are hidden") {
  for (const char* xml :
       {"<iq><query xmlns='jabber:iq:register'><username>a</username><password>p4ss</password></query></iq>",
        "<iq><query xmlns=\"jabber:iq:auth\"><digest>p4ss</digest></query></iq>",
        "<presence><x xmlns='http://jabber.org/protocol/muc'><password>p4ss</password></x></presence>",
        "<x><field var='muc#roomconfig_roomsecret' type='text-private'><value>p4ss</value></field></x>",
        "<x><field var='password'><value>p4ss</value></field></x>",
        "<token xmlns='urn:xmpp:fast:0' expiry='x' token='p4ss'/>", "<y a='>' q:token = \"p4ss\"/>"}) {
    CAPTURE(xml);
    CHECK(redact(xml).find("p4ss") == std::string::npos);
  }
  CHECK(redact("<x><field var='a' type='text-private'/><field var='b'><value>v</value></field></x>").find(">v<") !=
        std::string::npos);
}

TEST_CASE("O-20: everything else is shown as it is, at most so much of it, never half a character") {
  const std::string plain =
      "<message to='a@b' type=\"chat\"><body>auth &lt; password \xc3\xa4</body><x a='/&gt;' /></message>";
  CHECK(redact(plain) == plain);
  CHECK(redact("<body>aaaa</body>", 8) == "<body>aa... [9 more characters]");
  CHECK(redact("<b>\xc3\xa4</b>", 3) == "<b>... [5 more characters]");
  CHECK(redact("") == "");
  for (const char* broken : {"<", "<a", "<a b='", "<![CDATA[", "</", "<auth>x", "a>b"})
    static_cast<void>(redact(broken));
}
