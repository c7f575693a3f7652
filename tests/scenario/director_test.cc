// tests/scenario/director_test.cc - a scenario that is wrong fails, at the line that is wrong, and one that is right does
// not. In virtual time.
// SPDX-License-Identifier: MIT
#include "director.h"

#include <doctest/doctest.h>

#include <memory>

#include "common/log/log.h"
#include "parser.h"
#include "stage_sim.h"

using namespace nxb;
using namespace nxb::scenario;

namespace {

struct Played {
  std::string failure;  // "" or "line N: ..."
  Duration took{0};
};

Played play(const std::string& text) {
  log::configure(log::Level::Off, log::Format::Text, "scenario");
  auto script = parse(text, "f");
  if (!script) return {script.error().text};
  Listener* listener = nullptr;
  auto stage = StageSim::make(*script, listener);
  if (!stage) return {stage.error().text};
  Instant start = (*stage)->now();
  Transcript transcript(start);
  Scene scene(**stage, transcript);
  listener = &scene;
  Played played{Director(*script, scene).run()};
  played.took = (*stage)->now() - start;
  if (auto finished = (*stage)->finish(); !finished && played.failure.empty()) played.failure = finished.error().text;
  return played;
}

// Lines 3 to 9; the client's own steps begin with line 13.
std::string with(const std::string& client, const std::string& server = "", const std::string& end = "") {
  return "scenario \"s\"\ncovers B-01\nstage sim\n"
         "server s1 domain=a.example background {\n  accept\n  expect stream\n  send features mechanisms=PLAIN\n" +
         (server.empty() ? std::string("  advance 0s\n") : server) +
         "}\n"
         "client c1 {\n  open rid=1 to=a.example wait=60 hold=1 as=r0\n  expect r0 body sid=@sid\n" +
         client + "}\nrun\n" + end;
}

// The line and the reason; the step itself is left out.
std::string why(const std::string& text) {
  std::string failure = play(text).failure;
  auto end = failure.find(": "), reason = failure.find("\n#   ");
  return reason == std::string::npos ? failure : failure.substr(0, end) + ": " + failure.substr(reason + 5);
}

}  // namespace

