// tests/unit/worker/xml/reader_test.cc - the door to libxml2: what passes, what is refused, and exact byte ranges.
// SPDX-License-Identifier: MIT
#include "worker/xml/reader.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/worker/xml/recorder.h"
#include "worker/xml/slicer.h"
#include "worker/xml/tree.h"

using namespace nxb;
using namespace nxb::xml;
using namespace nxb::testing;

namespace {

Outcome read_by_bytes(Pool& pool, std::string_view document, std::uint64_t max = kNoLimit) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < document.size(); ++i) cuts.push_back(i);
  return read(pool, document, cuts, max);
}

Fault fault_of(std::string_view document) {
  Pool pool;
  Outcome whole = read(pool, document, {});
  Outcome bytes = read_by_bytes(pool, document);
  CHECK_MESSAGE(whole == bytes, document);
  return whole.fault;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

const std::vector<std::string> kCorpus{
    "<a/>",
    "<a><b/></a>",
    "<a >\r\n <b\n c = \"1>2\"\td='\"<'/> </a >",  // '<' in a value: refused, everywhere in the same way
    "<a><b c='x > y' d=\"it's\">t &lt; &amp; &#233; &#x20AC; \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80</b></a>",
    "<a><b><![CDATA[ <x> ]] ]]]> > &amp; ]]></b><b><![CDATA[]]></b></a>",
    "<a><b><b><b/>x</b><b></b></b> <b/></a>",
    "<p:a xmlns:p='urn:p' xmlns='urn:d' p:x='1'><p:b xmlns:q='urn:q' q:y='&amp;&#38;&lt;'/><c xmlns=''/></p:a>",
    "<a><b>line\r\nend\rmore\r</b>\r</a>",
    "<a>\t<b xml:lang='de'>\xe4\xbd\xa0\xe5\xa5\xbd</b>\n</a>",
    "<a><\xc3\xa9 \xc3\xa8='1'/></a>",
    "<a><b/></b></a>",
    "<a><b c='1' c='2'/></a>",
    "<a><b>&nope;</b></a>",
    "<a><b>x</b><!-- no --><c/></a>",
    "<a><b>]]></b></a>",
    "<a>x<b/></a>",
    "<a><b/><c/>\xff<d/></a>",
};

}  // namespace

TEST_CASE("U-25: every cut in two, and every byte alone, gives the same events and byte ranges") {
  Pool pool;
  for (const std::string& document : kCorpus) {
    CAPTURE(document);
    Outcome whole = read(pool, document, {});
    CHECK(read_by_bytes(pool, document) == whole);
    for (std::size_t i = 1; i < document.size(); ++i) CHECK(read(pool, document, {i}) == whole);
  }
}

TEST_CASE("a document is reported decoded, with namespaces and exact ranges") {
  Pool pool;
  Outcome got =
      read(pool, "<p:a xmlns:p='urn:p'><b x='&lt;&amp;&#38;#38;' p:y=\"'\">1 &amp; <![CDATA[<2>]]></b></p:a>", {});
  CHECK(got.fault == Fault::None);
  CHECK(got.finished);
  CHECK(got.log ==
        "(urn:p|a>(|b |x=<&&#38; urn:p|y='>1 & <2>)[<b x='&lt;&amp;&#38;#38;' p:y=\"'\">1 &amp; <![CDATA[<2>]]></b>]"
        ")[<p:a xmlns:p='urn:p'><b x='&lt;&amp;&#38;#38;' p:y=\"'\">1 &amp; <![CDATA[<2>]]></b></p:a>]");
}

TEST_CASE("an element's end is reported with its last byte, never later") {
  Pool pool;
  std::string_view document = "<a><b>text</b><c/> <d>\r</d>";
  Recorder recorder(document);
  auto reader = pool.borrow();
  reader->open(recorder);
  auto after = [&](std::string_view shown) {
    reader->feed(shown.substr(reader->consumed()));
    return reader->consumed();
  };
  CHECK(after("<a") == 0);
  CHECK(reader->inside_element());
  CHECK(after("<a>") == 3);
  CHECK_FALSE(reader->inside_element());
  CHECK(after("<a><") == 3);
  CHECK(reader->inside_element());
  CHECK(reader->element_begin() == 3);
  CHECK(after("<a><b>text</b") == 6);
  CHECK(after("<a><b>text</b>") == 14);
  CHECK_FALSE(reader->inside_element());
  CHECK(recorder.log.ends_with(")[<b>text</b>]"));
  CHECK(after("<a><b>text</b><c/> ") == 19);
  CHECK(recorder.log.ends_with(")[<c/>]"));
  CHECK(after("<a><b>text</b><c/> <d>\r") == 22);
  CHECK(after(document) == document.size());
  CHECK(recorder.log.ends_with(")[<d>\r</d>]"));
}

