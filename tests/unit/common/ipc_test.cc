// tests/unit/common/ipc_test.cc - control messages and the route of a sid.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "common/ipc/contract.h"
#include "common/ipc/message.h"
#include "common/ipc/sid_route.h"

namespace nxb::ipc {
namespace {

std::string line_of(const Message& message) {
  std::string line = encode(message);
  REQUIRE(line.back() == '\n');
  line.pop_back();
  CHECK(line.find('\n') == std::string::npos);
  return line;
}

Configure sample() {
  Configure message;
  message.version = contract::kVersion;
  message.index = 2;
  message.workers = 4;
  message.generation = 7;
  message.routing_key = random_hash_key();
  message.config = "{\"text\":\"line\\nbreak \xc3\xa4\"}";
  return message;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Code code_of(std::string_view line) {
  auto decoded = decode(line);
  REQUIRE_FALSE(static_cast<bool>(decoded));
  return decoded.error().code;
}

TEST_CASE("every control message survives its way over the wire") {
  Configure sent = sample();
  auto decoded = decode(line_of(sent));
  REQUIRE(static_cast<bool>(decoded));
  const auto& got = std::get<Configure>(*decoded);
  CHECK(got.version == sent.version);
  CHECK(got.index == 2);
  CHECK(got.workers == 4);
  CHECK(got.generation == 7);
  CHECK(got.routing_key == sent.routing_key);
  CHECK(got.config == sent.config);
  CHECK(std::holds_alternative<Stop>(*decode(line_of(Stop{}))));
  auto ready = decode(line_of(Ready{contract::kVersion}));
  CHECK(std::get<Ready>(*ready).version == contract::kVersion);
}

TEST_CASE("O-08 O-17 O-20 O-33: orders to workers and what comes back survive their way") {
  CHECK(std::get<Stop>(*decode(line_of(Stop{30'000}))).over_ms == 30'000);
  auto drain = std::get<Drain>(*decode(line_of(Drain{true, true, 500})));
  CHECK((drain.on && drain.goodbye && drain.over_ms == 500));
  auto reload = std::get<Reload>(*decode(line_of(Reload{7, "{\"x\":1}"})));
  CHECK((reload.id == 7 && reload.config == "{\"x\":1}"));
  auto reloaded = std::get<Reloaded>(*decode(line_of(Reloaded{7, "no"})));
  CHECK((reloaded.id == 7 && reloaded.error == "no"));
  CHECK(std::get<LogLevel>(*decode(line_of(LogLevel{"DEBUG"}))).level == "DEBUG");
  CHECK(std::holds_alternative<ReopenLogs>(*decode(line_of(ReopenLogs{}))));
  auto ask = std::get<Ask>(*decode(line_of(Ask{3, "metrics"})));
  CHECK((ask.id == 3 && ask.what == "metrics"));
  auto told = std::get<Told>(*decode(line_of(Told{3, "a\nb"})));
  CHECK((told.id == 3 && told.text == "a\nb"));
}

TEST_CASE("O-18 O-19: questions, answers and events survive their way, whatever bytes are in them") {
  CHECK(std::get<Publish>(*decode(line_of(Publish{true}))).on);
  CHECK_FALSE(std::get<Publish>(*decode(line_of(Publish{false}))).on);
  auto question = std::get<Question>(*decode(line_of(Question{4'294'967'295U, "explain", "a\"\n{\\"})));
  CHECK(question.id == 4'294'967'295U);
  CHECK(question.what == "explain");
  CHECK(question.argument == "a\"\n{\\");
  auto answer = std::get<Answer>(*decode(line_of(Answer{7, "{\"a\":1}"})));
  CHECK(answer.id == 7);
  CHECK(answer.json == "{\"a\":1}");
  auto events = std::get<Events>(*decode(line_of(Events{"{}\n{}\n", 1ULL << 40})));
  CHECK(events.lines == "{}\n{}\n");
  CHECK(events.dropped == 1ULL << 40);
  CHECK(decode(line_of(Question{1, "explain", "\xff"})));  // an operator may type anything
}

TEST_CASE("O-18 O-19: what a worker tells of sessions is short, flat and of few parts, or no message") {
  auto answers = [](const std::string& json) { return static_cast<bool>(decode(line_of(Answer{1, json}))); };
  auto tells = [](const std::string& lines) { return static_cast<bool>(decode(line_of(Events{lines, 0}))); };
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  auto wide = [](int commas) {
    std::string text = "{\"m\":1";
    for (int i = 0; i < commas; ++i) text += ",\"" + std::to_string(i) + "\":1";
    return text + "}";
  };
  CHECK(answers(nested(4)));
  CHECK(tells(nested(4) + '\n' + nested(4)));
  CHECK_FALSE(answers(nested(5)));
  CHECK_FALSE(tells("{}\n" + nested(5) + '\n'));
  CHECK_FALSE(tells("{}\n" + nested(200'000)));
  CHECK_FALSE(answers("{\"a\\\\\":" + nested(5) + '}'));
  CHECK(answers("{\"[[[[[[\\\"[[[[[\":1}"));
  CHECK(answers(wide(2047)));
  CHECK_FALSE(answers(wide(2048)));
  CHECK(tells(wide(63) + '\n' + wide(63) + '\n'));
  CHECK_FALSE(tells("{}\n" + wide(64) + '\n'));
  auto rows = [&](int count) {
    std::string text = "[{}";
    for (int i = 1; i < count; ++i) text += ',' + wide(12);
    return text + "]";
  };
  CHECK(answers(rows(1000)));  // O-16: the rows of sessions
  CHECK_FALSE(answers(rows(2049)));
  CHECK_FALSE(answers('[' + rows(1500) + ',' + rows(1500) + ']'));
  CHECK(answers(std::string(kMaxAnswer, 'a')));
  CHECK_FALSE(answers(std::string(kMaxAnswer + 1, 'a')));
  CHECK(tells(std::string(kMaxEvents, 'a')));
  CHECK_FALSE(tells(std::string(kMaxEvents + 1, 'a')));
  CHECK(code_of(R"({"type":"stop","x":)" + nested(1'000'000) + '}') == Code::BadInput);
}

TEST_CASE("a message of another version is told apart from a damaged one") {
  CHECK(code_of(line_of(Ready{contract::kVersion + 1})) == Code::Unsupported);
  Configure other = sample();
  other.version = contract::kVersion + 1;
  CHECK(code_of(line_of(other)) == Code::Unsupported);
}

TEST_CASE("an unknown type, a missing, surplus or mistyped member is an error") {
  const std::string good = line_of(sample());
  for (const char* line : {"",
                           "null",
                           "[]",
                           "7",
                           "\"stop\"",
                           "{",
                           "{}",
                           "{\"type\":7}",
                           "{\"type\":\"hello\"}",
                           "{\"type\":\"ready\"}",
                           "{\"type\":\"stop\",\"now\":true}",
                           "\xff\xfe",
                           "{\"type\":\"ready\",\"version\":\"1\"}",
                           "{\"type\":\"ready\",\"version\":-1}",
                           "{\"type\":\"publish\",\"on\":1}",
                           "{\"type\":\"publish\"}",
                           "{\"type\":\"question\",\"id\":1,\"what\":\"a\"}",
                           "{\"type\":\"question\",\"id\":-1,\"what\":\"a\",\"argument\":\"\"}",
                           "{\"type\":\"answer\",\"id\":4294967296,\"json\":\"\"}",
                           "{\"type\":\"answer\",\"id\":1,\"json\":{}}",
                           "{\"type\":\"events\",\"lines\":\"\"}",
                           "{\"type\":\"events\",\"lines\":\"\",\"dropped\":-1}",
                           "{\"type\":\"events\",\"lines\":\"\",\"dropped\":0,\"more\":0}",
                           "{\"type\":\"ready\",\"version\":1.5}",
                           "{\"type\":\"ready\",\"version\":4294967297}"}) {
    CAPTURE(line);
    CHECK(code_of(line) == Code::BadInput);
  }
  for (const char* name : {"index", "workers", "generation", "routing_key", "config"}) {
    CAPTURE(name);
    CHECK(code_of(replaced(good, "\"" + std::string(name) + "\"", "\"surplus\"")) == Code::BadInput);
  }
  CHECK(code_of(replaced(good, "{", "{\"surplus\":1,")) == Code::BadInput);
  CHECK(code_of(replaced(good, "\"index\":2", "\"index\":4")) == Code::BadInput);
  CHECK(code_of(replaced(good, "\"routing_key\":\"", "\"routing_key\":\"0")) == Code::BadInput);
}

TEST_CASE("lines come out whole however the bytes are cut") {
  const std::string wire = "one\n\ntwo two\nthree\nunfinished";
  const std::vector<std::string> expected{"one", "", "two two", "three"};
  for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
    CAPTURE(chunk);
    LineReader reader;
    std::vector<std::string> lines;
    std::string line;
    for (std::size_t at = 0; at < wire.size(); at += chunk) {
      CHECK(static_cast<bool>(reader.feed(std::string_view(wire).substr(at, chunk))));
      while (reader.next(line)) lines.push_back(line);
    }
    CHECK(lines == expected);
    CHECK(static_cast<bool>(reader.feed("\n")));
    REQUIRE(reader.next(line));
    CHECK(line == "unfinished");
  }
}

TEST_CASE("a line may have 4 MB and not one byte more, finished or not") {
  const std::string half(LineReader::kMaxLine / 2, 'x');
  LineReader fits;
  CHECK(static_cast<bool>(fits.feed("short\n")));
  CHECK(static_cast<bool>(fits.feed(half)));
  CHECK(static_cast<bool>(fits.feed(half)));
  CHECK(static_cast<bool>(fits.feed("\n")));
  std::string line;
  REQUIRE(fits.next(line));
  REQUIRE(fits.next(line));
  CHECK(line.size() == LineReader::kMaxLine);

  LineReader unfinished;
  CHECK(static_cast<bool>(unfinished.feed(half)));
  CHECK(static_cast<bool>(unfinished.feed(half)));
  CHECK_FALSE(static_cast<bool>(unfinished.feed("y")));
  LineReader many;  // together more than one line may have
  for (int i = 0; i < 3; ++i) CHECK((many.feed(half) && many.feed("\n")));
  LineReader finished;
  CHECK(static_cast<bool>(finished.feed(half)));
  CHECK_FALSE(static_cast<bool>(finished.feed(half + "y\nz\n")));
}

TEST_CASE("a sid has one owner, the same in every worker that knows the key") {
  HashKey key = random_hash_key();
  SidRoute here(key, 4);
  SidRoute there(key, 4);
  SidRoute alone(key, 1);
  for (int i = 0; i < 200; ++i) {
    std::string sid = here.mint();
    CHECK(sid.size() == 24);
    CHECK(here.owner(sid) < 4);
    CHECK(here.owner(sid) == there.owner(sid));
    CHECK(alone.owner(sid) == 0);
  }
}

TEST_CASE("sids spread over the workers, and another key spreads them differently") {
  SidRoute route(random_hash_key(), 4);
  SidRoute other(random_hash_key(), 4);
  std::array<int, 4> count{};
  int moved = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string sid = route.mint();
    ++count[route.owner(sid)];
    moved += route.owner(sid) != other.owner(sid) ? 1 : 0;
  }
  for (int each : count) {
    CHECK(each > 850);  // 1000 expected, deviation 27
    CHECK(each < 1150);
  }
  CHECK(moved > 2800);  // 3000 expected
}

}  // namespace
}  // namespace nxb::ipc
