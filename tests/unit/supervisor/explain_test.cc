// tests/unit/supervisor/explain_test.cc - what can be said of a session, from workers that answer, hang or are gone.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/explain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin_rig.h"
#include "common/base/secret.h"
#include "supervisor/ctl/render.h"
#include "supervisor/questions.h"

using namespace nxb;
using namespace nxb::supervisor;
using nlohmann::json;
using State = Reply::State;

namespace {

const std::string kSid = "0123456789abcdefghijklmn";
const std::string kAlive = R"({"state":"alive","sid":"0123abcd","kind":"bosh","streams":[]})";
const std::string kEnded = R"({"state":"ended","by":"server","ok":false,"worker":77})";
const std::string kUnknown = R"({"state":"unknown","remembers_since":"2026-01-01T00:00:00.000Z","remembers_all":true})";
const std::string kForgets =
    R"({"state":"unknown","remembers_since":"2026-01-01T00:00:00.000Z","remembers_all":false})";

json explained(const admin::Findings& findings, const std::string& sid = kSid) {
  std::string line = admin::explain_line(sid, findings);
  CHECK(line.find('\n') == line.size() - 1);
  return json::parse(line);
}

std::string parsed(std::string_view text) {
  auto sid = admin::parse_sid(text);
  return sid ? *sid : std::string();
}

Reply said(Index worker, std::string text) { return {worker, State::Answered, std::move(text)}; }

// Workers that were asked; they answer when the test says so.
struct Rig {
  Rig()
      : questions(loop, [this](Index worker, const ipc::Question& question) {
          asked.emplace_back(worker, question);
          return worker == absent ? State::Absent : State::Answered;
        }) {}
  void ask() {
    questions.ask({0, 1, 2}, "explain", kSid, [this](std::vector<Reply> all) {
      ++done;
      replies = std::move(all);
    });
  }
  uv::Loop loop;
  std::vector<std::pair<Index, ipc::Question>> asked;
  Index absent = 99;
  int done = 0;
  std::vector<Reply> replies;
  Questions questions;
};

}  // namespace

TEST_CASE("O-18: who has the session, or its tombstone, is believed before those who do not know it") {
  json told = explained({1, {said(1, kAlive)}, {}});
  CHECK(told["ok"] == true);
  CHECK(told["state"] == "alive");
  CHECK(told["worker"] == 1);
  told = explained({{}, {said(0, kUnknown), {1, State::Silent}, said(2, kEnded)}, {}});
  CHECK(told["ok"] == true);
  CHECK(told["state"] == "ended");
  CHECK(told["worker"] == 2);
  CHECK(explained({{}, {said(0, kEnded), said(1, kAlive)}, {}})["state"] == "alive");
}

TEST_CASE("O-18: never issued is said only when it is certain: sids of before a restart of nxb are unknown to it") {
  const std::string since_start = "not issued since nxb started at 2026-01-01T00:00:00.000Z";
  CHECK(explained({1, {said(1, kUnknown)}, {}})["verdict"] == since_start);
  CHECK(explained({{}, {said(0, kUnknown), said(1, kUnknown)}, {}})["verdict"] == since_start);
  CHECK(explained({1, {said(1, kForgets)}, {}})["verdict"] ==
        "never issued here, or ended before 2026-01-01T00:00:00.000Z");
  CHECK(explained({{}, {said(0, kUnknown), said(1, kForgets)}, {}})["verdict"] ==
        "never issued here, or ended before 2026-01-01T00:00:00.000Z");
  CHECK(explained({1, {said(1, kUnknown)}, {}})["sid"] == short_hash(kSid));
}

TEST_CASE("O-18: processes that were lost are named with their times, only those of the owner if it is known") {
  std::vector<Fleet::Loss> losses{{0, 100, "exit 70 (failed)", 0, 2000}, {1, 101, "signal 9 (Killed)", 0, 1000}};
  json told = explained({1, {said(1, kUnknown)}, losses});
  CHECK(told["verdict"] ==
        "not issued since 2026-01-01T00:00:00.000Z, or issued by worker 1, which crashed at 1970-01-01T00:00:01.000Z "
        "(process 101, signal 9 (Killed))");
  REQUIRE(told["lost"].size() == 1);
  CHECK(told["lost"][0]["pid"] == 101);
  told = explained({{}, {said(0, kUnknown), said(1, kUnknown)}, losses}, "0123abcd");
  CHECK(told["lost"].size() == 2);
  CHECK(told["verdict"].get<std::string>().find("worker 0") != std::string::npos);
  told = explained({1, {{1, State::Absent}}, losses});
  CHECK(told["ok"] == true);
  CHECK(told["remembers_since"].is_null());
}

