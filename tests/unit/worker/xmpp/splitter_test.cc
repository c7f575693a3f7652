// tests/unit/worker/xmpp/splitter_test.cc - a server's bytes in any segmentation -> the same header, elements, end,
// fault.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/splitter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "worker/xml/tree.h"

using namespace nxb;
using namespace nxb::xmpp;

namespace {

constexpr std::uint64_t kMax = 10'000;
const std::string kHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "id='i1' from='a.example' version='1.0' xml:lang='en' xmlns:x='urn:x'>";

struct Outcome {
  std::vector<std::string> items;
  Fault fault = Fault::None;
  bool mid = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::string print(const StreamItem& item) {
  if (auto* header = std::get_if<StreamHeader>(&item)) {
    return "header " + header->id + "|" + header->from + "|" + header->lang + "|" + header->version;
  }
  if (auto* element = std::get_if<StreamElement>(&item)) {
    return std::to_string(static_cast<int>(element->stanza.kind)) + " {" + element->ns + "}" + element->local + " " +
           element->stanza.bytes;
  }
  return "end";
}

Outcome split(std::string_view stream, const std::vector<std::size_t>& cuts, std::uint64_t max = kMax) {
  xml::Pool pool;
  Splitter splitter(pool, max);
  std::vector<StreamItem> items;
  std::size_t at = 0;
  Outcome outcome;
  for (std::size_t cut : cuts) {
    splitter.feed(stream.substr(at, cut - at), items);
    at = cut;
  }
  outcome.fault = splitter.feed(stream.substr(at), items);
  for (const auto& item : items) outcome.items.push_back(print(item));
  outcome.mid = splitter.mid_element();
  CHECK(pool.lent() == (outcome.mid && splitter.memory() > xml::kReaderBytes ? 1 : 0));
  return outcome;
}

// The outcome, which must be the same for every cut in two and for single bytes.
Outcome split_every_way(std::string_view stream, std::uint64_t max = kMax) {
  CAPTURE(stream);
  Outcome whole = split(stream, {}, max);
  std::vector<std::size_t> all;
  for (std::size_t i = 1; i < stream.size(); ++i) {
    CHECK(split(stream, {i}, max) == whole);
    all.push_back(i);
  }
  CHECK(split(stream, all, max) == whole);
  return whole;
}

// Bytes of the elements behind the standard header.
std::vector<std::string> elements(std::string_view text) {
  xml::Pool pool;
  Splitter splitter(pool, kMax);
  std::vector<StreamItem> items;
  CHECK(splitter.feed(kHeader, items) == Fault::None);
  CHECK(splitter.feed(text, items) == Fault::None);
  std::vector<std::string> bytes;
  for (const auto& item : items) {
    if (auto* element = std::get_if<StreamElement>(&item)) bytes.push_back(element->stanza.bytes);
  }
  return bytes;
}

Fault fault_after_header(std::string_view text) { return split_every_way(kHeader + std::string(text)).fault; }

}  // namespace

TEST_CASE("U-25 U-26: any segmentation of a stream gives the same items") {
  const std::vector<std::string> streams{
      kHeader + "<message/> \n\t <presence></presence>\r\n<iq type='get' id='1'/></stream:stream>ignored <",
      kHeader +
          "<message a='x > y' b=\"it's > &lt;\"><body>\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 "
          "&amp;&#10;</body></message>",
      kHeader + "<message><message><message/></message><message></message></message><message>text</message>",
      kHeader +
          "<m><![CDATA[ </m> ]]]> <x> ]]></m><x:m y='1'/><m x:y='1'/>\r\n\r<stream:features><a "
          "xmlns='u'/></stream:features>",
      "\n " + kHeader +
          " \n<stream:error><x xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
      "\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<s:stream xmlns:s='http://etherx.jabber.org/streams' "
      "xmlns='jabber:client'><s:features/><iq/></s:stream \n>",
      "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'/>",
      kHeader + "<a/><b><!-- x --></b><c/>",
      kHeader + "<a/><b>&nope;</b><c/>",
      kHeader + "<a/><b>x & y</b><c>;</c>",
      kHeader + "<a/>\xc3<c/>",
      kHeader + "<a/></stream:other>",
      kHeader + "<a/>text<b/>",
      kHeader + "<a><b></a></b>",
      kHeader + "<message from='a'><body>unfinished",
  };
  for (const auto& stream : streams) split_every_way(stream);
}

TEST_CASE("U-20: the header is told with its attributes, each element with kind, name and bytes") {
  Outcome got =
      split(kHeader + "<message>\n<body>hi</body></message><stream:features/><y xmlns='urn:y'/></stream:stream>", {});
  REQUIRE(got.items.size() == 5);
  CHECK(got.items[0] == "header i1|a.example|en|1.0");
  CHECK(got.items[1] == "2 {jabber:client}message <message xmlns='jabber:client'>\n<body>hi</body></message>");
  CHECK(got.items[2] ==
        "0 {http://etherx.jabber.org/streams}features <stream:features "
        "xmlns:stream='http://etherx.jabber.org/streams'/>");
  CHECK(got.items[3] == "5 {urn:y}y <y xmlns='urn:y'/>");
  CHECK(got.items[4] == "end");
  CHECK(got.fault == Fault::None);
}

TEST_CASE("U-20: another root or another default namespace is invalid-namespace; a missing id is not") {
  CHECK(split_every_way("<stream xmlns='http://etherx.jabber.org/streams'>").fault == Fault::InvalidNamespace);
  CHECK(split_every_way("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server'><a/>")
            .fault == Fault::InvalidNamespace);
  CHECK(
      split_every_way("<stream:streams xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>").fault ==
      Fault::InvalidNamespace);
  CHECK(split_every_way("<stream:stream xmlns:stream='urn:other' xmlns='jabber:client'>").fault ==
        Fault::InvalidNamespace);
  Outcome bare = split("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>", {});
  CHECK(bare.fault == Fault::None);
  CHECK(bare.items == std::vector<std::string>{"header |||"});
}

TEST_CASE("B-13 U-21 D-51: an element is complete by itself, with what it uses and nothing more") {
  auto only = [](std::string_view text) {
    auto all = elements(text);
    REQUIRE(all.size() == 1);
    xml::Pool pool;
    CHECK(static_cast<bool>(xml::read_tree(pool, all[0], 1)));
    return all[0];
  };
  CHECK(only("<message  to='a' />") == "<message xmlns='jabber:client'  to='a' />");
  CHECK(only("<message xmlns=\"jabber:client\"/>") == "<message xmlns=\"jabber:client\"/>");
  CHECK(only("<x:a/>") == "<x:a xmlns:x='urn:x'/>");
  CHECK(only("<x:a><b/></x:a>") == "<x:a xmlns='jabber:client' xmlns:x='urn:x'><b/></x:a>");
  CHECK(only("<x:a><b xmlns='urn:b'><c/></b></x:a>") == "<x:a xmlns:x='urn:x'><b xmlns='urn:b'><c/></b></x:a>");
  CHECK(only("<x:a><b xmlns='urn:b'/><c/></x:a>") ==
        "<x:a xmlns='jabber:client' xmlns:x='urn:x'><b xmlns='urn:b'/><c/></x:a>");
  CHECK(only("<a xmlns='urn:a'><b x:c='1'/></a>") == "<a xmlns:x='urn:x' xmlns='urn:a'><b x:c='1'/></a>");
  CHECK(only("<a xmlns='urn:a' xmlns:x='urn:own'><x:b/></a>") == "<a xmlns='urn:a' xmlns:x='urn:own'><x:b/></a>");
  CHECK(only("<stream:features><m xmlns='urn:m'/></stream:features>") ==
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><m xmlns='urn:m'/></stream:features>");
}

TEST_CASE("U-32 D-56: kinds go by namespace, never by name alone") {
  auto kind = [](std::string_view element) {
    return split(kHeader + std::string(element), {}).items.at(1).substr(0, 1);
  };
  CHECK(kind("<stream:features/>") == "0");
  CHECK(kind("<stream:error/>") == "1");
  CHECK(kind("<message/>") == "2");
  CHECK(kind("<presence/>") == "3");
  CHECK(kind("<iq/>") == "4");
  CHECK(kind("<error/>") == "5");
  CHECK(kind("<features xmlns='urn:f'/>") == "5");
  CHECK(kind("<message xmlns='jabber:server'/>") == "5");
  CHECK(kind("<error xmlns='http://etherx.jabber.org/streams'/>") == "1");
}

TEST_CASE("U-23: restricted XML and XML that is not well-formed are told apart") {
  CHECK(fault_after_header("<a><!-- x --></a>") == Fault::RestrictedXml);
  CHECK(fault_after_header("<!-- x -->") == Fault::RestrictedXml);
  CHECK(fault_after_header("<?pi?>") == Fault::RestrictedXml);
  CHECK(fault_after_header("<a>&lol;</a>") == Fault::RestrictedXml);
  CHECK(fault_after_header("<a></b>") == Fault::NotWellFormed);
  CHECK(fault_after_header("<a><b></a>") == Fault::NotWellFormed);
  CHECK(fault_after_header("<y:a/>") == Fault::NotWellFormed);
  CHECK(fault_after_header("text") == Fault::NotWellFormed);
  CHECK(fault_after_header(std::string("<a>\0</a>", 8)) == Fault::NotWellFormed);
  CHECK(split_every_way("<!DOCTYPE a [<!ENTITY b 'c'>]>" + kHeader).fault == Fault::RestrictedXml);
  CHECK(split_every_way("HTTP/1.1 400 Bad Request").fault == Fault::NotWellFormed);
  CHECK(split_every_way("<?xml version='1.0' encoding='iso-8859-1'?>" + kHeader.substr(21)).fault ==
        Fault::NotWellFormed);
  std::string deep;
  for (int i = 0; i < 128; ++i) deep += "<a>";
  CHECK(split(kHeader + deep, {}).fault == Fault::StanzaTooBig);
  CHECK(split(kHeader + deep.substr(3), {}).fault == Fault::None);
}

TEST_CASE("U-24 D-53: the limit counts from '<', whitespace between stanzas is free, the header is limited too") {
  std::string stanza = "<message><body>" + std::string(200, 'x') + "</body></message>";
  std::string stream = kHeader + std::string(500, ' ') + stanza + std::string(500, '\n') + stanza + "<presence/>";
  CHECK(split_every_way(stream, stanza.size()).fault == Fault::None);
  Outcome less = split_every_way(stream, stanza.size() - 1);
  CHECK(less.fault == Fault::StanzaTooBig);
  CHECK(less.items.size() == 1);
  CHECK(split_every_way(kHeader, kHeader.size() - 21).fault == Fault::None);
  CHECK(split_every_way(kHeader, kHeader.size() - 22).fault == Fault::StanzaTooBig);
  CHECK(split("<?xml version='1.0'?>" + std::string(20'000, ' '), {}).fault == Fault::StanzaTooBig);
}

TEST_CASE(
    "H-44: a header's declarations and what stands before it are bounded, for every stream keeps or rereads them") {
  xml::Pool pool;
  auto fault = [&](const std::string& before, std::size_t uri) {
    Splitter splitter(pool, 500'000);
    std::vector<StreamItem> out;
    return splitter.feed(before + "<stream:stream xmlns='jabber:client' xmlns:p='" + std::string(uri, 'p') +
                             "' xmlns:stream='http://etherx.jabber.org/streams'>",
                         out);
  };
  CHECK(fault("<?xml version='1.0'?>" + std::string(900, ' '), 155) == Fault::None);  // 256 with the other two
  CHECK(fault("", 165) == Fault::StanzaTooBig);
  CHECK(fault("<?xml version='1.0'?>" + std::string(1024, ' '), 10) == Fault::StanzaTooBig);
}

TEST_CASE("a fault lasts until restart, and gives what came before it") {
  xml::Pool pool;
  Splitter splitter(pool, kMax);
  std::vector<StreamItem> items;
  CHECK(splitter.feed(kHeader + "<a/></b>", items) == Fault::NotWellFormed);
  CHECK(items.size() == 2);
  CHECK(splitter.feed("<a/>", items) == Fault::NotWellFormed);
  CHECK(items.size() == 2);
  splitter.restart();
  CHECK(splitter.feed(kHeader + "<a/>", items) == Fault::None);
  CHECK(items.size() == 4);
}

TEST_CASE("U-28 U-43: a restart forgets the header and whatever was incomplete") {
  xml::Pool pool;
  Splitter splitter(pool, kMax);
  std::vector<StreamItem> items;
  CHECK(splitter.feed(kHeader + "<a/><message><bo", items) == Fault::None);
  CHECK(splitter.mid_element());
  splitter.restart();
  CHECK_FALSE(splitter.mid_element());
  CHECK(splitter.memory() == 0);
  CHECK(pool.lent() == 0);
  items.clear();
  CHECK(splitter.feed("\n<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
                      "xmlns:stream='http://etherx.jabber.org/streams' id='2'>",
                      items) == Fault::None);
  REQUIRE(items.size() == 1);
  CHECK(print(items[0]) == "header 2|||");
  CHECK(splitter.feed("<x:a/>", items) == Fault::NotWellFormed);  // x was declared by the old header only
}

TEST_CASE("U-31: what follows the stream's end is ignored") {
  Outcome got = split_every_way(kHeader + "<a/></stream:stream><b/></garbage>\xff");
  CHECK(got.items.size() == 3);
  CHECK(got.items.back() == "end");
  CHECK(got.fault == Fault::None);
  CHECK_FALSE(got.mid);
}

TEST_CASE("an idle stream holds no reader and no buffer, only the header's declarations") {
  xml::Pool pool;
  Splitter splitter(pool, 500'000);
  std::vector<StreamItem> items;
  CHECK(splitter.memory() == 0);
  CHECK(splitter.feed(kHeader, items) == Fault::None);
  std::size_t idle = splitter.memory();
  CHECK(idle < 200);
  for (int i = 0; i < 10'000; ++i) {
    std::string stanza = "<message id='" + std::to_string(i) + "'><n" + std::to_string(i) + "/></message>\n";
    std::size_t cut = static_cast<std::size_t>(i) % stanza.size();
    CHECK(splitter.feed(stanza.substr(0, cut), items) == Fault::None);
    CHECK(splitter.mid_element() == (cut > 0 && cut < stanza.size() - 1));
    CHECK(pool.lent() == (splitter.mid_element() ? 1 : 0));
    CHECK(splitter.feed(stanza.substr(cut), items) == Fault::None);
    CHECK_FALSE(splitter.mid_element());
    items.clear();
  }
  CHECK(splitter.memory() == idle);
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() == 1);
  CHECK(splitter.feed("<message><body>" + std::string(100'000, 'x'), items) == Fault::None);
  CHECK(splitter.memory() > 100'000);
  CHECK(splitter.feed("</body></message>", items) == Fault::None);
  CHECK(splitter.memory() == idle);
}

TEST_CASE("many streams in the middle of a stanza: one reader each, given back at the end") {
  xml::Pool pool;
  {
    std::vector<std::unique_ptr<Splitter>> splitters;
    std::vector<StreamItem> items;
    for (int i = 0; i < 50; ++i) {
      splitters.push_back(std::make_unique<Splitter>(pool, kMax));
      CHECK(splitters.back()->feed(kHeader + "<message><body>", items) == Fault::None);
    }
    CHECK(pool.lent() == 50);
    for (int i = 0; i < 25; ++i) {
      CHECK(splitters[static_cast<std::size_t>(i)]->feed("</body></message>", items) == Fault::None);
    }
    CHECK(pool.lent() == 25);
  }
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() == 8);
}
