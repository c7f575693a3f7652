// tests/unit/supervisor/watch_test.cc - what `nxbctl stats --watch` draws.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/watch.h"

#include <doctest/doctest.h>

using namespace nxb;
using namespace nxb::ctl;

namespace {

std::string answer(int sessions, int requests, int bytes) {
  auto counters = [](int s, int r, int b) {
    return R"({"sessions":)" + std::to_string(s) + R"(,"requests":)" + std::to_string(r) + R"(,"bytes_to_clients":)" +
           std::to_string(b) + R"(,"errors":0})";
  };
  return R"({"ok":true,"workers":[{"index":0,"counters":)" + counters(sessions, 1, 0) + R"(},{"index":1,"counters":)" +
         counters(0, requests - 1, bytes) + R"(}],"total":)" + counters(sessions, requests, bytes) +
         R"(,"gauges":["sessions"]})";
}

constexpr Room kWide{200, 100};

}  // namespace

TEST_CASE("O-15 stats --watch: rates beside totals, none of what may go down, none the first time") {
  auto text = rates(answer(4, 130, 4096), answer(9, 100, 0), Duration(2000), kWide);
  REQUIRE(static_cast<bool>(text));
  CHECK(*text ==
        "counter             total       rate  worker 0  worker 1\n"
        "sessions                4                    4         0\n"
        "requests              130     15.0/s         1       129\n"
        "bytes_to_clients  4.0 KiB  2.0 KiB/s       0 B   4.0 KiB\n"
        "errors                  0      0.0/s         0         0\n");
  CHECK(rates(answer(4, 130, 4096), "", Duration(0), kWide)->find("/s") == std::string::npos);
  CHECK(rates(answer(4, 10, 0), answer(4, 100, 0), Duration(1000), kWide)->find("-") ==
        std::string::npos);  // restarted
}

TEST_CASE("O-15 stats --watch: workers that do not fit the width are left out, counters of 0 the height") {
  CHECK(rates(answer(4, 130, 0), "", Duration(0), {45, 100})->find("worker 1") == std::string::npos);
  CHECK(rates(answer(4, 130, 0), "", Duration(0), {45, 100})->find("worker 0") != std::string::npos);
  CHECK(rates(answer(4, 130, 0), "", Duration(0), {1, 100})->starts_with("counter (+2 workers)  total  rate\n"));
  CHECK(*rates(answer(4, 130, 0), "", Duration(0), {30, 3}) ==
        "counter (+2 workers)  total  rate\nsessions                  4\nrequests                130\n");
  CHECK(*rates(answer(4, 130, 0), "", Duration(0), {30, 2}) ==
        "counter (+2 workers)  total  rate\nsessions                  4\n");
  CHECK_FALSE(rates("{}", "", Duration(0), kWide));
  CHECK_FALSE(rates("nothing", "", Duration(0), kWide));
}

TEST_CASE("O-15 stats --watch: how often") {
  CHECK(*parse_interval("") == Duration(2000));
  CHECK(*parse_interval("0.5") == Duration(500));
  for (const char* bad : {"0", "-1", "nan", "3601", "2s", "x"}) CHECK_FALSE(parse_interval(bad));
}
