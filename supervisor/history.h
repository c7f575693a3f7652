// supervisor/history.h - how nxb did in the last quarter of an hour: a ring of points for the charts of the monitor page,
// and what was counted in that time, for the shares that `nxbctl doctor` looks at.
// Runs in: supervisor. Pure: readings of the counters and the time come in. Owned by: Monitor.
// Bounded: kPoints of kSeries and kJudged numbers, 32 KB.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/ipc/figures.h"
#include "common/stats/stats.h"

namespace nxb::supervisor {

class History {
 public:
  static constexpr Duration kEvery{5'000};
  static constexpr std::size_t kPoints = 180;  // a quarter of an hour

  explicit History(Instant start) : last_at_(start) { readings_.push_back({start}); }
  void add(const stats::Cells& cells, Instant now);  // twice at one instant: the second is nothing
  std::size_t size() const { return points_.size(); }
  std::vector<ipc::Series> series() const;
  // What these counted in the time that the points are of, and since the last one.
  struct Lately {
    Duration over{0};
    std::vector<std::pair<std::string_view, std::uint64_t>> counted;
  };
  Lately lately(const stats::Cells& cells, Instant now) const;

 private:
  static constexpr std::array<std::string_view, 10> kSeries{
      "sessions",           "streams", "connections",    "requests",        "stanzas_from_clients",
      "stanzas_to_clients", "errors",  "streams_failed", "delivery_p50_ms", "delivery_p95_ms"};
  using Point = std::array<std::optional<double>, kSeries.size()>;

  using enum stats::Counter;
  static constexpr std::array kJudged{requests,           client_aborts,      dns_queries,           dns_failures,
                                      streams_requested,  streams_failed,     streams_failed_policy, streams_failed_dns,
                                      streams_failed_tcp, streams_failed_tls, streams_failed_stream};
  struct Reading {
    Instant at;
    std::array<std::uint64_t, kJudged.size()> counted{};  // since the start
  };

  stats::Cells last_{};  // counters begin at 0
  Instant last_at_;
  std::deque<Point> points_;      // oldest first
  std::deque<Reading> readings_;  // oldest first, never empty
};

}  // namespace nxb::supervisor