TEST_CASE("B-06 B-07 U-23: comments, processing instructions, DTDs and foreign entities are restricted") {
  CHECK(fault_of("<a><!-- x --></a>") == Fault::Restricted);
  CHECK(fault_of("<a><b><!-- x --></b></a>") == Fault::Restricted);
  CHECK(fault_of("<a><b><!--") == Fault::Restricted);
  CHECK(fault_of("<a><?pi x?></a>") == Fault::Restricted);
  CHECK(fault_of("<a><b><?xml version='1.0'?></b></a>") == Fault::Restricted);
  CHECK(fault_of("<a><!DOCTYPE a></a>") == Fault::Restricted);
  CHECK(fault_of("<!DOCTYPE a [<!ENTITY l 'lol'>]><a>&l;</a>") == Fault::Restricted);
  CHECK(fault_of("<a><b>&undefined;</b></a>") == Fault::Restricted);
  CHECK(fault_of("<a><b c='&undefined;'/></a>") == Fault::Restricted);
  CHECK(fault_of("<a><b>&lt;&gt;&amp;&apos;&quot;&#10;</b></a>") == Fault::None);
  std::string laughs = "<!DOCTYPE a [<!ENTITY l0 'ha'>";
  for (int i = 1; i < 30; ++i) {
    laughs += "<!ENTITY l" + std::to_string(i) + " '" + repeat("&l" + std::to_string(i - 1) + ";", 10) + "'>";
  }
  CHECK(fault_of(laughs + "]><a>&l29;</a>") == Fault::Restricted);
}

TEST_CASE("B-06 B-08: what is not well-formed is refused") {
  for (std::string_view document : {"<a></b>",
                                    "<a><b></a></b>",
                                    "<a b=1/>",
                                    "<a b='1'c='2'/>",
                                    "<a b='1' b='2'/>",
                                    "<a><b>a & b</b></a>",
                                    "<a",
                                    "< a/>",
                                    "<a><b>&#0;</b></a>",
                                    "<a><b>&#xFFFE;</b></a>",
                                    "<a><b>&#xD800;</b></a>",
                                    "<a><b>]]></b></a>",
                                    "<a b='<'/>",
                                    "</a>",
                                    "<1a/>",
                                    "<a><></a>",
                                    "<a>text</a>",
                                    "<a>&#32;<b/></a>",
                                    "<a><![CDATA[ ]]></a>",
                                    "<a><b/>text<b/></a>",
                                    "<a/ >",
                                    "<p:a/>",
                                    "<a p:b='1'/>",
                                    "<a xmlns:p=''/>",
                                    "<a><b>x & y</b></a>",
                                    "<a><b>& <c/></b></a>",
                                    "<a><b>&amp</b></a>",
                                    "<a><b>&<![CDATA[;]]></b></a>",
                                    "<a><b></b\"></a>",
                                    "<a xmlns:p='u' xmlns:q='u' p:x='' q:x=''/>",
                                    "<a xmlns:xml='u'/>"}) {
    CAPTURE(document);
    Pool pool;
    Outcome got = read(pool, document, {});
    CHECK(read_by_bytes(pool, document) == got);
    CHECK_FALSE(got.finished);
    if (document != "<a") CHECK(got.fault == Fault::NotWellFormed);
  }
  CHECK(fault_of("<a xmlns='not a URI %'/>") == Fault::None);  // XMPP compares namespaces as text
}

