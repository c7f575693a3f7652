// tests/unit/worker/upstream/external_link_test.cc - the connection to the program: lost, back, nonsense, not read.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/upstream/program_rig.h"

namespace nxb::upstream {
namespace {

using stats::Counter;
using Condition = bosh::Condition;

// Until a program that just started has been connected to.
void come_back(ProgramRig& rig) {
  rig.start_program();
  rig.greet();
}

TEST_CASE("C-24 U-64 without a program new streams are refused at once; once it is there they are served") {
  ProgramRig rig;
  rig.start_streams();
  rig.open(1);  // the first attempt is on its way
  REQUIRE(rig.until(1, "C:remote-connection-failed"));
  rig.open(2);
  CHECK(rig.ears[2].log == "C:remote-connection-failed ");
  CHECK((rig.ears[2].end.stage == Stage::Tcp));
  CHECK(rig.ears[2].end.target == "unix:" + rig.config.external.socket);
  come_back(rig);
  rig.add(3);
  CHECK(rig.counters.get(Counter::external_losses) == 0);
}

TEST_CASE("C-24 a stream that is asked for before the program said hello is added behind it") {
  ProgramRig rig;
  rig.start_program();
  rig.start_streams();
  rig.open(1);
  REQUIRE(rig.heard("stream-add"));
  CHECK(rig.program->heard.starts_with("{\"type\":\"hello\""));
  rig.greet();
  rig.say("stream-added", 1);
  CHECK(rig.until(1, "O:"));
}

TEST_CASE("C-24 U-66 a program that goes takes its streams with it; it is connected to again") {
  ProgramRig rig;
  rig.begin();
  rig.add(1);
  rig.add(2);
  rig.program.reset();
  REQUIRE(rig.until(1, "C:remote-connection-failed"));
  REQUIRE(rig.until(2, "C:remote-connection-failed"));
  CHECK(rig.streams->size() == 0);
  CHECK(rig.counters.get(Counter::external_losses) == 1);
  come_back(rig);
  Upstream& up = rig.add(3);
  up.send("<again/>");
  CHECK(rig.heard("<again"));
}

TEST_CASE("C-24 nonsense ends the connection and all streams; it is connected to again") {
  ProgramRig rig;
  rig.config.external.max_message = 1000;
  for (const std::string line :
       {"garbage\n", "{\"type\":\"dance\"}\n", "{\"type\":\"hello\",\"version\":1}\n",
        "{\"type\":\"response\",\"stream\":1}\n",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    CAPTURE(line);
    if (!rig.streams)
      rig.begin();
    else
      come_back(rig);
    std::uint64_t id = rig.ears.size() + 1;
    rig.add(id);
    rig.program->say(line.ends_with('\n') ? line : std::string(1001, 'x'));
    REQUIRE(rig.until(id, "C:remote-connection-failed"));
    REQUIRE(rig.turns.until([&] { return rig.program->ended; }));
  }
  CHECK(rig.counters.get(Counter::errors) == 5);
}

TEST_CASE("C-24 the first line is hello, of a version that is spoken here, and comes in time") {
  ProgramRig rig;
  rig.config.external.timeout = Duration{200};
  rig.start_program();
  rig.start_streams();
  for (const char* line : {"{\"type\":\"stream-added\",\"stream\":1}\n", "{\"type\":\"hello\",\"version\":2}\n", ""}) {
    CAPTURE(line);
    rig.program->ended = false;
    rig.program->heard.clear();
    REQUIRE(rig.heard("hello"));
    std::uint64_t id = rig.ears.size() + 1;
    rig.open(id);
    rig.program->say(line);
    REQUIRE(rig.until(id, "C:remote-connection-failed"));
    REQUIRE(rig.turns.until([&] { return rig.program->ended; }));
  }
}

TEST_CASE("U-36 U-70 a stream that sends what the program does not take ends with policy-violation, the others go on") {
  ProgramRig rig;
  rig.begin();
  Upstream& greedy = rig.add(1);
  Upstream& modest = rig.add(2);
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  std::string big = "<a>" + std::string(100'000, 'x') + "</a>";
  int sent = 0;
  for (; !rig.ears[1].closed && sent < 100; ++sent) greedy.send(big);
  CHECK(rig.ears[1].end.condition == Condition::PolicyViolation);
  CHECK(sent < 30);  // 1 MiB and what the kernel takes
  modest.send("<small/>");
  CHECK_FALSE(rig.ears[2].closed);
  rig.program->stream->resume(uv::PauseReason::PeerSlow);
  CHECK(rig.heard("<small"));
}

TEST_CASE("U-36 a program that is busy but reads: a stream is judged by what waits, not by what it sent in all") {
  ProgramRig rig;
  rig.begin();
  Upstream& busy = rig.add(1);
  Upstream& steady = rig.add(2);
  std::string small = "<a>" + std::string(100'000, 'x') + "</a>";
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  busy.send("<a>" + std::string(900'000, 'x') + "</a>");
  for (int i = 0; i < 9; ++i) steady.send(small);
  rig.program->stream->resume(uv::PauseReason::PeerSlow);
  REQUIRE(rig.turns.until([&] { return rig.program->heard.size() > 1'000'000; }));  // what `busy` said, and not all
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  for (int i = 0; i < 9; ++i) steady.send(small);
  CHECK_FALSE(rig.ears[2].closed);
  for (int i = 0; i < 9 && !rig.ears[2].closed; ++i) steady.send(small);
  CHECK(rig.ears[2].end.condition == Condition::PolicyViolation);
}

TEST_CASE("U-36 what waits for the program is bounded for all streams together") {
  ProgramRig rig;
  rig.config.external.max_pending = 1 << 20;
  rig.begin();
  std::vector<Upstream*> all;
  for (std::uint64_t id = 1; id <= 4; ++id) all.push_back(&rig.add(id));
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  std::string big = "<a>" + std::string(300'000, 'x') + "</a>";
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t id = 1; id <= 4; ++id) {
      if (!rig.ears[id].closed) all[id - 1]->send(big);
    }
  }
  for (std::uint64_t id = 1; id <= 4; ++id) CHECK(rig.ears[id].end.condition == Condition::PolicyViolation);
  rig.open(5);
  CHECK(rig.ears[5].log == "C:remote-connection-failed ");
}

TEST_CASE("C-24 a program that reads nothing in `timeout` is given up; one that reads slowly has as long again") {
  ProgramRig rig;
  rig.config.external.timeout = Duration{1000};
  rig.begin();
  Upstream& up = rig.add(1);
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  Instant begin = rig.turns.loop.now();
  up.send("<a>" + std::string(900'000, 'x') + "</a>");
  rig.program->stream->resume(uv::PauseReason::PeerSlow);
  REQUIRE(rig.turns.until([&] { return rig.program->heard.size() > 400'000; }));  // more than the kernel holds
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  REQUIRE(rig.until(1, "C:remote-connection-failed"));
  CHECK(rig.ears[1].end.why == "the program: it does not read what is sent to it");
  CHECK(rig.turns.loop.now() - begin >= 2 * rig.config.external.timeout);
}

TEST_CASE("U-36 what must be said to a program that does not read is bounded, too: it is given up") {
  ProgramRig rig;
  rig.config.external.max_pending = 1 << 20;
  rig.begin();
  Upstream& busy = rig.add(1);
  rig.add(2);
  rig.program->stream->pause(uv::PauseReason::PeerSlow);
  for (int i = 0; i < 60'000; ++i) busy.acknowledged(1);  // a line of 60 bytes each: more than twice max_pending
  CHECK_FALSE(rig.ears[2].closed);                        // not from within a call
  REQUIRE(rig.until(2, "C:remote-connection-failed"));
}

}  // namespace
}  // namespace nxb::upstream
