// tests/unit/worker/bosh/body_test.cc - reading <body/>: what is refused, the attribute table, payloads as bytes.
// SPDX-License-Identifier: MIT
#include "worker/bosh/body.h"

#include <doctest/doctest.h>

#include <string>

using namespace nxb;
using namespace nxb::bosh;

namespace {

constexpr std::string_view kXmlns = " xmlns='http://jabber.org/protocol/httpbind'";
constexpr std::string_view kXmpp = " xmlns:xmpp='urn:xmpp:xbosh'";

std::string with(std::string_view attributes, std::string_view inside = {}) {
  return "<body" + std::string(kXmlns) + std::string(kXmpp) + " " + std::string(attributes) + ">" +
         std::string(inside) + "</body>";
}

bool refused(std::string_view text) {
  xml::Pool pool;
  return !parse_body(pool, text);
}

Body parse(std::string_view text) {
  xml::Pool pool;
  auto body = parse_body(pool, text);
  REQUIRE_MESSAGE(static_cast<bool>(body), text);
  return *std::move(body);
}

Condition problem(std::string_view attributes) { return parse(with(attributes)).problem; }

// The payloads of a later request.
std::string payloads(std::string_view inside, std::string_view attributes = {}) {
  return parse(with("rid='2' sid='s' " + std::string(attributes), inside)).payloads;
}

}  // namespace

TEST_CASE("B-05 D-26: the root must be body in the BOSH namespace, with any prefix, and all there is") {
  CHECK_FALSE(refused("<body rid='1' xmlns='http://jabber.org/protocol/httpbind'/>"));
  CHECK_FALSE(refused("<b:body rid='1' xmlns:b=\"http://jabber.org/protocol/httpbind\"></b:body>"));
  CHECK(refused("<body rid='1'/>"));
  CHECK(refused("<body rid='1' xmlns='jabber:client'/>"));
  CHECK(refused("<bodies rid='1' xmlns='http://jabber.org/protocol/httpbind'/>"));
  CHECK(refused("<x>" + with("rid='1'") + "</x>"));
  CHECK(refused(with("rid='1'") + with("rid='2'")));
  CHECK(refused("junk" + with("rid='1'")));
  CHECK(refused(with("rid='1'") + "junk"));
}

TEST_CASE("B-06 B-07 B-08 B-09: what is not one clean element is refused") {
  for (std::string bad : {std::string(),
                          std::string(" "),
                          std::string("rid=1"),
                          with("rid='1'") + "x",
                          with("rid='1'") + with("rid='1'"),
                          with("rid='1'") + "<!-- x -->",
                          with("rid='1'", "text"),
                          with("rid='1'", "<a/>text"),
                          with("rid='1'", "<![CDATA[ ]]>"),
                          with("rid='1'", "<a>"),
                          with("rid='1'", "<a>&b;</a>"),
                          with("rid='1'", "<!-- -->"),
                          with("rid='1'", "<a><?x?></a>"),
                          with("rid='1'", "<a>\xff</a>"),
                          with("rid='1'", "<p:a/>"),
                          "<!DOCTYPE body>" + with("rid='1'"),
                          "<?xml version='1.0' encoding='iso-8859-1'?>" + with("rid='1'"),
                          "\n<?xml version='1.0'?>" + with("rid='1'"),
                          with("rid='1'").substr(0, 60),
                          with("rid='1' rid='2'"),
                          std::string("\xff\xfe<\0b\0", 7)}) {
    CAPTURE(bad);
    CHECK(refused(bad));
  }
  CHECK_FALSE(refused("\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\r\n" + with("rid='1'", " \r\n\t ") + "\n"));
}

