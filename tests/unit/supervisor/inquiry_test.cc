// tests/unit/supervisor/inquiry_test.cc - what is asked of workers for an operator, and what is made of their answers.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/inquiry.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/ipc/session_query.h"
#include "supervisor/ctl/render.h"

using namespace nxb;
using namespace nxb::supervisor;
using admin::inquiry_of;
using nlohmann::json;
using State = Reply::State;

namespace {

const std::string kSid = "0123456789abcdefghijklmn";

Result<admin::Inquiry> asked(const std::string& line) {
  auto request = admin::parse_request(line);
  REQUIRE(static_cast<bool>(request));
  return inquiry_of(*request);
}

std::string refused(const std::string& line) {
  auto inquiry = asked(line);
  return inquiry ? "" : inquiry.error().text;
}

std::string row(const std::string& sid, int age) {
  return R"({"sid":")" + sid +
         R"(","transport":"bosh","domain":"example.org","client":"192.0.2.1","phase":"open","age_seconds":)" +
         std::to_string(age) +
         R"(,"idle_seconds":1,"streams":1,"queued_bytes":2048,"up_bytes":1,"down_bytes":2,"rid":7})";
}

std::string rows(const std::string& all, int matching) {
  return R"({"sessions":[)" + all + R"(],"matching":)" + std::to_string(matching) + "}";
}

}  // namespace

TEST_CASE("O-16 O-17 O-18 O-20 a command that workers answer is a question that they know by its name") {
  const std::string about = R"(","sid":")" + kSid + "\"}";
  for (ipc::Query query : {ipc::Query::explain, ipc::Query::session, ipc::Query::kick, ipc::Query::watch}) {
    auto inquiry = asked(R"({"command":")" + std::string(name_of(query)) + about);
    REQUIRE(static_cast<bool>(inquiry));
    CHECK(inquiry->what == query);
  }
  CHECK(asked(R"({"command":"sessions"})")->what == ipc::Query::sessions);
  for (std::string_view name : ipc::kQueryNames) {
    auto query = ipc::query_named(name);
    REQUIRE(query.has_value());
    CHECK(name_of(*query) == name);
  }
  CHECK_FALSE(ipc::query_named("order"));
}

TEST_CASE("O-16 sessions: what is asked for is checked, and put to workers in words they read back") {
  auto inquiry = asked(
      R"({"command":"sessions","sort":"queue","limit":"7","transport":"ws","domain":"Example.ORG","ip":"10.0.0.0/8"})");
  REQUIRE(static_cast<bool>(inquiry));
  CHECK(inquiry->sid.empty());
  auto query = ipc::parse_session_query(inquiry->argument);
  REQUIRE(static_cast<bool>(query));
  CHECK(query->order == ipc::SessionOrder::Queue);
  CHECK(query->limit == 7);
  CHECK(query->transport == "websocket");
  CHECK(query->domain == "example.org");
  CHECK(query->ip == "10.0.0.0/8");
  query = ipc::parse_session_query(asked(R"({"command":"sessions"})")->argument);
  CHECK(query->limit == 50);
  CHECK(query->domain.empty());
  CHECK(refused(R"({"command":"sessions","sort":"size"})") == "sort is one of age, idle, bytes, queue");
  CHECK(refused(R"({"command":"sessions","limit":"0"})") == "limit is a number from 1 to 1000");
  CHECK(refused(R"({"command":"sessions","limit":"1001"})") == "limit is a number from 1 to 1000");
  CHECK(refused(R"({"command":"sessions","transport":"tcp"})") == "transport is bosh or ws");
  CHECK(refused(R"({"command":"sessions","ip":"here"})").starts_with("ip "));
}

