// tests/unit/worker/upstream/external_protocol_test.cc - the lines, the elements in them, and the wait between attempts.
// SPDX-License-Identifier: MIT
#include "worker/upstream/external_protocol.h"

#include <doctest/doctest.h>

#include "worker/upstream/backoff.h"
#include "worker/upstream/external_elements.h"

namespace nxb::upstream::external {
namespace {

const StreamId kStream{7};

std::vector<xmpp::Stanza> stanzas(std::initializer_list<const char*> texts) {
  std::vector<xmpp::Stanza> all;
  for (const char* text : texts) all.push_back({xmpp::Kind::Other, text});
  return all;
}

std::string refusal(std::string_view line) {
  auto message = decode(line);
  return message ? "taken" : message.error().text;
}

TEST_CASE("C-66 C-67 C-68 C-69 C-70 C-71 what nxb says, to the letter") {
  StreamSpec spec;
  spec.lang = "de";
  spec.from = "a@b.example";
  spec.client_address = "192.0.2.1";
  spec.client_port = 4711;
  spec.session = "3f9a21c0";
  spec.ua = "say \"hi\"";
  CHECK(hello(3) == "{\"type\":\"hello\",\"version\":1,\"worker\":3}\n");
  CHECK(stream_add(kStream, "b.example", spec) ==
        "{\"type\":\"stream-add\",\"stream\":7,\"to\":\"b.example\",\"lang\":\"de\",\"xmpp_version\":\"1.0\","
        "\"from\":\"a@b.example\",\"client\":\"192.0.2.1\",\"client_port\":4711,\"session\":\"3f9a21c0\","
        "\"ua\":\"say \\\"hi\\\"\"}\n");
  CHECK(stream_terminate(kStream, kLost) == "{\"type\":\"stream-terminate\",\"stream\":7,\"why\":\"lost\"}\n");
  CHECK(stream_restart(kStream, {{"a", "1"}, {"b", "<"}}) ==
        "{\"type\":\"stream-restart\",\"stream\":7,\"attrs\":{\"a\":\"1\",\"b\":\"<\"}}\n");
  CHECK(stream_restart(kStream, {}) == "{\"type\":\"stream-restart\",\"stream\":7,\"attrs\":{}}\n");
  CHECK(nodes(kStream, stanzas({"<a x='\"'/>", "<b>\n\\</b>"})) ==
        "{\"type\":\"nodes\",\"stream\":7,\"elements\":[\"<a x='\\\"'/>\",\"<b>\\n\\\\</b>\"]}\n");
  CHECK(no_client(kStream, stanzas({"<m/>"})) == "{\"type\":\"no-client\",\"stream\":7,\"elements\":[\"<m/>\"]}\n");
  CHECK(response_acknowledged(kStream, 2) == "{\"type\":\"response-acknowledged\",\"stream\":7,\"count\":2}\n");
  CHECK(pause(kStream) == "{\"type\":\"pause\",\"stream\":7}\n");
  CHECK(resume(kStream) == "{\"type\":\"resume\",\"stream\":7}\n");
  std::string hostile = nodes(kStream, stanzas({"<a>\xff</a>"}));  // never reaches it; one line of JSON all the same
  CHECK(hostile.find('\n') == hostile.size() - 1);
}

TEST_CASE("C-73 C-74 C-75 C-76 what a program says is taken with its defaults; what is not known is ignored") {
  auto greeting = std::get<Hello>(*decode(R"({"type":"hello","version":1,"name":"bot","more":[1,2]})"));
  CHECK(greeting.version == 1);
  CHECK(greeting.name == "bot");
  auto added = std::get<StreamAdded>(*decode(R"({"type":"stream-added","stream":7})"));
  CHECK(added.stream == kStream);
  CHECK_FALSE(added.from.has_value());
  CHECK(added.version == "1.0");
  CHECK(added.features.empty());
  auto restarted = std::get<StreamRestarted>(*decode(
      R"({"type":"stream-restarted","stream":7,"id":"i","from":"f","version":"","lang":"en","features":"<x/>","z":null})"));
  CHECK(restarted.id + restarted.from.value_or("?") + restarted.version + restarted.lang == "ifen");
  CHECK(restarted.features == "<x/>");
  auto response = std::get<Response>(*decode(R"({"type":"response","stream":7,"elements":["<a/>","<b>\u00e4</b>"]})"));
  CHECK(response.elements == std::vector<std::string>{"<a/>", "<b>\xc3\xa4</b>"});
  using bosh::Condition;
  auto condition = [](const std::string& text) {
    return std::get<Terminate>(*decode(R"({"type":"terminate","stream":7,"condition":)" + text + "}")).condition;
  };
  CHECK((condition("null") == Condition::None));
  CHECK((condition("\"host-gone\"") == Condition::HostGone));
  CHECK((condition("\"see-other-uri\"") == Condition::UndefinedCondition));
  CHECK((condition("\"connection-disallowed\"") == Condition::UndefinedCondition));
  CHECK(std::get<Terminate>(*decode(R"({"type":"terminate","stream":7,"error":"<e/>"})")).error == "<e/>");
}

TEST_CASE("C-74 nonsense is refused with a reason") {
  CHECK(refusal("") == "not a JSON object");
  CHECK(refusal("[]") == "not a JSON object");
  CHECK(refusal("{\"type\":\"hello\",\"version\":1") == "not a JSON object");
  CHECK(refusal("{\"type\":\"\xff\"}") == "not a JSON object");
  CHECK(refusal("{}") == "type is missing or not a string");
  CHECK(refusal(R"({"type":"nodes","stream":1,"elements":[]})") == "unknown type");
  CHECK(refusal(R"({"type":"hello"})") == "version is missing or not a number");
  CHECK(refusal(R"({"type":"hello","version":4294967296})") == "version is too large");
  CHECK(refusal(R"({"type":"stream-added","stream":"7"})") == "stream is missing or not a number");
  CHECK(refusal(R"({"type":"stream-added","stream":-1})") == "stream is missing or not a number");
  CHECK(refusal(R"({"type":"stream-added","stream":1,"from":7})") == "from is not a string");
  CHECK(refusal(R"({"type":"stream-added","stream":1,"id":"\u0001"})") ==
        "id is too long, or no text for an attribute");
  CHECK(refusal(R"({"type":"stream-added","stream":1,"id":"\uffff"})") ==
        "id is too long, or no text for an attribute");
  CHECK(refusal(R"({"type":"stream-added","stream":1,"id":")" + std::string(kMaxAttribute, 'x') + "\"}") == "taken");
  CHECK(refusal(R"({"type":"stream-added","stream":1,"id":")" + std::string(kMaxAttribute + 1, 'x') + "\"}") !=
        "taken");
  CHECK(refusal(R"({"type":"response","stream":1})") == "elements is missing or not a list");
  CHECK(refusal(R"({"type":"response","stream":1,"elements":[1]})") == "elements has one that is not a string");
  CHECK(refusal(R"({"type":"response","stream":1,"elements":[["<a/>"],"<b/>"]})") ==
        "elements has one that is not a string");
}