TEST_CASE("B-16 D-05: rid is 1 to 2^53-1 in at most 16 digits") {
  CHECK(parse(with("rid='9007199254740991'")).rid == Rid{9007199254740991});
  CHECK(parse(with("rid='0000000000000007'")).rid == Rid{7});
  for (std::string_view bad :
       {"", "rid=''", "rid='0'", "rid='9007199254740992'", "rid='00000000000000007'", "rid='-1'", "rid='+1'",
        "rid=' 1'", "rid='1.0'", "rid='101.5'", "rid='1e3'", "rid='99999999999999999999'"}) {
    CAPTURE(bad);
    CHECK(problem(bad) == Condition::BadRequest);
    CHECK_FALSE(parse(with(bad)).rid);
  }
  CHECK(parse(with("sid='s'")).sid == "s");  // so that the session can be ended (B-42)
}

TEST_CASE("B-15: an empty sid neither names a session nor asks for one") {
  CHECK(problem("rid='1' sid=''") == Condition::ItemNotFound);
  CHECK(problem("rid='1'") == Condition::None);
}

TEST_CASE("creation attributes are read and bounded") {
  Body body = parse(
      with("rid='1' to='a.example' from='u@a.example/r' wait='60' hold='1' ver='1.10' inactivity='90' ack='1' "
           "content='text/html' route='xmpp:h:5222' xml:lang='de-CH' xmpp:version='1.0' secure='true' window='5'"));
  CHECK(body.problem == Condition::None);
  CHECK(body.to == "a.example");
  CHECK(body.from == "u@a.example/r");
  CHECK(body.wait == 60);
  CHECK(body.hold == 1);
  CHECK(body.ver == Version{1, 10});
  CHECK(body.inactivity == 90);
  CHECK(body.ack == 1);
  CHECK(body.content == "text/html");
  CHECK(body.route == "xmpp:h:5222");
  CHECK(body.lang == "de-CH");
  CHECK(body.xmpp_version == "1.0");
  CHECK(parse(with("rid='1' wait='0' hold='0'")).wait == 0);
  CHECK(parse(with("rid='1' wait='65535' hold='255'")).hold == 255);
  CHECK(parse(with("rid='1'")).wait == std::nullopt);
}

TEST_CASE("malformed attributes of a creation request") {
  for (std::string_view bad :
       {"wait='65536'", "wait='-1'", "wait='x'", "wait=''", "hold='256'", "hold='1.5'", "ack='0'", "ack='x'",
        "to='a@b@c'", "to='a&#10;b'", "from='a&#1;b'", "route='xmpp:h&#10;:1'", "xmpp:version='1'",
        "xmpp:version='one'", "pause='0'", "pause='65536'", "xmpp:restart='yes'", "xmpp:restart=''"}) {
    CAPTURE(bad);
    if (bad == "from='a&#1;b'") {
      CHECK(refused(with("rid='1' from='a&#1;b'")));  // not a character of XML at all
    } else {
      CHECK(problem("rid='1' " + std::string(bad)) == Condition::BadRequest);
    }
  }
  CHECK(problem("rid='1' from='a&#9;b'") == Condition::BadRequest);
  CHECK(problem("rid='1' from='" + std::string(3071, 'a') + "'") == Condition::None);
  CHECK(problem("rid='1' from='" + std::string(3072, 'a') + "'") == Condition::BadRequest);
  for (std::string_view ignored : {"inactivity='x'", "inactivity='70000'", "xml:lang='&lt;&gt;'", "type='error'",
                                   "type='x'", "condition='x'", "ver='1'", "content='bogus'"}) {
    CAPTURE(ignored);
    CHECK(problem("rid='1' " + std::string(ignored)) == Condition::None);
  }
}

TEST_CASE("B-63: creation attributes on later requests are not judged, the others are") {
  for (std::string_view ignored :
       {"wait='x'", "hold='256'", "to='a@b@c'", "from='a&#9;b'", "route='&#9;'", "xmpp:version='1'"}) {
    CAPTURE(ignored);
    CHECK(problem("rid='1' sid='s' " + std::string(ignored)) == Condition::None);
  }
  for (std::string_view bad : {"ack='0'", "pause='0'", "xmpp:restart='2'"}) {
    CAPTURE(bad);
    CHECK(problem("rid='1' sid='s' " + std::string(bad)) == Condition::BadRequest);
  }
}

