// tests/scenario/parser_test.cc - the language: what is read, and what is refused with which line.
// SPDX-License-Identifier: MIT
#include "parser.h"

#include <doctest/doctest.h>

#include "http_text.h"
#include "wire.h"

using namespace nxb;
using namespace nxb::scenario;

namespace {

const std::string kHead = "scenario \"s\"\ncovers B-01\nstage sim\n";  // 3 lines

std::string with(const std::string& rest) { return kHead + rest; }

std::string error_of(const std::string& text) {
  auto script = parse(text, "f.nxs");
  return script ? std::string("(none)") : script.error().text;
}

// What is wrong with one step of a client or a server; it stands in line 5.
std::string client_error(const std::string& step) { return error_of(with("client c1 {\n" + step + "\n}\nrun\n")); }
std::string server_error(const std::string& step) {
  return error_of(with("server s1 domain=a {\n" + step + "\n}\nrun\n"));
}

const Part& part_of(const Script& script, std::size_t index = 0) { return std::get<Part>(script.items.at(index)); }

}  // namespace

TEST_CASE("a scenario is read as it stands") {
  auto script = parse(
      "# comment\n"
      "scenario \"a \\\"name\\\"\"   # and another\n"
      "covers B-47 B-49\ncovers XEP-0124\nstage sim live\n"
      "nxb workers=2 bosh.max_wait=55s\n"
      "server s1 domain=a.example background {\n  accept\n}\n"
      "client c1 {\n"
      "\topen rid=1 to=a.example content=\"text/xml; charset=utf-8\" as=r0\n"
      "  post rid=+1 as=r1 \"<message/>\" \"<a b=\\\"c\\\"/>\\r\\n\"\n"
      "  expect r1 payload message id=m1 within 2s\n"
      "}\n"
      "run\nexpect counter sessions == 1\n",
      "f.nxs");
  REQUIRE(script);
  CHECK(script->name == "a \"name\"");
  CHECK(script->covers == std::vector<std::string>{"B-47", "B-49", "XEP-0124"});
  CHECK((script->sim && script->live));
  CHECK(*find(script->nxb, "bosh.max_wait") == "55s");
  CHECK(part_of(*script).background);
  const auto& steps = part_of(*script, 1).steps;
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].get("content") == "text/xml; charset=utf-8");
  CHECK(steps[0].line == 11);
  CHECK(steps[1].words.at(1).text == "<a b=\"c\"/>\r\n");
  CHECK(steps[2].within == Duration(2'000));
  CHECK(steps[2].words.size() == 3);
  CHECK(std::get<Step>(script->items.at(3)).words.at(2).text == "==");
}

TEST_CASE("repeat is written out, also inside another") {
  auto script =
      parse(with("client c1 {\nrepeat 2 {\npost rid=+1 as=a\nrepeat 3 {\npost rid=+1 as=b\n}\n}\n}\nrun\n"), "f");
  REQUIRE(script);
  std::string names;
  for (const auto& step : part_of(*script).steps) names += step.get("as");
  CHECK(names == "abbbabbb");
  CHECK(client_error("repeat 1001 {\n}") == "f.nxs:5: `repeat` needs a number from 1 to 1000");
  CHECK(client_error("repeat 1000 {\nrepeat 1000 {\npost rid=1 as=a\n}\n}").find("too many steps") !=
        std::string::npos);
  CHECK(client_error("repeat 2 {\nsync x\n}") == "f.nxs:6: `sync` cannot be repeated");
}

TEST_CASE("an unknown verb, argument, answer or counter is an error with its line") {
  CHECK(client_error("jump high") == "f.nxs:5: unknown verb `jump` here");
  CHECK(client_error("accept") == "f.nxs:5: unknown verb `accept` here");
  CHECK(server_error("post rid=1 as=r") == "f.nxs:5: unknown verb `post` here");
  CHECK(error_of(with("accept\nrun\n")) == "f.nxs:4: unknown verb `accept` here");
  CHECK(client_error("post rid=1 as=r wiat=60") == "f.nxs:5: `post` knows no argument wiat");
  CHECK(client_error("post rid=1") == "f.nxs:5: `post` needs rid= and as=");
  CHECK(client_error("post rid=1 as=r message") == "f.nxs:5: payloads are quoted");
  CHECK(client_error("expect r1 tired") == "f.nxs:5: an answer cannot be expected to be tired");
  CHECK(client_error("expect r1 payload") == "f.nxs:5: `payload` of what?");
  CHECK(client_error("expect r1 empty handed") == "f.nxs:5: `empty` ends here");
  CHECK(error_of(with("run\nexpect counter cats == 1\n")) == "f.nxs:5: there is no counter cats");
  CHECK(error_of(with("run\nexpect counter sessions < 1\n")) == "f.nxs:5: compare with ==, >= or <=");
}

TEST_CASE("blocks begin, end and nest as they must") {
  CHECK(error_of(with("client c1 {\naccept\n")) == "f.nxs:5: unknown verb `accept` here");
  CHECK(error_of(with("client c1 {\npost rid=1 as=r\n")) == "f.nxs:4: the block does not end");
  CHECK(error_of(with("client c1 {\nrepeat 2 {\npost rid=1 as=r\n")) == "f.nxs:5: the block does not end");
  CHECK(error_of(with("}\nrun\n")) == "f.nxs:4: `}` without a block");
  CHECK(client_error("post rid=1 as=r }") == "f.nxs:5: `}` stands alone");
  CHECK(error_of(with("client c1\nrun\n")) == "f.nxs:4: an actor needs a block: `{` is missing");
  CHECK(error_of(with("client c1 { accept\n}\nrun\n")) == "f.nxs:4: a brace ends the line");
  CHECK(error_of(with("cat c1 {\n}\nrun\n")) == "f.nxs:4: a block is of a client or a server");
  CHECK(error_of(with("server s1 {\n}\nrun\n")) == "f.nxs:4: a server has a domain=");
  CHECK(error_of(with("client {\n}\nrun\n")) == "f.nxs:4: an actor has a name");
  CHECK(error_of(with("client c1 {\n}\n")) == "f.nxs:5: nothing is run");
  CHECK(error_of(with("run\nclient c1 {\n}\n")) == "f.nxs:5: this actor is never run");
  CHECK(client_error("client c2 {") == "f.nxs:5: only `repeat N` opens a block inside a block");
}

TEST_CASE("quotes and durations") {
  CHECK(client_error("post rid=1 as=r \"<a") == "f.nxs:5: quotes that do not end, or an unknown \\-escape");
  CHECK(client_error("post rid=1 as=r \"\\q\"") == "f.nxs:5: quotes that do not end, or an unknown \\-escape");
  CHECK(client_error("post rid=1 as=r \"a\"b") == "f.nxs:5: no space behind quotes");
  CHECK(client_error("post rid=1 as=r a\"b\"") == "f.nxs:5: a quote in the middle of a word");
  CHECK(client_error("advance soon") == "f.nxs:5: `advance` is followed by a duration");
  CHECK(client_error("expect r1 empty within") == "f.nxs:5: `within` is followed by a duration and ends the line");
  CHECK(parse_duration("250ms") == Duration(250));
  CHECK(parse_duration("2m") == Duration(120'000));
  CHECK_FALSE(parse_duration("5"));
  CHECK_FALSE(parse_duration("s"));
  CHECK_FALSE(parse_duration("99999999999s"));
}

TEST_CASE("the head is complete and comes first") {
  CHECK(error_of("covers B-01\nstage sim\nrun\n") == "f.nxs:3: no `scenario` line");
  CHECK(error_of("scenario \"s\"\nstage sim\nrun\n") == "f.nxs:3: no `covers` line with a requirement");
  CHECK(error_of("scenario \"s\"\ncovers XEP-0124 14.3\nstage sim\nrun\n") ==
        "f.nxs:4: no `covers` line with a requirement");
  CHECK(error_of("scenario \"s\"\ncovers B-01\nrun\n") == "f.nxs:3: no `stage` line");
  CHECK(error_of("scenario \"s\"\nstage moon\n") == "f.nxs:2: the stages are sim and live");
  CHECK(error_of(with("run\nnxb workers=1\n")) == "f.nxs:5: `nxb` stands before actors and `run`");
  CHECK(error_of(with("scenario \"t\"\n")) == "f.nxs:4: one scenario, one name in quotes");
}

TEST_CASE("a scenario that waits or advances more than 3 s cannot claim the live stage") {
  const std::string head = "scenario \"s\"\ncovers B-01\nstage sim live\n";
  CHECK(error_of(head + "run\nadvance 3s\n") == "(none)");
  CHECK(error_of(head + "run\nadvance 3s\nadvance 1ms\n") ==
        "f.nxs:6: it waits and advances 3001 ms: too long for `stage live`");
  CHECK(error_of(head + "client c1 {\nexpect r empty within 4s\n}\nrun\n") == "(none)");  // 1 s is usual
  CHECK(error_of(head + "client c1 {\nexpect r empty within 5s\n}\nrun\n").find("too long") != std::string::npos);
  CHECK(error_of(head + "client c1 {\nexpect r empty took=4s\n}\nrun\n").find("too long") != std::string::npos);
  CHECK(error_of(head + "client c1 {\nrepeat 4 {\nadvance 1s\n}\n}\nrun\n").find("too long") != std::string::npos);
  CHECK(error_of(with("run\nadvance 10m\n")) == "(none)");
}

TEST_CASE("what needs real processes cannot claim virtual time") {
  CHECK(client_error("kill worker=0") == "f.nxs:5: this needs real processes: `stage live` only");
  CHECK(client_error("open rid=1 as=r on=worker1") == "f.nxs:5: this needs real processes: `stage live` only");
  CHECK(client_error("raw \"GET\"") == "f.nxs:5: this needs real processes: `stage live` only");
  CHECK(error_of(with("run\nexpect log event=x\n")) == "f.nxs:5: this needs real processes: `stage live` only");
}

TEST_CASE("pieces of a stream are cut where elements end, however the bytes come") {
  const std::string stream =
      "<?xml version='1.0'?><stream:stream to='a>b' xmlns='jabber:client'> <a b=\"/>\"><![CDATA[</a>]]><c/></a>"
      "<d/></stream:stream>";
  std::string unread;
  std::vector<std::string> got;
  for (char c : stream) {
    unread += c;
    while (auto piece = take_piece(unread)) got.push_back(std::to_string(static_cast<int>(piece->kind)) + piece->text);
  }
  CHECK(got == std::vector<std::string>{"0<?xml version='1.0'?><stream:stream to='a>b' xmlns='jabber:client'>",
                                        "1<a b=\"/>\"><![CDATA[</a>]]><c/></a>", "1<d/>", "2</stream:stream>"});
}

TEST_CASE("an element is compared with name, namespace and attributes; what is new is saved") {
  xml::Pool pool;
  Values values;
  const std::string text = "<message id='m1' to='x'><body>hello</body></message>";
  auto node = read_element(pool, text);
  REQUIRE(node);
  auto differs = [&](const Arguments& wanted) { return difference(*node, text, "message", wanted, values); };
  CHECK(differs({{"id", "m1"}, {"body", "hello"}, {"absent", "from,type"}, {"contains", "<body>"}}) == "");
  CHECK(differs({{"id", "m2"}}) == "id is \"m1\", not \"m2\"");
  CHECK(differs({{"type", "chat"}}) == "type is missing");
  CHECK(differs({{"absent", "to"}}) == "to is there");
  CHECK(differs({{"lacks", "hello"}}) == "it contains hello");
  CHECK(differs({{"xmlns", "urn:x"}}) == "its namespace is jabber:client");
  CHECK(differs({{"id", "@id"}}) == "");
  CHECK(values["id"] == "m1");
  CHECK(differs({{"to", "@id"}}) == "to is \"x\", not \"m1\"");
  CHECK(difference(*node, text, "iq", {}, values) == "it is <message/>, not <iq/>");
}

TEST_CASE("saved values are filled in") {
  Values values{{"sid", "abc"}};
  CHECK(filled_in("@sid", values) == "abc");
  CHECK(filled_in("<body sid='@{sid}' a='@{sid}'/>", values) == "<body sid='abc' a='abc'/>");
  CHECK(filled_in("u@host", values) == "u@host");
  CHECK_FALSE(filled_in("@rid", values));
  CHECK_FALSE(filled_in("@{rid}", values));
}

TEST_CASE("a request by hand says its length, or comes in chunks") {
  auto script = parse(
      "scenario \"s\"\ncovers H-01\nstage live\nclient c1 {\n"
      "http POST /x body=\"12345\" header=\"A: b\"\nhttp POST /x body=\"12345\" chunked=3\nhttp GET /\n}\nrun\n",
      "f");
  REQUIRE(script);
  const auto& steps = part_of(*script).steps;
  CHECK(write_http(steps[0]) == "POST /x HTTP/1.1\r\nHost: localhost\r\nA: b\r\nContent-Length: 5\r\n\r\n12345");
  CHECK(write_http(steps[1]) ==
        "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n");
  CHECK(write_http(steps[2]) == "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
