// tests/unit/worker/ws/writer_test.cc - literal text that clients look for, escaping, and the language of elements.
// SPDX-License-Identifier: MIT
#include "worker/ws/writer.h"

#include <doctest/doctest.h>

#include "worker/ws/message.h"

namespace nxb::ws {
namespace {

TEST_CASE("W-32 W-44 open and close are written as Strophe.js compares them, values escaped") {
  CHECK(write_open({"a.example", "U77", "1.0", "en"}) ==
        "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"a.example\" id=\"U77\" version=\"1.0\" "
        "xml:lang=\"en\"/>");
  CHECK(write_open({"\"<&>'", {}, {}, {}}) ==
        "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"&quot;&lt;&amp;&gt;&apos;\"/>");
  CHECK(kClose == "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />");
}

TEST_CASE("W-46 W-51 the other frames") {
  CHECK(write_see_other_uri("wss://b.example/?a&b") ==
        "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" see-other-uri=\"wss://b.example/?a&amp;b\"/>");
  std::string header = write_legacy_header({"a", "1", "1.0", "de"}, HeaderForm::Unclosed);
  CHECK(header ==
        "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" from=\"a\" id=\"1\" "
        "version=\"1.0\" xml:lang=\"de\">");
  header.insert(header.size() - 1, "/");
  CHECK(write_legacy_header({"a", "1", "1.0", "de"}, HeaderForm::Closed) == header);
}

TEST_CASE("W-36 an element without a language gets the header's, one that has its own keeps it") {
  struct Row {
    const char *before, *after;
  };
  const Row rows[] = {
      {"<message/>", "<message xml:lang=\"en\"/>"},
      {"<message>x</message>", "<message xml:lang=\"en\">x</message>"},
      {"<message to='b'><body xml:lang='de'/></message>",
       "<message xml:lang=\"en\" to='b'><body xml:lang='de'/></message>"},
      {"<message xml:lang='de'/>", "<message xml:lang='de'/>"},
      {"<a\n xml:lang = \"de\"/>", "<a\n xml:lang = \"de\"/>"},
      {"<a b=' xml:lang=\"de\" '/>", "<a xml:lang=\"en\" b=' xml:lang=\"de\" '/>"},
      {"<a b='>' xml:lang='de'/>", "<a b='>' xml:lang='de'/>"},
      {"<a xml:language='de'/>", "<a xml:lang=\"en\" xml:language='de'/>"},
      {"<a:b xmlns:a='/'/>", "<a:b xml:lang=\"en\" xmlns:a='/'/>"},
  };
  for (const Row& row : rows) {
    CHECK(with_language(row.before, "en") == row.after);
    CHECK(with_language(row.before, "") == row.before);
  }
}

TEST_CASE("W-49 stream management keeps its bytes") {
  for (const char* element : {"<r xmlns='urn:xmpp:sm:3'/>", "<a xmlns=\"urn:xmpp:sm:3\" h='1'/>",
                              "<sm:enabled xmlns:sm='urn:xmpp:sm:2' resume='true'/>"}) {
    CHECK(with_language(element, "en") == element);
  }
}

}  // namespace
}  // namespace nxb::ws
