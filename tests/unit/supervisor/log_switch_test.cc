// tests/unit/supervisor/log_switch_test.cc - another level of the log, for a while.
// SPDX-License-Identifier: MIT
#include "supervisor/log_switch.h"

#include <doctest/doctest.h>

#include <vector>

#include "common/log/log.h"

using namespace nxb;
using namespace nxb::supervisor;

namespace {

struct Rig {
  std::string order(const std::string& members) {
    auto request = admin::parse_request(R"({"command":"log",)" + members + '}');
    REQUIRE(static_cast<bool>(request));
    return log_switch.carry_out(*request);
  }
  std::vector<std::string> told;
  uv::Loop loop;
  LogSwitch log_switch{loop, "WARN", [this](const std::string& level) { told.push_back(level); }};
};

}  // namespace

TEST_CASE("O-20 log level: at once in the supervisor and the workers; back by itself when the time is over") {
  Rig rig;
  CHECK(rig.order(R"("what":"level","level":"debug","for":"1s")") ==
        "{\"ok\":true,\"level\":\"DEBUG\",\"for_seconds\":1}\n");
  CHECK(rig.told == std::vector<std::string>{"DEBUG"});
  CHECK(log::enabled(log::Level::Debug));
  while (rig.told.size() < 2) uv_run(rig.loop.raw(), UV_RUN_ONCE);  // its timer
  CHECK(rig.told.back() == "WARN");
  CHECK_FALSE(log::enabled(log::Level::Info));
  CHECK(log::enabled(log::Level::Warn));
  log::set_level(log::Level::Info);
}

TEST_CASE("O-20 log level: without a time it stays, and a return that was due is not carried out") {
  Rig rig;
  rig.order(R"("what":"level","level":"ERROR","for":"2h")");
  CHECK(rig.order(R"("what":"level","level":"INFO")") == "{\"ok\":true,\"level\":\"INFO\",\"for_seconds\":null}\n");
  CHECK(uv_loop_alive(rig.loop.raw()) == 0);  // nothing is awaited
  CHECK(log::enabled(log::Level::Info));
}

TEST_CASE("O-20 O-33 log level: a reload does not end an order, and is what its time leads back to") {
  Rig rig;
  rig.order(R"("what":"level","level":"DEBUG","for":"1s")");
  log::set_level(log::Level::Error);  // as a reload has done
  rig.log_switch.reconfigure("ERROR");
  CHECK(rig.told == std::vector<std::string>{"DEBUG", "DEBUG"});
  CHECK(log::enabled(log::Level::Debug));
  while (rig.told.size() < 3) uv_run(rig.loop.raw(), UV_RUN_ONCE);  // its timer
  CHECK(rig.told.back() == "ERROR");
  CHECK_FALSE(log::enabled(log::Level::Warn));
  rig.log_switch.reconfigure("WARN");  // nothing is ordered any more
  CHECK(rig.told.back() == "WARN");
  CHECK(log::enabled(log::Level::Warn));

  rig.order(R"("what":"level","level":"INFO")");
  rig.log_switch.reconfigure("ERROR");
  CHECK(rig.told.back() == "INFO");
  CHECK(log::enabled(log::Level::Info));
  log::set_level(log::Level::Info);
}

TEST_CASE("O-20 log level: what is not understood changes nothing and says what would be") {
  Rig rig;
  CHECK(rig.order(R"("what":"level","level":"LOUD")").find("level is one of ALL") != std::string::npos);
  CHECK(rig.order(R"("what":"file","level":"INFO")").find("what can be set is: level") != std::string::npos);
  CHECK(rig.order(R"("what":"level","level":"INFO","for":"soon")").find("for is a time like 90s") != std::string::npos);
  CHECK(rig.told.empty());
}

TEST_CASE("O-20 log level: times") {
  CHECK(parse_while("90") == Duration(90'000));
  CHECK(parse_while("90s") == Duration(90'000));
  CHECK(parse_while("10m") == Duration(600'000));
  CHECK(parse_while("168h") == Duration(7 * 86'400'000));
  for (const char* bad : {"", "0", "-1m", "169h", "10d", "m", "99999999999999999999h", "1 m"})
    CHECK_FALSE(parse_while(bad));
}