TEST_CASE("C-74 a line is read no further than where it has too many members, values or levels") {
  // Names that a list of pairs would compare each with each: they are counted, and the rest is not read.
  auto members = [](std::size_t count, const std::string& end) {
    std::string line = R"({"type":"terminate","stream":1)";
    for (std::size_t i = 2; i < count; ++i) line += ",\"m" + std::to_string(i) + "\":1";
    return refusal(line + end);
  };
  CHECK(members(kMaxMembers, "}") == "taken");
  CHECK(members(kMaxMembers + 1, "}") == "too many members");
  CHECK(members(kMaxMembers + 1, ",this is no JSON") == "too many members");
  auto inner = [](std::size_t count) {
    std::string line = R"({"type":"terminate","stream":1,"more":{"m":1)";
    for (std::size_t i = 4; i < count; ++i) line += ",\"m" + std::to_string(i) + "\":1";
    return refusal(line + "}}");
  };
  CHECK(inner(kMaxMembers) == "taken");
  CHECK(inner(kMaxMembers + 1) == "too many members");

  auto response = [](std::size_t count, const std::string& one, const std::string& end) {
    std::string line = R"({"type":"response","stream":1,"elements":[)" + one;
    for (std::size_t i = 1; i < count; ++i) line += "," + one;
    return refusal(line + end);
  };
  CHECK(response(kMaxElements, "\"\"", "]}") == "taken");
  CHECK(response(kMaxElements + 1, "\"\"", "]}") == "elements has too many of them");
  for (const char* one : {"\"\"", "{}", "[]", "1", "-1", "1.5", "true", "null"}) {
    CAPTURE(one);
    CHECK(response(kMaxElements + kMaxMembers + 1, one, ",this is no JSON") == "too many values");
  }

  auto levels = [](std::size_t count, const std::string& end) {
    return refusal(R"({"type":"terminate","stream":1,"more":)" + std::string(count, '[') + std::string(count, ']') +
                   end);
  };
  CHECK(levels(kMaxLevels - 1, "}") == "taken");
  CHECK(levels(kMaxLevels, "}") == "nested too deeply");
  CHECK(levels(100'000, "}") == "nested too deeply");
  CHECK(refusal(std::string(100'000, '[')) == "nested too deeply");
}

TEST_CASE("C-69 C-74 elements: found, made to stand alone, otherwise as they were; each refusal says what it is") {
  xml::Pool pool;
  Elements elements(pool, 200);
  auto all = *elements.split(
      "<message to='a'><body>x &lt;</body></message> \n<iq xmlns='jabber:client'/><r xmlns='urn:xmpp:sm:3'/>");
  REQUIRE(all.size() == 3);
  CHECK(all[0].bytes == "<message xmlns='jabber:client' to='a'><body>x &lt;</body></message>");
  CHECK((all[0].kind == xmpp::Kind::Message));
  CHECK(all[1].bytes == "<iq xmlns='jabber:client'/>");
  CHECK(all[2].bytes == "<r xmlns='urn:xmpp:sm:3'/>");
  auto features = *elements.one(" <stream:features/>\n");
  CHECK((features.kind == xmpp::Kind::Features));
  CHECK(features.bytes == "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>");
  auto wrong = [&](const std::string& text) {
    auto one = elements.one(text);
    return one ? "taken" : one.error().text;
  };
  CHECK(wrong("") == "0 elements instead of one");
  CHECK(wrong("<a/><b/>") == "2 elements instead of one");
  CHECK(wrong("<a>") == "not complete");
  CHECK(wrong("<a") == "not complete");
  CHECK(wrong("<a></b>") == "not well-formed");
  CHECK(wrong("text") == "not well-formed");
  CHECK(wrong("<a/>text") == "not well-formed");
  CHECK(wrong("<x:a/>") == "not well-formed");
  CHECK(wrong("<a>&nbsp;</a>") != "taken");
  CHECK(wrong("<!--c--><a/>") == "XML that XMPP forbids: a comment, an instruction, a DTD");
  CHECK(wrong("</stream:stream>") == "the end of a stream");
  CHECK(wrong("<a>" + std::string(200, 'x') + "</a>") == "larger than max_xmpp_stanza_size");
  const std::string framing = "a stream's own frame";
  CHECK(wrong("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>") == framing);
  CHECK(wrong("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://evil.example/'/>") == framing);
  CHECK(wrong("<f:close xmlns:f='urn:ietf:params:xml:ns:xmpp-framing'/>") == framing);
  CHECK(wrong("<body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>") == framing);
  CHECK(wrong("<stream:stream/>") == framing);
  CHECK(wrong("<a><close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/></a>") == "taken");  // data, and nothing of ours
  CHECK(wrong("<a/>") == "taken");                                                         // after every one of them
}

TEST_CASE("C-24 the wait before the next attempt doubles within its bounds, and is never less than half") {
  Backoff backoff(Duration{100}, Duration{10'000});
  for (Duration most : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10'000ms, 10'000ms}) {
    Backoff same = backoff;
    CHECK(same.next(0) == most / 2);
    same = backoff;
    CHECK(same.next(static_cast<std::uint64_t>((most - most / 2).count())) == most);
    CHECK(backoff.next(~std::uint64_t{0}) <= most);
  }
  backoff.reset();
  CHECK(backoff.next(0) == 50ms);
}

}  // namespace
}  // namespace nxb::upstream::external