TEST_CASE("O-18: a worker that does not answer, or not sensibly, leaves no verdict") {
  CHECK(explained({1, {{1, State::Silent}}, {}})["error"] == "worker 1 does not answer");
  CHECK(explained({{}, {said(0, kUnknown), {1, State::Silent}}, {}})["error"] ==
        "worker 1 does not answer; the others do not know it");
  for (const char* nonsense : {"", "[]", "{}", "\xff", "{\"state\":"}) {
    CHECK(explained({1, {said(1, nonsense)}, {}})["ok"] == false);
  }
}

TEST_CASE("O-18: a sid is given whole, or in its short form in any case; what has neither form was never issued") {
  CHECK(admin::is_sid(kSid));
  CHECK(parsed(kSid) == kSid);
  for (const char* text : {"0123abcd", "0123ABCD"}) {
    CHECK_FALSE(admin::is_sid(text));
    CHECK(parsed(text) == "0123abcd");
  }
  for (const char* text : {"", "0123456789abcdefghijklm", "0123456789abcdefghijklm=", "0123456789abcdefghijklmno"}) {
    CHECK_FALSE(admin::is_sid(text));
    CHECK(parsed(text) == "");
  }
  for (const char* text : {"0123abc", "0123abcg", "0123abcde"}) CHECK(parsed(text) == "");
}

TEST_CASE("O-18: a question is over when all have answered, each once; others are not heard") {
  Rig rig;
  rig.ask();
  REQUIRE(rig.asked.size() == 3);
  std::uint32_t id = rig.asked[0].second.id;
  rig.questions.on_answer(0, {id, "a"});
  rig.questions.on_answer(0, {id, "b"});
  rig.questions.on_answer(9, {id, "c"});
  rig.questions.on_answer(1, {id + 1, "d"});
  CHECK(rig.done == 0);
  rig.questions.on_gone(1);
  rig.questions.on_answer(1, {id, "late"});
  CHECK(rig.done == 0);
  rig.questions.on_answer(2, {id, "e"});
  REQUIRE(rig.done == 1);
  CHECK(rig.replies[0].json == "a");
  CHECK(rig.replies[1].state == State::Absent);
  CHECK(rig.replies[2].json == "e");
  rig.questions.on_answer(2, {id, "f"});
  CHECK(rig.done == 1);
}

TEST_CASE("O-18 O-13: who is not there is not waited for, and who hangs for less than a second") {
  static_assert(Questions::kPatience < 1s);
  Rig rig;
  rig.absent = 1;
  rig.ask();
  rig.questions.on_answer(0, {rig.asked[0].second.id, "a"});
  CHECK(rig.done == 0);
  Instant began = monotonic_now();
  while (rig.done == 0 && monotonic_now() - began < 30s) uv_run(rig.loop.raw(), UV_RUN_ONCE);
  REQUIRE(rig.done == 1);
  CHECK(monotonic_now() - began >= Questions::kPatience - 50ms);
  CHECK(rig.replies[0].state == State::Answered);
  CHECK(rig.replies[1].state == State::Absent);
  CHECK(rig.replies[2].state == State::Silent);
}

TEST_CASE("O-20 O-13: a question with more time than others does not make them wait, nor is it cut short by them") {
  Rig rig;
  rig.questions.ask(
      {0}, "probe", "", [&rig](std::vector<Reply>) { rig.done += 100; }, Questions::kPatience + 200ms);
  rig.ask();
  Instant began = monotonic_now();
  while (rig.done == 0 && monotonic_now() - began < 30s) uv_run(rig.loop.raw(), UV_RUN_ONCE);
  CHECK(rig.done == 1);
  while (rig.done == 1 && monotonic_now() - began < 30s) uv_run(rig.loop.raw(), UV_RUN_ONCE);
  CHECK(rig.done == 101);
  CHECK(monotonic_now() - began >= Questions::kPatience + 150ms);
}

TEST_CASE("O-13: who left its last question unanswered counts as silent until it says something, or is gone") {
  Rig rig;
  rig.absent = 2;
  rig.ask();
  rig.questions.on_answer(0, {rig.asked[0].second.id, "a"});
  CHECK_FALSE(rig.questions.silent(1));  // it still has time
  Instant began = monotonic_now();
  while (rig.done == 0 && monotonic_now() - began < 30s) uv_run(rig.loop.raw(), UV_RUN_ONCE);
  CHECK_FALSE(rig.questions.silent(0));
  CHECK(rig.questions.silent(1));
  CHECK_FALSE(rig.questions.silent(2));
  SUBCASE("an answer, however late") { rig.questions.on_answer(1, {rig.asked[1].second.id, "late"}); }
  SUBCASE("anything else") { rig.questions.on_word(1); }
  SUBCASE("its end") { rig.questions.on_gone(1); }
  CHECK_FALSE(rig.questions.silent(1));
}

