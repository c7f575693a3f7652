// worker/edge/metrics.h - /metrics: the shared segment as OpenMetrics, or as the text format before it (O-23).
// Runs in: worker. I/O: none. Every figure but those of processes is of all workers since nxb started, whoever answers.
// No label names a session, a user or an address.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/ipc/figures.h"
#include "common/stats/stats.h"

namespace nxb::edge {

enum class MetricsFormat : std::uint8_t { Text, OpenMetrics };

constexpr std::string_view content_type_of(MetricsFormat format) {
  return format == MetricsFormat::Text ? "text/plain; version=0.0.4; charset=utf-8"
                                       : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

struct Readings {
  const stats::Segment& stats;
  std::uint32_t workers;
  Duration uptime;
  const ipc::Figures* figures;  // null: the supervisor did not say; its metrics are left out
};
std::string metrics(const Readings& readings, MetricsFormat format);

}  // namespace nxb::edge
