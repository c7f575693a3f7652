// supervisor/history.cc - see history.h.
// SPDX-License-Identifier: MIT
#include "supervisor/history.h"

#include <string>

namespace nxb::supervisor {

using stats::Counter;

namespace {

std::uint64_t of(const stats::Cells& cells, Counter counter) { return cells[static_cast<std::size_t>(counter)]; }

}  // namespace

void History::add(const stats::Cells& cells, Instant now) {
  if (now <= last_at_) return;
  const double seconds = static_cast<double>((now - last_at_).count()) / 1000;
  auto is = [&](Counter counter) { return static_cast<double>(of(cells, counter)); };
  auto rate = [&](Counter counter) { return static_cast<double>(of(cells, counter) - of(last_, counter)) / seconds; };
  stats::Buckets fresh{};
  const std::size_t first = stats::first_of(stats::Histogram::delivery);
  for (std::size_t i = 0; i < fresh.size(); ++i) fresh[i] = cells[first + i] - last_[first + i];
  points_.push_back({is(Counter::sessions), is(Counter::streams), is(Counter::connections), rate(Counter::requests),
                     rate(Counter::stanzas_from_clients), rate(Counter::stanzas_to_clients), rate(Counter::errors),
                     rate(Counter::streams_failed), stats::quantile_ms(fresh, 0.5), stats::quantile_ms(fresh, 0.95)});
  if (points_.size() > kPoints) points_.pop_front();
  Reading& reading = readings_.emplace_back(Reading{now});
  for (std::size_t i = 0; i < kJudged.size(); ++i) reading.counted[i] = of(cells, kJudged[i]);
  if (readings_.size() > kPoints) readings_.pop_front();
  last_ = cells;
  last_at_ = now;
}

History::Lately History::lately(const stats::Cells& cells, Instant now) const {
  const Reading& from = readings_.front();  // there is always one
  Lately lately{now - from.at, {}};
  for (std::size_t i = 0; i < kJudged.size(); ++i) {
    const auto& info = stats::kCounters[static_cast<std::size_t>(kJudged[i])];
    lately.counted.emplace_back(info.name, of(cells, kJudged[i]) - from.counted[i]);
  }
  return lately;
}

std::vector<ipc::Series> History::series() const {
  std::vector<ipc::Series> all;
  for (std::size_t i = 0; i < kSeries.size(); ++i) {
    ipc::Series& one = all.emplace_back();
    one.name = std::string(kSeries[i]);
    for (const Point& point : points_) one.points.push_back(point[i]);
  }
  return all;
}

}  // namespace nxb::supervisor
