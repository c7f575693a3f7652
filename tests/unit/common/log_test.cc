// tests/unit/common/log_test.cc - lines, what hostile values cannot do, and the limit per event (O-26, O-27).
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "common/log/limiter.h"
#include "common/log/line.h"
#include "common/log/log.h"
#include "tests/support/captured_log.h"

namespace nxb::log {
namespace {

constexpr std::int64_t kThen = 1'795'440'000'123;  // 2026-11-23T13:20:00.123Z

std::string text_of(std::string_view value) {
  const Field fields[] = {{"v", value}};
  std::string line = format_line(Format::Text, kThen, Level::Info, "", "e", fields);
  const std::string start = "2026-11-23T13:20:00.123Z info event=e v=";
  REQUIRE(line.starts_with(start));
  REQUIRE(line.back() == '\n');
  return line.substr(start.size(), line.size() - start.size() - 1);
}

std::string json_of(std::string_view value) {
  const Field fields[] = {{"v", value}};
  std::string line = format_line(Format::Json, kThen, Level::Info, "", "e", fields);
  const std::string start = R"({"time":"2026-11-23T13:20:00.123Z","level":"info","event":"e","v":)";
  REQUIRE(line.starts_with(start));
  REQUIRE(line.ends_with("}\n"));
  return line.substr(start.size(), line.size() - start.size() - 2);
}

TEST_CASE("a line has the time, the level, the event, who, and the fields (O-26)") {
  const Field fields[] = {{"sid", "3f9a21c0"}, {"age", 812}, {"why", std::string("client went")}};
  CHECK(format_line(Format::Text, kThen, Level::Warn, "worker 2", "session.end", fields) ==
        "2026-11-23T13:20:00.123Z warn event=session.end proc=\"worker 2\" sid=3f9a21c0 age=812 why=\"client went\"\n");
  CHECK(format_line(Format::Json, kThen, Level::Error, "supervisor", "session.end", fields) ==
        R"({"time":"2026-11-23T13:20:00.123Z","level":"error","event":"session.end","proc":"supervisor",)"
        R"("sid":"3f9a21c0","age":812,"why":"client went"})"
        "\n");
  CHECK(timestamp(0) == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("C-44 H-49 a value cannot leave its quotes, end the line or steer a terminal (O-27)") {
  CHECK(text_of("Client \"9\"\r\nevent=x") == R"("Client \"9\"\x0d\nevent=x")");
  CHECK(text_of("plain-1.2/3:4") == "plain-1.2/3:4");
  CHECK(text_of("") == "\"\"");
  CHECK(text_of("a=b") == "\"a=b\"");
  CHECK(text_of("say \"hi\" \\") == R"("say \"hi\" \\")");
  CHECK(text_of("a\nlevel=error\r\t") == R"("a\nlevel=error\x0d\x09")");
  CHECK(text_of(std::string_view("z\0z\x1b[31m\x7f", 9)) == R"("z\x00z\x1b[31m\x7f")");
  CHECK(text_of("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80") == "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
  CHECK(text_of("\xff\xc3") == R"("\xff\xc3")");          // not UTF-8
  CHECK(text_of("\xc0\xaf") == R"("\xc0\xaf")");          // overlong
  CHECK(text_of("\xed\xa0\x80") == R"("\xed\xa0\x80")");  // surrogate
  CHECK(text_of("\xc2\x9b") == R"("\xc2\x9b")");          // C1 control
  CHECK(text_of("\xe2\x80\xae") == R"("\xe2\x80\xae")");  // right-to-left override
}

TEST_CASE("C-44 O-27 in JSON a character that is not shown is named as itself, what is no character as that") {
  CHECK(json_of("say \"hi\"\n\x01\x7f") == R"("say \"hi\"\n\u0001\u007f")");
  CHECK(json_of("x\xc2\x9b\x33\x31m") == R"("x\u009b31m")");  // C1 control, not two letters
  CHECK(json_of("\xe2\x80\xae-\xc2\x85") == R"("\u202e-\u0085")");
  CHECK(json_of("a\xff\xc3") == R"("a\ufffd\ufffd")");          // not UTF-8
  CHECK(json_of("\xed\xa0\x80") == R"("\ufffd\ufffd\ufffd")");  // a surrogate is none either
}

TEST_CASE("C-44 H-49 a long value is cut, and never within a character") {
  CHECK(text_of(std::string(256, 'x')) == std::string(256, 'x'));
  CHECK(text_of(std::string(257, 'x')) == "\"" + std::string(256, 'x') + "...\"");
  CHECK(text_of(std::string(255, 'x') + "\xc3\xa4") == "\"" + std::string(255, 'x') + "...\"");
  CHECK(json_of(std::string(100'000, 'x')).size() == 256 + 5);
}

TEST_CASE("fifty lines a second of one event, the rest is counted and said once") {
  Limiter limiter;
  Instant start{1'000'000ms};
  int admitted = 0;
  for (int i = 0; i < 80; ++i) admitted += limiter.admit(Level::Info, "flood", start + Duration(i)) ? 1 : 0;
  CHECK(admitted == 50);
  CHECK(limiter.admit(Level::Warn, "flood", start + 80ms));  // another level
  CHECK(limiter.admit(Level::Info, "other", start + 80ms));  // another event
  CHECK(limiter.take_swallowed(start + 999ms).empty());      // its second is not over
  auto said = limiter.take_swallowed(start + 2s);
  REQUIRE(said.size() == 1);
  CHECK(said[0].event == "flood");
  CHECK(said[0].level == Level::Info);
  CHECK(said[0].count == 30);
  CHECK(limiter.take_swallowed(start + 9s).empty());
  CHECK(limiter.admit(Level::Info, "flood", start + 9s));
}

TEST_CASE("what is still swallowed at the end can be asked for") {
  Limiter limiter;
  Instant now{5s};
  for (int i = 0; i < 53; ++i) limiter.admit(Level::Error, "flood", now);
  auto said = limiter.take_all_swallowed();
  REQUIRE(said.size() == 1);
  CHECK(said[0].count == 3);
  CHECK(limiter.take_all_swallowed().empty());
}

TEST_CASE("lines below the level are not written") {
  nxb::testing::CapturedLog captured;
  configure(Level::Warn, Format::Text, "worker 1");
  debug("test.debug");
  info("test.info");
  warn("test.warn", {{"n", 1}});
  CHECK(enabled(Level::Error));
  CHECK_FALSE(enabled(Level::Info));
  configure(Level::Off, Format::Text, "worker 1");
  error("test.error");
  CHECK_FALSE(enabled(Level::Error));
  configure(Level::Info, Format::Text, "");
  std::string text = captured.text();
  CHECK(text.find(" warn event=test.warn proc=\"worker 1\" n=1\n") != std::string::npos);
  CHECK(text.find("test.info") == std::string::npos);
  CHECK(text.find("test.debug") == std::string::npos);
  CHECK(text.find("test.error") == std::string::npos);
}

TEST_CASE("levels go by the names of C-03, in any case") {
  CHECK(level_named("all") == Level::Trace);
  CHECK(level_named("Trace") == Level::Trace);
  CHECK(level_named("debug") == Level::Debug);
  CHECK(level_named("INFO") == Level::Info);
  CHECK(level_named("warn") == Level::Warn);
  CHECK(level_named("FATAL") == Level::Error);
  CHECK(level_named("off") == Level::Off);
  CHECK_FALSE(level_named("loud").has_value());
  CHECK_FALSE(level_named("").has_value());
}

}  // namespace
}  // namespace nxb::log