TEST_CASE("a scenario that is right passes, and takes the time it says") {
  CHECK(play(with("post rid=2 as=r1\nexpect r1 held\n")).failure == "");
  Played waited = play(with("post rid=2 as=r1\nexpect r1 empty took=55s\nadvance 5s\n"));
  CHECK(waited.failure == "");
  CHECK(waited.took == Duration(60'000));
}

TEST_CASE("what is said of an answer and is not so fails at its line") {
  CHECK(why(with("expect r0 held\n")) == "line 13: it was answered");
  CHECK(why(with("expect r0 closed\n")) == "line 13: it was answered, not closed");
  CHECK(why(with("expect r0 empty\n")) == "line 13: it has payloads");
  CHECK(why(with("expect r0 end\n")) == "line 13: it has a further payload");
  CHECK(why(with("expect r0 error\n")) == "line 13: its type is \"\"");
  CHECK(why(with("expect r0 body wait=60\n")) == "line 13: wait is \"55\", not \"60\"");
  CHECK(why(with("expect r0 body absent=sid\n")) == "line 13: sid is there");
  CHECK(why(with("expect r0 body status=404\n")) == "line 13: status is \"200\", not \"404\"");
  CHECK(why(with("expect r0 body took=1s\n")) == "line 13: it came -1000 ms off");
  CHECK(why(with("expect r0 payload features mechanisms=EXTERNAL\n")) ==
        "line 13: mechanisms is \"PLAIN\", not \"EXTERNAL\"");
  CHECK(why(with("expect r0 payload features\nexpect r0 payload message\n")) == "line 14: it has no further payload");
  CHECK(why(with("post rid=9 as=r1\nexpect r1 terminate\n")) == "line 14: its condition is item-not-found");
  CHECK(why(with("post rid=9 as=r1\nexpect r1 terminate condition=bad-request\n")) ==
        "line 14: condition is \"item-not-found\", not \"bad-request\"");
  CHECK(why(with("post rid=9 as=r1\nexpect r1 body\n")) == "line 14: its type is \"terminate\"");
  CHECK(
      why(with("expect r0 body save=@a\npost rid=9 as=r1\nexpect r1 same @a\n")).starts_with("line 15: the answer is"));
  CHECK(why(with("lose r0\nexpect r0 body\n")) == "line 14: its answer was lost");
  CHECK(why(with("expect r7 body\n")) == "line 13: there is no request of that name");
  CHECK(why(with("post rid=2 sid=@nobody as=r1\n")) == "line 13: a value that was not saved");
}

TEST_CASE("an attribute that nobody asked for is a fault of what must be bare") {
  std::string creation = "post rid=2 to=b.example version=1.0 as=r1\n";
  CHECK(why(with(creation + "expect r1 empty\n")).starts_with("line 14: it has "));
  CHECK(why(with(creation + "expect r1 empty stream=@s from=b.example\n")) == "");
}

TEST_CASE("what is said of the server's side and is not so fails at its line") {
  const std::string post = "post rid=2 as=r1 \"<presence/>\"\nexpect r1 held\n";
  CHECK(why(with(post, "  expect message\n")) == "line 8: it is <presence/>, not <message/>");
  CHECK(why(with(post, "  expect presence type=probe\n")) == "line 8: type is missing");
  CHECK(why(with(post, "  expect close\n")).starts_with("line 8: not the end of the stream"));
  CHECK(why(with(post, "  expect stream\n")).starts_with("line 8: something else"));
  CHECK(why(with(post + "sync x\n", "  sync x\n  expect nothing\n")).starts_with("line 9: there is something to read"));
  CHECK(why(with("post rid=9 as=r1\nsync x\n", "  sync x\n  expect presence\n")) == "line 9: the stream ends");
}

TEST_CASE("what is said of a WebSocket and is not so fails at its line") {
  auto socket = [](const std::string& client) {
    return "scenario \"s\"\ncovers W-29\nstage sim\n"
           "server s1 domain=a.example background {\n  accept\n  expect stream\n  send features mechanisms=PLAIN\n}\n"
           "client c1 {\n  ws connect\n  ws open to=a.example\n  expect ws open\n" +
           client + "}\nrun\n";
  };
  CHECK(why(socket("expect ws features mechanisms=PLAIN\nexpect ws nothing\n")) == "");
  CHECK(why(socket("expect ws features mechanisms=EXTERNAL\n")) ==
        "line 13: mechanisms is \"PLAIN\", not \"EXTERNAL\"");
  CHECK(why(socket("expect ws nothing\n")).starts_with("line 13: there is a message to read"));
  CHECK(why(socket("expect ws closed\n")).starts_with("line 13: there is a message to read"));
  CHECK(why(socket("expect ws close\n")) == "line 13: it is <features/>, not <close/>");
  CHECK(why(socket("expect ws end\n")).starts_with("line 13: it is <stream:features"));
  CHECK(why(socket("expect ws text contains=xyz\n")).starts_with("line 13: it is <stream:features"));
  CHECK(why(socket("expect ws features\nexpect ws closed\n")) == "line 14: in vain: nxb has not closed the connection");
  CHECK(why(socket("expect ws features\nexpect ws pong \"x\"\n")) == "line 14: in vain: no pong came");
  CHECK(why(socket(
            "expect ws features\nws close\nexpect ws close\nws frame close code=1000\nexpect ws closed code=1001\n")) ==
        "line 17: code is \"1000\", not \"1001\"");
  CHECK(why(socket("ws cut\nws close\n")) == "line 14: its connection is closed");
  CHECK(why("scenario \"s\"\ncovers W-29\nstage sim\nclient c1 {\n  ws close\n}\nrun\n") ==
        "line 5: there is no WebSocket: `ws connect` comes first");
}

TEST_CASE("nobody waits for ever") {
  Played client = play(with("post rid=2 as=r1\nexpect r1 body\n"));
  CHECK(client.failure.ends_with("in vain: there is no answer"));
  CHECK(client.took == Duration(1'000));
  Played patient = play(with("post rid=2 as=r1\nexpect r1 body within 7s\n"));
  CHECK(patient.failure.ends_with("in vain: there is no answer"));
  CHECK(patient.took == Duration(7'000));
  CHECK(why(with("sync x\n", "", "")) == "");  // nobody else names it
  CHECK(why(with("sync x\n", "  expect presence\n  sync x\n")) == "line 14: in vain: not everybody is here");
  std::string server = with("advance 0s\n", "  expect presence\n");
  server.replace(server.find(" background"), 11, "");
  CHECK(why(server) == "line 8: in vain: nothing is there to read");
}

TEST_CASE("what is said between actors and is not so fails at its line") {
  CHECK(why(with("advance 0s\n", "", "expect counter sessions == 2\n")) == "line 16: it is 1");
  CHECK(why(with("advance 0s\n", "", "expect counter sessions >= 2\n")) == "line 16: it is 1");
  CHECK(why(with("advance 0s\n", "", "expect counter sessions <= 0\n")) == "line 16: it is 1");
  CHECK(why(with("advance 0s\n", "  expect presence\n", "expect server s1 done\n")) == "line 16: it is at line 8");
  CHECK(why(with("advance 0s\n", "", "expect server s7 done\n")) == "line 16: there is no such server");
}

TEST_CASE("a configuration that is none is an error") {
  CHECK(play("scenario \"s\"\ncovers B-01\nstage sim\nnxb bosh.colour=blue\nrun\n").failure.find("colour") !=
        std::string::npos);
}
