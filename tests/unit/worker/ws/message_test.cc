// tests/unit/worker/ws/message_test.cc - what a message is, what it is refused for, and its element as the server gets it.
// SPDX-License-Identifier: MIT
#include "worker/ws/message.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <string>

namespace nxb::ws {
namespace {

using Kind = Message::Kind;

const std::string kHeaderStart =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example'";

Message parse(std::string_view text, std::uint64_t most = 1'000) {
  xml::Pool pool;
  Message message = parse_message(pool, text, most);
  CHECK(pool.lent() == 0);
  CHECK((message.kind == Kind::Wrong) == (message.wrong != Wrong::Nothing));
  CHECK((message.kind == Kind::Element) == !message.element.empty());
  return message;
}

std::string element(std::string_view text) {
  Message message = parse(text);
  CHECK(message.kind == Kind::Element);
  return message.element;
}

TEST_CASE("W-29 open has the attributes of a stream header, unescaped") {
  Message open = parse(
      "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a&amp;b' from=\"me@a.example\" version='1.0' "
      "xml:lang='de' x='y' p:to='other' xmlns:p='urn:p'/>");
  CHECK(open.kind == Kind::Open);
  CHECK(open.to == "a&b");
  CHECK(open.from == "me@a.example");
  CHECK(open.version == "1.0");
  CHECK(open.lang == "de");
  CHECK(parse("<f:open xmlns:f='urn:ietf:params:xml:ns:xmpp-framing'></f:open>").kind == Kind::Open);
  CHECK(parse("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>").kind == Kind::Close);
  CHECK(parse(kClose).kind == Kind::Close);
}

TEST_CASE("W-30 open and close of another namespace, and a stream of another, are invalid-namespace") {
  for (std::string_view text : {"<open/>", "<close/>", "<open xmlns='jabber:client' to='a'/>", "<close xmlns=''/>",
                                "<x:open xmlns:x='urn:x'/>", "<stream:stream xmlns:stream='urn:x'>",
                                "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server'>",
                                "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns=''/>"}) {
    CAPTURE(std::string(text));
    CHECK(parse(text).wrong == Wrong::InvalidNamespace);
  }
  CHECK(parse("<query><open xmlns='http://jabber.org/protocol/ibb'/></query>").kind == Kind::Element);
}

TEST_CASE("W-27 W-47 whitespace around the element is dropped, whitespace alone is nothing") {
  CHECK(parse("").kind == Kind::Blank);
  CHECK(parse(" \r\n\t").kind == Kind::Blank);
  CHECK(element(" \n<a/>\t ") == "<a/>");
  CHECK(element("<?xml version='1.0'?><a/>") == "<a/>");
  CHECK(element(" <?xml version=\"1.0\" encoding='UTF-8'?>\n<a/> ") == "<a/>");
  CHECK(element("\xef\xbb\xbf<a/>") == "<a/>");
}

TEST_CASE("W-27 C-61 what is not one element is not-well-formed") {
  for (std::string_view text :
       {"a",
        "a<a/>",
        "<a/>a",
        "<a/><b/>",
        "<a/> <b/>",
        "<a>",
        "<a",
        "<",
        "<a></b>",
        "</a>",
        "</stream>",
        "<a/></stream>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<p:a/>",
        "<a p:b='c'/>",
        "<a>&</a>",
        "<a>\x01</a>",
        "<?xml version='1.0'?>",
        "<?xml version='1.0' encoding='latin1'?><a/>",
        "<a/></stream><b/>",
        "&lt;a/>",
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/><open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        "<message><body></message></body>"}) {
    CAPTURE(std::string(text));
    CHECK(parse(text).wrong == Wrong::NotWellFormed);
  }
}

TEST_CASE("W-28 comments, instructions, DTDs and entities are restricted-xml and expand to nothing") {
  for (std::string_view text :
       {"<!--x--><a/>", "<a><!--x--></a>", "<a/><!--x-->", "<?php x?><a/>", "<a><?x y?></a>", "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>&nbsp;</a>", "<a b='&c;'/>"}) {
    CAPTURE(std::string(text));
    CHECK(parse(text).wrong == Wrong::RestrictedXml);
  }
  CHECK(element("<a>&lt;&#x41;&amp;<![CDATA[<!--]]></a>") == "<a>&lt;&#x41;&amp;<![CDATA[<!--]]></a>");
}

TEST_CASE("W-20 W-27 the limits of size, depth and attributes are policy-violation, exactly") {
  std::string fits = "<a>" + std::string(93, 'x') + "</a>";
  REQUIRE(fits.size() == 100);
  CHECK(parse(fits, 100).kind == Kind::Element);
  CHECK(parse("  " + fits + "  ", 100).kind == Kind::Element);
  CHECK(parse(fits, 99).wrong == Wrong::PolicyViolation);
  std::string deep, many = "<a";
  for (int i = 0; i < 128; ++i) deep += "<a>";
  CHECK(parse(deep).wrong == Wrong::PolicyViolation);
  for (int i = 0; i < 65; ++i) many += " a" + std::to_string(i) + "=''";
  CHECK(parse(many + "/>").wrong == Wrong::PolicyViolation);
}

TEST_CASE("W-35 an element is passed as its bytes; one without a namespace is in jabber:client") {
  for (std::string_view same :
       {"<message to='b'><body>x &gt; y</body></message>",
        "<iq xmlns=\"jabber:client\"  type = 'get' ><q xmlns='urn:q'/></iq>", "<c:presence xmlns:c='jabber:client'/>",
        "<r xmlns='urn:xmpp:sm:3'/>", "<message><x xmlns=''><y/></x></message>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AHUAcA==</auth>"}) {
    CHECK(element(same) == same);
  }
  CHECK(element("<message xmlns=''><body/></message>") == "<message xmlns='jabber:client'><body/></message>");
  CHECK(
      element("<a xmlns='' xmlns:a='jabber:client' xmlns:u='urn:u' u:xmlns='jabber:client' c='xmlns:d' xmlns:e = "
              "\"jabber:client\" xmlns:f='jabber&#58;client'/>") ==
      "<a xmlns='jabber:client' xmlns:a='jabber:client' xmlns:u='urn:u' u:xmlns='jabber:client' c='xmlns:d' xmlns:e = "
      "\"jabber:client\" xmlns:f='jabber:client'/>");
  CHECK(element("<a b='1' xmlns = \"\" >x<b xmlns=''/><c xmlns='urn:c'/></a>") ==
        "<a b='1' xmlns = \"jabber:client\" >x<b xmlns='jabber:client'/><c xmlns='urn:c'/></a>");
}

TEST_CASE("W-48 starttls is told apart by its namespace") {
  CHECK(parse("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").kind == Kind::StartTls);
  CHECK(parse("<t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'/>").kind == Kind::StartTls);
  CHECK(parse("<starttls xmlns='urn:other'/>").kind == Kind::Element);
}

TEST_CASE("W-50 W-51 C-57 a stream header, closed or not, behind an XML declaration or not") {
  struct Row {
    std::string text;
    bool closed;
  };
  const Row rows[] = {{kHeaderStart + ">", false},
                      {kHeaderStart + "/>", true},
                      {kHeaderStart + "></stream:stream>", true},
                      {"<?xml version='1.0'?>" + kHeaderStart + " >", false},
                      {" \n" + kHeaderStart + "> \n", false},
                      {"<stream:stream to='a.example' xmlns:stream='http://etherx.jabber.org/streams'>", false}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Message header = parse(row.text);
    CHECK(header.kind == Kind::LegacyHeader);
    CHECK(header.header_closed == row.closed);
    CHECK(header.to == "a.example");
  }
  Message full = parse(kHeaderStart + " version='1.0' xml:lang='de' from='me@a.example'>");
  CHECK(full.version == "1.0");
  CHECK(full.lang == "de");
  CHECK(full.from == "me@a.example");
}

TEST_CASE("W-50 W-27 a header with anything behind it, or cut short, is not-well-formed") {
  for (const std::string& text : {kHeaderStart, kHeaderStart + "><a/>", kHeaderStart + ">text", kHeaderStart + "><a",
                                  kHeaderStart + "/><a/>", kHeaderStart + "><a/></stream:stream>",
                                  kHeaderStart + ">x</stream:stream>", std::string("<stream:stream to='a.example'>")}) {
    CAPTURE(text);
    CHECK(parse(text).wrong == Wrong::NotWellFormed);
  }
}

TEST_CASE("W-50 W-52 D-59 headers and end tags inside a message are text like any other") {
  for (std::string_view text :
       {"<message><body>&lt;stream:stream to='b'></body></message>",
        "<message><body><![CDATA[</stream:stream>]]></body></message>", "<message id='&lt;/stream:stream>'/>",
        "<message><body><![CDATA[<stream:stream ]]></body></message>"}) {
    CHECK(element(text) == text);
  }
}

TEST_CASE("W-52 C-60 only the end tag alone ends a legacy stream") {
  CHECK(parse("</stream:stream>").kind == Kind::LegacyEnd);
  CHECK(parse(" </stream:stream>\n").kind == Kind::LegacyEnd);
  for (std::string_view text : {"<a/></stream:stream>", "</stream:stream><a/>", "</stream:streams>", "</stream>"}) {
    CHECK(parse(text).wrong == Wrong::NotWellFormed);
  }
}

}  // namespace

TEST_CASE("H-50 W-35 a tag with many declarations to be mended costs a few times one with none, not a time for each") {
  auto message = [](std::string_view uri) {
    std::string tag = "<b";
    for (int i = 0; i < 63; ++i) tag += " xmlns:z" + std::to_string(i) + "='" + std::string(uri) + "'";
    std::string text = "<a xmlns=''>";
    while (text.size() < 100'000) text += tag + "/>";
    return text + "</a>";
  };
  auto cost = [](const std::string& text) {  // of the processor: others may work at the same time
    std::clock_t begin = std::clock();
    CHECK(parse(text, 200'000).kind == Kind::Element);
    return std::clock() - begin;
  };
  const std::string plain = message("jabber:server"), mended = message("jabber:client");
  auto least = cost(plain), most = cost(mended);
  for (int i = 0; i < 15; ++i) {
    least = std::min(least, cost(plain));
    most = std::min(most, cost(mended));
  }
  CAPTURE(least);
  CAPTURE(most);
  CHECK(most < 4 * least);
}

}  // namespace nxb::ws