TEST_CASE("B-22: ver is two integers, anything else counts as absent") {
  CHECK(parse(with("rid='1' ver='1.6'")).ver == Version{1, 6});
  CHECK(Version{1, 10} > Version{1, 6});
  for (std::string_view bad : {"", "1", "1.", ".6", "1.6.1", "1.x", "1,6", "4294967296.0"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse(with("rid='1' ver='" + std::string(bad) + "'")).ver);
  }
}

TEST_CASE("B-17: `to` may be a JID, of which the domain counts") {
  auto to = [](std::string_view value) { return parse(with("rid='1' to='" + std::string(value) + "'")).to; };
  CHECK(to("a.example") == "a.example");
  CHECK(to("user@a.example/res@x/y") == "a.example");
  CHECK(to("a.example/res") == "a.example");
  CHECK(to("") == "");
  CHECK(to("user@") == "");
}

TEST_CASE("B-99 D-24: xmpp:restart is found by its namespace and is an xs:boolean") {
  CHECK(parse(with("rid='1' sid='s' xmpp:restart='true'")).restart);
  CHECK(parse(with("rid='1' sid='s' xmpp:restart='1'")).restart);
  CHECK_FALSE(parse(with("rid='1' sid='s' xmpp:restart='false'")).restart);
  CHECK_FALSE(parse(with("rid='1' sid='s' xmpp:restart='0'")).restart);
  CHECK(parse(with("rid='1' sid='s' xmlns:q='urn:xmpp:xbosh' q:restart='true'")).restart);
  CHECK_FALSE(parse(with("rid='1' sid='s' restart='true'")).restart);
  CHECK_FALSE(parse(with("rid='1' sid='s' xmlns:q='urn:other' q:restart='true'")).restart);
}

TEST_CASE("terminate, pause, ack, stream and keys are read from any request") {
  Body body = parse(with("rid='5' sid='s' type='terminate' pause='60' ack='4' stream='x' key='k' newkey='n'"));
  CHECK(body.terminate);
  CHECK(body.pause == 60);
  CHECK(body.ack == 4);
  CHECK(body.stream == "x");
  CHECK(body.key == "k");
  CHECK(body.newkey == "n");
}

TEST_CASE("B-14 B-105 C-54 D-29: unknown attributes pass; above 64, or one above 4096 bytes, is bad-request") {
  auto many = [](int count) {  // two declarations, rid and sid are there already
    std::string attributes = "rid='1' sid='s'";
    for (int i = 4; i < count; ++i) attributes += " x" + std::to_string(i) + "=''";
    return attributes;
  };
  CHECK(problem(many(64)) == Condition::None);
  CHECK(problem(many(65)) == Condition::BadRequest);
  CHECK(parse(with(many(65))).sid == "s");
  CHECK(refused(with(many(200))));
  CHECK(problem("rid='1' sid='s' x='" + std::string(4096, 'x') + "'") == Condition::None);
  CHECK(problem("rid='1' sid='s' x='" + std::string(4097, 'x') + "'") == Condition::BadRequest);
}

TEST_CASE("B-10: payloads of any namespace pass byte for byte, in order") {
  std::string inside =
      "<message to='a' ><body>1 &lt; 2 &amp; \"3\" &#233;\xc3\xa9 <![CDATA[<x>]]>\r\n</body></message>"
      "<x xmlns=\"urn:x\"   a = '>'  ><y/><y></y></x><presence/>";
  Body body = parse(with("rid='2' sid='s'", " \n" + inside + "\t"));
  CHECK(body.payloads == inside);
  CHECK(body.payload_count == 3);
  CHECK(payloads("<a/>\n <b/>") == "<a/><b/>");
}