TEST_CASE("B-09: NUL, control characters and everything that is not strict UTF-8 are refused") {
  auto with = [](std::string_view bytes) { return "<a><b>" + std::string(bytes) + "</b></a>"; };
  using namespace std::string_view_literals;
  for (std::string_view bad : {"\0"sv,
                               "\x01"sv,
                               "\x1f"sv,
                               "\x80"sv,
                               "\xbf"sv,
                               "\xc0\x80"sv,
                               "\xc1\xbf"sv,
                               "\xc3"sv,
                               "\xc3("sv,
                               "\xe0\x80\xaf"sv,
                               "\xe0\x9f\xbf"sv,
                               "\xe2\x82"sv,
                               "\xed\xa0\x80"sv,
                               "\xed\xbf\xbf"sv,
                               "\xf0\x80\x80\xaf"sv,
                               "\xf0\x8f\xbf\xbf"sv,
                               "\xf0\x9f\x98"sv,
                               "\xf4\x90\x80\x80"sv,
                               "\xf5\x80\x80\x80"sv,
                               "\xfe"sv,
                               "\xff"sv,
                               "1234567\0 901234567"sv}) {
    CHECK(fault_of(with(bad)) == Fault::NotWellFormed);
    CHECK(fault_of("<a><b c='" + std::string(bad) + "'/></a>") == Fault::NotWellFormed);
    CHECK(fault_of("<a><b><![CDATA[" + std::string(bad) + "]]></b></a>") == Fault::NotWellFormed);
    CHECK(fault_of("<a><b" + std::string(bad) + "/></a>") == Fault::NotWellFormed);
  }
  for (std::string_view good : {"\t\n\r", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbd", "1234567\t9012345678\x7f"}) {
    CHECK(fault_of(with(good)) == Fault::None);
  }
}

TEST_CASE("B-09: the gate itself is strict about UTF-8, whatever libxml2 would say") {
  using namespace std::string_view_literals;
  struct Row {
    std::string_view bytes;
    std::size_t good;
  };
  for (const Row& row :
       {Row{"12345678\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"sv, 17}, Row{"\xc0\xaf"sv, 0}, Row{"\xe0\x9f\xbf"sv, 1},
        Row{"\xed\x9f\xbf"sv, 3}, Row{"\xed\xa0\x80"sv, 1}, Row{"\xf0\x8f\xbf\xbf"sv, 1}, Row{"\xf4\x8f\xbf\xbf"sv, 4},
        Row{"\xf4\x90\x80\x80"sv, 1}, Row{"\xf5\x80\x80\x80"sv, 0}, Row{"\xe0\xa0\xed\x80"sv, 2},
        Row{"1234567\x1f"sv, 7}, Row{"12345678\x7f\t\r\n\0"sv, 12}}) {
    CAPTURE(row.good);
    CHECK(Utf8().accept(row.bytes) == row.good);
    Utf8 by_bytes;
    std::size_t good = 0;
    while (good < row.bytes.size() && by_bytes.accept(row.bytes.substr(good, 1)) == 1) ++good;
    CHECK(good == row.good);
  }
}

TEST_CASE("H-50 U-23: depth 128, 64 attributes and names of 1024 bytes pass, one more does not") {
  CHECK(fault_of(repeat("<a>", 127) + "<a/>" + repeat("</a>", 127)) == Fault::None);
  CHECK(fault_of(repeat("<a>", 128) + "<a/>" + repeat("</a>", 128)) == Fault::TooLarge);
  auto with_attributes = [](int count) {
    std::string tag = "<a><b xmlns:p='urn:p'";
    for (int i = 1; i < count; ++i) tag += " a" + std::to_string(i) + "='='";
    return tag + "/></a>";
  };
  CHECK(fault_of(with_attributes(64)) == Fault::None);
  CHECK(fault_of(with_attributes(65)) == Fault::TooLarge);
  CHECK(fault_of("<a><" + repeat("n", 1024) + "/></a>") == Fault::None);
  CHECK(fault_of("<a><" + repeat("n", 1025) + "/></a>") == Fault::TooLarge);
  CHECK(fault_of("<a><b " + repeat("n", 1024) + "='" + repeat("v", 3000) + "'/></a>") == Fault::None);
  CHECK(fault_of("<a><b " + repeat("n", 1025) + "=''/></a>") == Fault::TooLarge);
}

TEST_CASE("H-50: declarations in scope are bounded, for libxml2 searches them one by one") {
  auto with_depth = [](int depth) {
    std::string open;
    for (int i = 0; i < depth; ++i) {
      open += "<a";
      for (int j = 0; j < 64; ++j) open += " xmlns:p" + std::to_string(i * 64 + j) + "='u'";
      open += ">";
    }
    return open + repeat("</a>", static_cast<std::size_t>(depth));
  };
  Pool pool;
  CHECK(read(pool, with_depth(8), {}).fault == Fault::None);
  CHECK(read(pool, with_depth(9), {}).fault == Fault::TooLarge);
}

TEST_CASE("U-24: an element is refused at the first byte above its limit, however it is cut") {
  std::string element = "<b c='12345'>" + std::string(80, 'x') + "<d/></b>";
  std::string document = "<a> \n" + element + "  " + element + "</a>";
  Pool pool;
  for (std::uint64_t max : {element.size(), element.size() - 1, std::size_t{20}, std::size_t{3}, std::size_t{2}}) {
    CAPTURE(max);
    Outcome whole = read(pool, document, {}, max);
    CHECK(whole.fault == (max == element.size() ? Fault::None : Fault::TooLarge));
    CHECK(read_by_bytes(pool, document, max) == whole);
  }
}

TEST_CASE("a long tag is looked at once, not again with each byte") {
  Pool pool;
  std::string document = "<a><b c='" + std::string(300'000, '>') + "'/></a>";
  Recorder recorder(document);
  auto reader = pool.borrow();
  reader->open(recorder);
  std::string_view all = document;
  for (std::size_t i = 1; i <= all.size(); ++i) {  // quadratic work would take minutes here
    reader->feed(all.substr(reader->consumed(), i - reader->consumed()));
  }
  CHECK(reader->finished());
}

TEST_CASE("B-07 B-09: a BOM and a declaration of UTF-8 may stand before the root, nothing else") {
  using enum Prolog::State;
  struct Row {
    std::string_view text;
    Prolog::State strict, lenient;
  };
  using namespace std::string_view_literals;
  for (const Row& row : std::vector<Row>{
           {"<a/>", Complete, Complete},
           {" \r\n\t<a/>", Complete, Complete},
           {"\xef\xbb\xbf<a/>", Complete, Complete},
           {"<?xml version='1.0'?><a/>", Complete, Complete},
           {"<?xml version=\"1.0\" encoding=\"utf-8\" standalone='yes' ?>\n<a/>", Complete, Complete},
           {"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?><a/>", Complete, Complete},
           {"\n<?xml version='1.0'?><a/>", Restricted, Complete},
           {"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", Bad, Bad},
           {"<?xml version='1.0' encoding='UTF-16'?><a/>", Bad, Bad},
           {"<?xml encoding='UTF-8'?><a/>", Bad, Bad},
           {"<?xml version='2.0'?><a/>", Bad, Bad},
           {"<?xml version='1.0' x='y'?><a/>", Bad, Bad},
           {"<?xml version='1.0'encoding='UTF-8'?><a/>", Bad, Bad},
           {"<?pi?><a/>", Restricted, Restricted},
           {"<?xml-stylesheet href='x'?><a/>", Restricted, Restricted},
           {"<!DOCTYPE a><a/>", Restricted, Restricted},
           {"<!-- x --><a/>", Restricted, Restricted},
           {"<?xml version='1.0'?><?xml version='1.0'?><a/>", Restricted, Restricted},
           {"x<a/>", Bad, Bad},
           {"\xff\xfe<\0a\0"sv, Bad, Bad},
           {"", Incomplete, Incomplete},
           {"\xef\xbb", Incomplete, Incomplete},
           {"<", Incomplete, Incomplete},
           {"<?xm", Incomplete, Incomplete},
           {"<?xml version='1.0'", Incomplete, Incomplete},
           {"<?xml version='1.0'?>", Incomplete, Incomplete},
       }) {
    CAPTURE(row.text);
    CHECK(skip_prolog(row.text, Prologs::Strict).state == row.strict);
    CHECK(skip_prolog(row.text, Prologs::Lenient).state == row.lenient);
  }
  CHECK(skip_prolog("\xef\xbb\xbf<?xml version='1.0'?>\n<a/>", Prologs::Strict).size == 25);
  CHECK(skip_prolog("<?xml" + std::string(300, ' '), Prologs::Strict).state == Bad);
}

TEST_CASE("a tree keeps as many levels as it is asked for, and checks them all") {
  Pool pool;
  std::string_view text = " <a xmlns='u' i='1'>x<b j='&lt;'><c>deep</c>y</b>z</a>\n";
  auto tree = read_tree(pool, text, 2);
  REQUIRE(static_cast<bool>(tree));
  CHECK(tree->local == "a");
  CHECK(tree->ns == "u");
  CHECK(tree->text == "xz");
  CHECK(tree->attribute("i") == "1");
  CHECK(text.substr(tree->begin, tree->end - tree->begin) == skip_space(text).substr(0, text.size() - 2));
  const Node* b = tree->child("b", "u");
  REQUIRE(b != nullptr);
  CHECK(b->text == "y");
  CHECK(b->attribute("j") == "<");
  CHECK(b->children.empty());
  CHECK(text.substr(b->begin, b->end - b->begin) == "<b j='&lt;'><c>deep</c>y</b>");
  CHECK(tree->child("b", "other") == nullptr);
  for (std::string_view bad : {"", "x", "<a>", "<a/><b/>", "<a/>x", "</parent>", "<a><b></a></b>", "<a/></parent>"}) {
    CAPTURE(bad);
    CHECK_FALSE(static_cast<bool>(read_tree(pool, bad, 1)));
  }
}

TEST_CASE("what is written is escaped so that it reads back the same") {
  Pool pool;
  std::string value = "<&>'\"\t\r\n&amp; \xc3\xa9";
  std::string out = "<a";
  append_attribute(out, "b", value);
  append_declaration(out, "p", "urn:a&b'");
  append_declaration(out, {}, "urn:d");
  out += ">";
  append_escaped(out, value);
  auto tree = read_tree(pool, out + "</a>", 1);
  REQUIRE(static_cast<bool>(tree));
  CHECK(tree->attribute("b") == value);
  CHECK(tree->text == value);
  CHECK(tree->ns == "urn:d");
}