TEST_CASE("O-13: explain and events are both refused what is no sid, in the same words") {
  AdminRig rig({[] { return admin::Snapshot(); }, [](int) { return std::nullopt; }});
  for (const char* command : {"explain", "events"}) {
    Descriptor fd = rig.connect_to();
    rig.say(fd, R"({"command":")" + std::string(command) + "\",\"sid\":\"no-sid\"}\n");
    CHECK(json::parse(rig.hear(fd))["error"] ==
          "never issued here: a sid has 24 letters, digits, - or _; its short form in the log 8 of 0-9a-f");
  }
}

TEST_CASE("O-13: requests behind an explain wait for its answer and are answered in order; one may leave before") {
  std::vector<std::function<void(const admin::Findings&)>> open;
  AdminRig rig({[] { return admin::Snapshot(); }, [](int) { return std::nullopt; }},
               {[](bool) {}, [&](const admin::Inquiry&, auto done) { open.push_back(std::move(done)); }});
  Descriptor stays = rig.connect_to(), leaves = rig.connect_to(), half = rig.connect_to();
  const std::string explain = "{\"command\":\"explain\",\"sid\":\"" + kSid + "\"}\n";
  rig.say(stays, explain + explain + "{\"command\":\"status\"}\n");
  rig.say(leaves, explain);
  rig.say(half, explain);
  shutdown(half.get(), SHUT_WR);
  leaves = Descriptor();
  rig.turn();
  CHECK(rig.hear(stays).empty());
  REQUIRE(open.size() == 3);
  for (int i = 0; i < 3; ++i) open[static_cast<std::size_t>(i)]({1, {said(1, kAlive)}, {}});
  rig.turn();
  CHECK(json::parse(rig.hear(half))["state"] == "alive");
  CHECK(rig.closed(half));
  CHECK(json::parse(rig.hear(stays))["state"] == "alive");
  REQUIRE(open.size() == 4);
  open[3]({1, {said(1, kEnded)}, {}});
  rig.turn();
  std::string heard = rig.hear(stays);
  CHECK(json::parse(heard.substr(0, heard.find('\n')))["state"] == "ended");
  CHECK(json::parse(heard.substr(heard.find('\n')))["version"] == NXB_VERSION);
}

TEST_CASE(
    "O-13: however many requests are answered at once, they are taken one after the other and not within each other") {
  constexpr int kMany = 2000;
  int asked = 0, within = 0, deepest = 0;
  AdminRig rig({[] { return admin::Snapshot(); }, [](int) { return std::nullopt; }},
               {[](bool) {},
                [&](const admin::Inquiry&, const auto& done) {
                  ++asked;
                  deepest = std::max(deepest, ++within);
                  done({1, {{1, State::Absent}}, {}});
                  --within;
                }});
  Descriptor fd = rig.connect_to();
  std::string lines;
  for (int i = 0; i < kMany; ++i) lines += "{\"command\":\"explain\",\"sid\":\"0123abcd\"}\n";
  rig.say(fd, lines);
  shutdown(fd.get(), SHUT_WR);
  std::ptrdiff_t heard = 0;
  for (std::string text = rig.hear(fd); !text.empty(); text = rig.hear(fd)) {
    heard += std::ranges::count(text, '\n');
    rig.turn();
  }
  CHECK(asked == kMany);
  CHECK(heard == kMany);
  CHECK(deepest == 1);
  CHECK(rig.closed(fd));
}

TEST_CASE("O-14: nxbctl shows an explanation as a table, with units, and words of others escaped") {
  auto table = ctl::render("explain", R"({"ok":true,"state":"alive","worker":1,"ua":"a\u001b","age_seconds":187,)"
                                      R"("pending_bytes":1536,"streams":[{"stream":1,"domain":"example.org",)"
                                      R"("target":"192.0.2.1:5222","answered":"no"}]})");
  REQUIRE(static_cast<bool>(table));
  CHECK(table->find("ua       \"a\\x1b\"\n") != std::string::npos);
  CHECK(table->find("age      3m 07s\n") != std::string::npos);
  CHECK(table->find("pending  1.5 KiB\n") != std::string::npos);
  CHECK(table->find("streams  1: example.org at 192.0.2.1:5222 (has not answered)\n") != std::string::npos);
  auto verdict = ctl::render("explain", admin::explain_line(kSid, {1, {said(1, kUnknown)}, {{1, 5, "exit 1", 0, 0}}}));
  REQUIRE(static_cast<bool>(verdict));
  CHECK(verdict->find("worker 1, process 5, from 1970-") != std::string::npos);
}