TEST_CASE("B-11: the BOSH namespace and none become jabber:client, others stay") {
  CHECK(payloads("<message><body>x</body></message>") == "<message><body>x</body></message>");
  CHECK(
      payloads(
          "<iq xmlns='http://jabber.org/protocol/httpbind'><q xmlns=\"http://jabber.org/protocol/httpbind\"/></iq>") ==
      "<iq xmlns='jabber:client'><q xmlns=\"jabber:client\"/></iq>");
  CHECK(payloads("<iq a='xmlns=1' xmlns = 'http://jabber.org/protocol/httpbind' b='2'/>") ==
        "<iq a='xmlns=1' xmlns = 'jabber:client' b='2'/>");
  CHECK(payloads("<iq xmlns='http&#58;//jabber.org/protocol/httpbind'/>") == "<iq xmlns='jabber:client'/>");
  CHECK(payloads("<iq xmlns=''><q xmlns=''/><r xmlns='urn:r'><s xmlns=''/></r></iq>") ==
        "<iq xmlns='jabber:client'><q xmlns='jabber:client'/><r xmlns='urn:r'><s xmlns='jabber:client'/></r></iq>");
  CHECK(payloads("<iq><q xmlns='urn:q'><r xmlns=''/></q></iq>") == "<iq><q xmlns='urn:q'><r xmlns=''/></q></iq>");
  CHECK(payloads("<p:iq xmlns:p='http://jabber.org/protocol/httpbind'><p:q/></p:iq>") ==
        "<p:iq xmlns:p='jabber:client'><p:q/></p:iq>");
  std::string text = "<message><body>xmlns='http://jabber.org/protocol/httpbind'</body></message>";
  CHECK(payloads(text) == text);
}

TEST_CASE("B-12: a default namespace of a prefixed body is redeclared where it is used") {
  auto inside = [](std::string_view xml) {
    return parse("<b:body xmlns:b='http://jabber.org/protocol/httpbind' xmlns='urn:d&amp;d' rid='2' sid='s'>" +
                 std::string(xml) + "</b:body>")
        .payloads;
  };
  CHECK(inside("<x/>") == "<x xmlns='urn:d&amp;d'/>");
  CHECK(inside("<x xmlns='urn:x'/>") == "<x xmlns='urn:x'/>");
  CHECK(inside("<b:message><y/></b:message>") ==
        "<b:message xmlns='urn:d&amp;d' xmlns:b='jabber:client'><y/></b:message>");
  CHECK(inside("<b:message/>") == "<b:message xmlns:b='jabber:client'/>");
  CHECK(parse("<b:body xmlns:b='http://jabber.org/protocol/httpbind' rid='2'><iq/></b:body>").payloads == "<iq/>");
  CHECK(parse("<b:body xmlns:b='http://jabber.org/protocol/httpbind' xmlns='jabber:client' rid='2'><iq/></b:body>")
            .payloads == "<iq/>");
}

TEST_CASE("B-12 D-52: prefixes of body that a payload uses anywhere are declared on it, and only those") {
  std::string prefixes = "xmlns:p='urn:p' xmlns:q='urn:q'";
  CHECK(payloads("<p:x/><y/>", prefixes) == "<p:x xmlns:p='urn:p'/><y/>");
  CHECK(payloads("<y><z p:a='1'/></y>", prefixes) == "<y xmlns:p='urn:p'><z p:a='1'/></y>");
  CHECK(payloads("<y  a='1'><p:z/><q:z/></y>", prefixes) ==
        "<y xmlns:p='urn:p' xmlns:q='urn:q'  a='1'><p:z/><q:z/></y>");
  CHECK(payloads("<p:x xmlns:p='urn:other'/>", prefixes) == "<p:x xmlns:p='urn:other'/>");
  CHECK(payloads("<y q:b='2' xmlns:q='urn:own'><q:z/></y>", prefixes) == "<y q:b='2' xmlns:q='urn:own'><q:z/></y>");
  CHECK(payloads("<y\n/>", prefixes) == "<y\n/>");
}

