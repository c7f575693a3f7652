// tests/unit/worker/xmpp/stream_attributes_test.cc - what a client may add to the header of a restarted stream.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/stream_attributes.h"

#include "tests/unit/worker/xmpp/stream_rig.h"

namespace nxb::xmpp {
namespace {

std::string read(std::string_view json) {
  std::string out;
  for (const auto& [name, value] : parse_stream_attributes(json)) out += name + "=" + value + ";";
  return out;
}

// One attribute with this name, as JSON.
std::string named(const std::string& name) { return "{\"" + name + "\": \"v\"}"; }

// The header that a restart with these attributes writes.
std::string restarted(Rig& rig, std::string_view json) { return rig.on(event::Restart{json}); }

void be_usable_again(Rig& rig) {
  rig.hear(std::string(kSecondHeader) + std::string(kPlainFeatures));
  REQUIRE(rig.stream.state() == State::Running);
}

}  // namespace

TEST_CASE("C-45 stream_attrs is a JSON object of strings, in its order; everything else is as if it were absent") {
  CHECK(read(R"({"zone": "a", "b-1": "", "_c": "x y"})") == "zone=a;b-1=;_c=x y;");
  CHECK(read(R"( {"a":"\u00e4\ud83d\ude00"} )") == "a=\xc3\xa4\xf0\x9f\x98\x80;");
  CHECK(read(R"({"a": "1", "b": "2", "a": "3"})") == "a=3;b=2;");  // an attribute stands once
  for (std::string_view bad :
       {"", " ", "x", "[]", "[\"a\"]", "\"a\"", "null", "1", "{", "{}", "{\"a\":\"1\"", "{a:'1'}", "{\"a\":\"1\"} x",
        "{\"a\":\"1\",}", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}"}) {
    CAPTURE(bad);
    CHECK(read(bad).empty());
  }
  CHECK(read(std::string(200'000, '[')).empty());
  // As deep as it gets; where nested values are built, the sanitizers' stack ends before it.
  CHECK(read("{\"a\":" + std::string(15'000, '[') + std::string(15'000, ']') + ",\"b\":\"c\"}") == "b=c;");
  std::string nested = "1";
  for (int i = 0; i < 4000; ++i) nested = (i % 2 ? "{\"x\":" : "[") + nested + (i % 2 ? "}" : "]");
  CHECK(read("{\"a\":" + nested + ",\"b\":\"c\",\"d\":" + nested + ",\"e\":\"f\"}") == "b=c;e=f;");
}

TEST_CASE("C-45 values that are no strings, too long, or that XML cannot hold are left out, the others stay") {
  CHECK(read(R"({"a": 1, "b": null, "c": true, "d": {"e": "f"}, "g": ["h"], "i": "j"})") == "i=j;");
  CHECK(read("{\"a\": \"" + std::string(1024, 'x') + "\"}").size() == 1024 + 3);
  CHECK(read("{\"a\": \"" + std::string(1025, 'x') + "\", \"b\": \"c\"}") == "b=c;");
  CHECK(read(R"({"a": "\u0000", "b": "\u0001", "c": "\u001f", "d": "\uffff", "e": "\ufffe", "f": "g"})") == "f=g;");
  CHECK(read(R"({"a": "\t\r\n"})") == "a=\t\r\n;");
}

TEST_CASE("C-45 no more than sixteen attributes") {
  std::string json = "{", all;
  for (int i = 0; i < 17; ++i) {
    json += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":\"v\"";
    if (i < 16) all += "a" + std::to_string(i) + "=v;";
  }
  CHECK(read(json + "}") == all);
}

TEST_CASE("C-45 D-47 names are NCNames, and none of those that say whom the stream is for or what its elements mean") {
  for (const char* name : {"a", "A", "_", "a.b", "a-b", "a1", "\xc3\xa4", "lang", "tos", "ids", "xml"}) {
    CAPTURE(std::string(name));
    CHECK(read(named(name)) == std::string(name) + "=v;");
  }
  for (const char* name :
       {"to",     "from", "version",  "id",        "xmlns", "xmlnsx",  "xmlns:stream", "xmlns:a", "xml:lang",
        "a:b",    "",     " ",        "a b",       "1a",    "-a",      ".a",           "a=",      "a>",
        "a'b='c", "a/",   "a\\u0000", "a\\u0000b", "a\\n",  "\\u00d7", "/><evil x"}) {
    CAPTURE(std::string(name));
    CHECK(read(named(name)).empty());
  }
}

TEST_CASE("C-45 D-47 they stand escaped in the header of the restart, beside to and version of the policy's making") {
  Rig rig;
  rig.run();
  CHECK(
      restarted(rig, R"({"zone": "a'&<b", "to": "evil.example", "xmlns": "urn:evil", "version": "9.9", "id": "i"})") ==
      "W:<?xml version='1.0'?><stream:stream to='example.org' version='1.0' zone='a&apos;&amp;&lt;b' "
      "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  be_usable_again(rig);
}

TEST_CASE("C-45 the next restart replaces them, also by none; bad JSON is ignored") {
  Rig rig;
  CHECK_FALSE(has(rig.ready(), "zone"));
  rig.hear(std::string(kHeader) + std::string(kPlainFeatures));
  CHECK(has(restarted(rig, R"({"zone": "a"})"), " zone='a'"));
  be_usable_again(rig);
  std::string second = restarted(rig, R"({"other": "b"})");
  CHECK(has(second, " other='b'"));
  CHECK_FALSE(has(second, "zone"));
  be_usable_again(rig);
  std::string plain = rig.on(event::Restart{});
  be_usable_again(rig);
  CHECK(restarted(rig, "{bad") == plain);
  CHECK_FALSE(has(plain, "other"));
}

}  // namespace nxb::xmpp