TEST_CASE("O-16 sessions: rows of all workers in one order; who does not answer, or nonsense, is named") {
  auto inquiry = asked(R"({"command":"sessions","limit":"3"})");
  admin::Findings findings{{},
                           {{0, State::Answered, rows(row("aa", 50) + ',' + row("bb", 5), 4)},
                            {1, State::Answered, rows(row("cc", 20), 1)},
                            {2, State::Silent, ""},
                            {3, State::Absent, ""},
                            {4, State::Answered, "[]"},
                            {5, State::Answered, R"({"sessions":[7,{"age_seconds":"x"}],"matching":-1})"}},
                           {}};
  json told = json::parse(inquiry->conclude(findings));
  CHECK(told["ok"] == true);
  CHECK(told["matching"] == 5);
  REQUIRE(told["sessions"].size() == 3);
  CHECK(told["sessions"][0]["sid"] == "aa");
  CHECK(told["sessions"][1]["sid"] == "cc");
  CHECK(told["sessions"][1]["worker"] == 1);
  CHECK(told["stuck"] == json::array({2, 4}));
  auto text = ctl::render("sessions", inquiry->conclude(findings));
  REQUIRE(static_cast<bool>(text));
  CHECK(text->find("aa   bosh       example.org  192.0.2.1   50s") != std::string::npos);
  CHECK(text->find("2.0 KiB") != std::string::npos);
  CHECK(text->ends_with("and 2 more\nworker 2 does not answer\nworker 4 does not answer\n"));
}

TEST_CASE("O-17 kick: its condition is one that BOSH and streams know; the verdict says what came of it") {
  auto inquiry = asked(R"({"command":"kick","sid":")" + kSid + R"("})");
  REQUIRE(static_cast<bool>(inquiry));
  CHECK(inquiry->sid == kSid);
  CHECK(inquiry->argument == kSid + " policy-violation");
  CHECK(asked(R"({"command":"kick","sid":"0123ABCD","condition":"host-gone"})")->argument == "0123abcd host-gone");
  CHECK(refused(R"({"command":"kick","sid":"0123abcd","condition":"other-request"})")
            .starts_with("condition is one of policy-"));
  CHECK(refused(R"({"command":"kick","sid":"?"})").starts_with("never issued here"));
  auto conclude = [&](const std::vector<Reply>& replies) { return json::parse(inquiry->conclude({1, replies, {}})); };
  json told =
      conclude({{1, State::Answered, R"({"state":"kicked","kind":"bosh","sid":"0123abcd","condition":"host-gone"})"}});
  CHECK(told["ok"] == true);
  CHECK(told["worker"] == 1);
  CHECK(*ctl::render("kick", told.dump()) == "kicked 0123abcd (bosh, worker 1): host-gone\n");
  told = conclude({{1, State::Answered, R"({"state":"ended","ended":"then","by":"client","why":"gone"})"}});
  CHECK(told["ok"] == false);
  CHECK(told["error"] == "it ended at then, by client: gone");
  told = conclude({{1, State::Answered, R"({"state":"unknown"})"}});
  CHECK(told["error"] == "no such session: never issued here, or ended");
  CHECK(conclude({{1, State::Silent, ""}})["error"] == "worker 1 does not answer");
}

TEST_CASE("O-20 probe: any one worker is asked, and has more time; what it says is passed on if it has the form") {
  auto inquiry = asked(R"({"command":"probe","domain":"example.org"})");
  REQUIRE(static_cast<bool>(inquiry));
  CHECK(inquiry->what == ipc::Query::probe);
  CHECK(inquiry->argument == "example.org");
  CHECK(inquiry->of_anyone);
  CHECK(inquiry->patience > 10s);
  auto told = [&](State state, const std::string& text) {
    return json::parse(inquiry->conclude({3, {{3, state, text}}, {}}));
  };
  json good = told(State::Answered, R"({"domain":"example.org","findings":[{"kind":"ok","what":"a","text":"b"}]})");
  CHECK(good["ok"] == true);
  CHECK(good["worker"] == 3);
  CHECK(good["findings"][0]["text"] == "b");
  CHECK(told(State::Answered, R"({"error":"busy"})")["error"] == "busy");
  CHECK(told(State::Silent, "")["error"].get<std::string>().starts_with("worker 3 gave no answer"));
  for (const char* text : {"", "[]", "{}", R"({"domain":"a","findings":[{"kind":"ok","what":"a"}]})",
                           R"({"domain":"a","findings":[7]})", R"({"domain":"a","findings":{}})"}) {
    CHECK(told(State::Answered, text)["ok"] == false);
  }
  CHECK(json::parse(inquiry->conclude({}))["error"] == "no worker serves just now");
}