TEST_CASE("B-12 U-60: xml:lang of body goes on stanzas without their own, unless the stream header says it") {
  std::string stanzas = "<message/><iq xml:lang='fr'/><r xmlns='urn:xmpp:sm:3'/>";
  CHECK(payloads(stanzas, "xml:lang='de'") == "<message xml:lang='de'/><iq xml:lang='fr'/><r xmlns='urn:xmpp:sm:3'/>");
  CHECK(payloads(stanzas) == stanzas);
  CHECK(payloads(stanzas, "xml:lang='de' xmpp:restart='true'") == stanzas);
  CHECK(parse(with("rid='1' xml:lang='de'", stanzas)).payloads == stanzas);
}

TEST_CASE("H-44: a declaration on body that many payloads use cannot multiply the request") {
  xml::Pool pool;
  auto text = [](std::size_t uri, int payloads) {
    std::string out = "<b:body rid='1' sid='s' xmlns:b='http://jabber.org/protocol/httpbind' xmlns=\"" +
                      std::string(uri, '\'') + "\">";
    for (int i = 0; i < payloads; ++i) out += "<a/>";
    return out + "</b:body>";
  };
  auto read = [&](const std::string& document) { return *parse_body(pool, document); };
  CHECK(read(text(1000, 10)).problem == Condition::None);
  for (const auto& document : {text(4097, 1), text(50'000, 12'000), text(1000, 12'000)}) {
    Body refused = read(document);
    CHECK(refused.problem == Condition::BadRequest);
    CHECK(refused.sid == "s");
    CHECK(refused.payloads.empty());
  }
}

TEST_CASE("B-104: starttls from the client is ignored") {
  Body body = parse(
      with("rid='1' sid='s'", "<a/><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><b/>"));
  CHECK(body.payloads == "<a/><b/>");
  CHECK(body.payload_count == 2);
  CHECK(payloads("<starttls xmlns='urn:other'/>") == "<starttls xmlns='urn:other'/>");
}

TEST_CASE("a parsed body leaves no reader behind") {
  xml::Pool pool;
  for (int i = 0; i < 100; ++i)
    CHECK(static_cast<bool>(parse_body(pool, with("rid='1'", "<message><body>hi</body></message>"))));
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() == 1);
  CHECK(pool.made() == 1);
}

TEST_CASE("D-02: attributes and elements named like methods and built-in things are names like any other") {
  for (std::string_view name :
       {"hasOwnProperty", "constructor", "__proto__", "toString", "__defineGetter__", "length"}) {
    CAPTURE(name);
    std::string text = std::string(name) + "='x'";
    CHECK(problem("rid='1' sid='s' " + text) == Condition::None);
    std::string element = "<" + std::string(name) + " " + text + "/>";
    CHECK(payloads(element) == element);
  }
}

TEST_CASE("D-27: what one client sent broken is gone when the next one is read") {
  xml::Pool pool;
  const std::string good = with("rid='1' sid='s'", "<a/>");
  for (const std::string& bad :
       {with("rid='7' sid='t'", "<b>"), with("rid='7' sid='t'", "<b>").substr(0, 70), good + "<c", std::string("<x"),
        with("rid='7'", "<p:b xmlns:p='urn:p'>&u;"), with("rid='7' xmlns:p='urn:p'", "<p:b><p:c>").substr(0, 112)}) {
    CAPTURE(bad);
    CHECK_FALSE(static_cast<bool>(parse_body(pool, bad)));
    auto body = parse_body(pool, good);
    REQUIRE(static_cast<bool>(body));
    CHECK(body->rid == Rid{1});
    CHECK(body->sid == "s");
    CHECK(body->payloads == "<a/>");
    CHECK_FALSE(static_cast<bool>(parse_body(pool, with("rid='1' sid='s'", "<p:a/>"))));  // no prefix remains
    CHECK(pool.lent() == 0);
  }
}
