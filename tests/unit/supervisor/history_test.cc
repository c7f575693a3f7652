// tests/unit/supervisor/history_test.cc - the points of the charts.
// SPDX-License-Identifier: MIT
#include "supervisor/history.h"

#include <doctest/doctest.h>

#include "common/ipc/figures.h"

using namespace nxb;
using namespace nxb::supervisor;
using namespace std::chrono_literals;
using stats::Counter;

namespace {

struct Rig {
  Instant now{};
  History history{now};
  stats::Cells cells{};
  std::uint64_t& at(Counter counter) { return cells[static_cast<std::size_t>(counter)]; }
  void pass(Duration time) {
    now += time;
    history.add(cells, now);
  }
  std::vector<std::optional<double>> of(std::string_view name) const {
    for (auto& series : history.series()) {
      if (series.name == name) return series.points;
    }
    return {};
  }
};
using Points = std::vector<std::optional<double>>;

}  // namespace

TEST_CASE("O-21 gauges are shown as they are, sums as rates over the time that really passed") {
  Rig rig;
  rig.at(Counter::sessions) = 7;
  rig.at(Counter::requests) = 50;
  rig.pass(5s);
  rig.at(Counter::sessions) = 3;
  rig.at(Counter::requests) = 70;
  rig.pass(10s);
  CHECK(rig.of("sessions") == Points{7.0, 3.0});
  CHECK(rig.of("requests") == Points{10.0, 2.0});
  rig.pass(0s);
  CHECK(rig.history.size() == 2);
}

TEST_CASE("O-21 the history is a quarter of an hour long, and no longer") {
  Rig rig;
  for (std::size_t i = 0; i < History::kPoints + 5; ++i) {
    rig.at(Counter::sessions) = i;
    rig.pass(History::kEvery);
  }
  auto points = rig.of("sessions");
  REQUIRE(points.size() == History::kPoints);
  CHECK(points.front() == 5.0);
  CHECK(History::kEvery * static_cast<Duration::rep>(History::kPoints) == 15min);
}

TEST_CASE("O-21 latency is of what was delivered since the last point; nothing when nothing was") {
  Rig rig;
  const std::size_t first = stats::first_of(stats::Histogram::delivery);
  rig.cells[first + stats::bucket_of(4ms)] = 100;
  rig.pass(5s);
  rig.pass(5s);
  rig.cells[first + stats::bucket_of(400ms)] = 10;
  rig.pass(5s);
  auto median = rig.of("delivery_p50_ms");
  REQUIRE(median.size() == 3);
  CHECK(*median[0] == doctest::Approx(3.5));  // half way between 2 and 5
  CHECK_FALSE(median[1]);
  CHECK(*median[2] == doctest::Approx(375));
}

TEST_CASE("O-20 what was counted lately is of the last quarter of an hour, from its first moment on") {
  Rig rig;
  auto failed = [&] {
    for (const auto& [name, value] : rig.history.lately(rig.cells, rig.now).counted) {
      if (name == "streams_failed") return value;
    }
    return std::uint64_t{99};
  };
  rig.at(Counter::streams_failed) = 3;
  CHECK(failed() == 3);
  for (std::size_t i = 0; i + 1 < History::kPoints; ++i) rig.pass(History::kEvery);
  CHECK(failed() == 3);
  CHECK(rig.history.lately(rig.cells, rig.now).over == 15min - History::kEvery);
  rig.pass(History::kEvery);
  rig.at(Counter::streams_failed) = 4;
  CHECK(failed() == 1);
}

TEST_CASE("O-21 what is above every bound counts as the highest") {
  stats::Buckets buckets{};
  CHECK_FALSE(stats::quantile_ms(buckets, 0.5));
  buckets.back() = 3;
  CHECK(*stats::quantile_ms(buckets, 0.95) == doctest::Approx(60'000));
}

TEST_CASE("O-21 figures come to a worker as they left; what is none is refused") {
  ipc::Figures sent;
  sent.state = "running";
  sent.reload_success = false;
  sent.workers.push_back({1, 77, "ready", 5'000, 2, "signal 9 \"Killed\" \xff", 1.5, 0.25, 4'096});
  sent.history.push_back({"sessions", {1.0, std::nullopt}});
  auto got = ipc::decode_figures(ipc::encode(sent));
  REQUIRE(static_cast<bool>(got));
  CHECK(got->state == "running");
  CHECK_FALSE(got->reload_success);
  REQUIRE(got->workers.size() == 1);
  CHECK(got->workers[0].restarts == 2);
  CHECK(got->workers[0].cpu_share == doctest::Approx(0.25));
  CHECK(ipc::encode(sent).find("\"sessions\":[1.0,null]") != std::string::npos);
  for (const char* wrong : {"", "[]", "{}", "{\"state\":1,\"reload_success\":true,\"workers\":[]}",
                            "{\"state\":\"\",\"reload_success\":true,\"workers\":[{}]}"}) {
    CHECK_FALSE(static_cast<bool>(ipc::decode_figures(wrong)));
  }
}
