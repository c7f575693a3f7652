// tests/unit/common/log_shown_test.cc - what the log shows of clients' addresses, of repetition, and where it goes.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "common/log/addresses.h"
#include "common/log/log.h"
#include "common/log/log_file.h"
#include "common/log/repeats.h"
#include "tests/support/captured_log.h"
#include "tests/support/contains.h"

namespace nxb::log {
namespace {

using nxb::testing::contains;

std::string truncated(std::string_view text) { return shown_address(text, Addresses::Truncated); }

struct Folder {
  std::string path = "/tmp/nxb-log-XXXXXX";
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    for (const char* name : {"/log", "/log.1"}) unlink((path + name).c_str());
    rmdir(path.c_str());
  }
  std::string text(const std::string& name) const {
    std::ostringstream all;
    all << std::ifstream(path + name).rdbuf();
    return all.str();
  }
};

TEST_CASE("O-27 an address is cut to its network, with a port or without") {
  CHECK(truncated("192.0.2.77") == "192.0.2.0/24");
  CHECK(truncated("192.0.2.77:5280") == "192.0.2.0/24");
  CHECK(truncated("2001:db8:1:2:3:4:5:6") == "2001:db8:1::/48");
  CHECK(truncated("[2001:db8:1:2::5]:443") == "2001:db8:1::/48");
  CHECK(truncated("::ffff:192.0.2.77") == "192.0.2.0/24");
  CHECK(truncated("::1") == "::/48");
  CHECK(truncated("unix") == "unix");
  CHECK(truncated("") == "");
  for (const char* other : {"client.example", "192.0.2", "192.0.2.77.1", "[", "[]", ":", "fe80::1%eth0", "1.2.3.4 "}) {
    CHECK_MESSAGE(truncated(other) == "-", other);
  }
  CHECK(shown_address("192.0.2.77", Addresses::None) == "-");
  CHECK(shown_address("unix", Addresses::None) == "unix");
  CHECK(shown_address("192.0.2.77:1", Addresses::Full) == "192.0.2.77:1");
}

TEST_CASE("O-26 O-27 lines name the generation, and of clients what may be seen") {
  nxb::testing::CapturedLog captured;
  configure(Level::Info, Format::Text, "worker 3");
  name_generation(2);
  show_addresses("truncated");
  info("test.cut", {{"client", "192.0.2.77"}, {"peer", "[2001:db8:1:2::5]:443"}, {"target", "192.0.2.99:5222"}});
  show_addresses("none");
  info("test.none", {{"client", "192.0.2.77"}});
  show_addresses("full");
  info("test.full", {{"client", "192.0.2.77"}});
  name_generation(0);
  configure(Level::Info, Format::Text, "");
  const std::string text = captured.text();
  CHECK(contains(
      text,
      "event=test.cut proc=\"worker 3\" gen=2 client=192.0.2.0/24 peer=2001:db8:1::/48 target=192.0.2.99:5222\n"));
  CHECK(contains(text, "event=test.none proc=\"worker 3\" gen=2 client=-\n"));
  CHECK(contains(text, "event=test.full proc=\"worker 3\" gen=2 client=192.0.2.77\n"));
}

TEST_CASE("O-27 of equal lines in a row ten are shown, and the next one says how many more there were") {
  Repeats repeats;
  Instant now{1'000'000ms};
  int shown = 0;
  for (int i = 0; i < 50; ++i) shown += repeats.on(Level::Warn, "e", {{"n", 1}}, now).shown ? 1 : 0;
  CHECK(shown == 10);
  auto next = repeats.on(Level::Warn, "e", {{"n", 2}}, now);
  CHECK(next.shown);
  CHECK(next.before.times == 40);
  CHECK(next.before.event == "e");
  CHECK(next.before.level == Level::Warn);
  CHECK(repeats.on(Level::Info, "e", {{"n", 2}}, now).before.times == 0);  // another level, nothing untold
  CHECK(repeats.on(Level::Info, "f", {{"n", 2}}, now).shown);
  CHECK(repeats.take().times == 0);
  CHECK(repeats.on(Level::Info, "f", {{"n", 2}}, now).shown);
}

TEST_CASE("O-27 who is flooded by one line hears of it once a minute") {
  Repeats repeats;
  Instant now{1'000'000ms};
  for (int i = 0; i < 20; ++i) repeats.on(Level::Info, "e", {}, now);
  CHECK_FALSE(repeats.on(Level::Info, "e", {}, now + 59s).shown);
  auto later = repeats.on(Level::Info, "e", {}, now + 60s);
  CHECK(later.shown);
  CHECK(later.before.times == 11);
}

TEST_CASE("O-27 the log itself says how often a line was repeated") {
  nxb::testing::CapturedLog captured;
  configure(Level::Info, Format::Text, "");
  for (int i = 0; i < 14; ++i) warn("test.again", {{"n", 1}});
  info("test.other");
  const std::string text = captured.text();
  CHECK(contains(text, " warn event=log.repeated of=test.again times=4\n"));
  std::size_t lines = 0;
  for (auto at = text.find("event=test.again"); at != std::string::npos; at = text.find("event=test.again", at + 1))
    ++lines;
  CHECK(lines == 10);
}

TEST_CASE("O-26 lines that are owed are written each, however many, and take no other line's place") {
  nxb::testing::CapturedLog captured;
  configure(Level::Info, Format::Text, "");
  for (int i = 0; i < 200; ++i) owed("test.owed", {{"n", i}});
  info("test.owed", {{"n", "other"}});
  configure(Level::Warn, Format::Text, "");
  owed("test.below");
  configure(Level::Info, Format::Text, "");
  const std::string text = captured.text();
  CHECK(contains(text, " info event=test.owed n=0\n"));
  CHECK(contains(text, " info event=test.owed n=199\n"));
  CHECK(contains(text, " info event=test.owed n=other\n"));
  CHECK_FALSE(contains(text, "log.suppressed"));
  CHECK_FALSE(contains(text, "test.below"));
}

TEST_CASE("C-16 a value that its writer has cut is not cut again") {
  nxb::testing::CapturedLog captured;
  configure(Level::Trace, Format::Text, "");
  trace("test.xml", {Field::uncut("xml", std::string(1000, 'x'))});
  configure(Level::Info, Format::Text, "");
  trace("test.hidden", {{"n", 1}});
  CHECK(contains(captured.text(), " trace event=test.xml xml=\"" + std::string(1000, 'x') + "\"\n"));
  CHECK_FALSE(contains(captured.text(), "test.hidden"));
}

TEST_CASE("O-26 a log file takes the place of stderr, and after it was renamed a new one is made") {
  Folder folder;
  nxb::testing::CapturedLog captured;  // gives stderr back
  configure(Level::Info, Format::Text, "");
  REQUIRE(static_cast<bool>(write_to_file(folder.path + "/log", Standard::Error)));
  info("test.first");
  REQUIRE(rename((folder.path + "/log").c_str(), (folder.path + "/log.1").c_str()) == 0);
  info("test.second");
  reopen_file(folder.path + "/log", Standard::Error);
  info("test.third");
  CHECK(contains(folder.text("/log.1"), "test.first"));
  CHECK(contains(folder.text("/log.1"), "test.second"));
  CHECK_FALSE(contains(folder.text("/log.1"), "test.third"));
  CHECK(contains(folder.text("/log"), "event=log.reopened file=" + folder.path + "/log\n"));
  CHECK(contains(folder.text("/log"), "test.third"));
  struct stat about {};
  REQUIRE(stat((folder.path + "/log").c_str(), &about) == 0);
  CHECK((about.st_mode & 0007) == 0);
}

TEST_CASE("O-26 what cannot be a log file is refused, and the old log goes on") {
  nxb::testing::CapturedLog captured;
  configure(Level::Info, Format::Text, "");
  for (const char* path : {"/nowhere/log", "/tmp", "/dev/null"}) {
    CHECK_FALSE(static_cast<bool>(write_to_file(path, Standard::Error)));
  }
  reopen_file("/nowhere/log", Standard::Error);
  reopen_file("", Standard::Error);
  CHECK(contains(captured.text(), " error event=log.reopen_failed why=\"/nowhere/log: No such file or directory\"\n"));
}

}  // namespace
}  // namespace nxb::log
