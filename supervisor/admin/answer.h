// supervisor/admin/answer.h - what the supervisor knows by itself, as one JSON line.
// Runs in: supervisor. I/O: none; what it tells comes in as a Snapshot.
// {"ok":true,...} or {"ok":false,"error":"..."}. Keys are stable (O-14).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "supervisor/admin/reload.h"
#include "supervisor/admin/request.h"
#include "supervisor/process_usage.h"

namespace nxb::supervisor::admin {

struct WorkerRow {
  std::uint32_t index = 0;
  int pid = 0;  // 0: no process now
  std::uint32_t generation = 0;
  std::string state;
  Duration uptime{0};
  std::uint64_t restarts = 0;
  std::string last_exit;
  stats::Values counters{};
};

struct Snapshot {
  int pid = 0;
  Duration uptime{0};
  std::string state;  // starting, running, stopping
  std::string config_path;
  std::vector<std::string> warnings;  // of the configuration
  std::string log_file;               // "": stderr
  std::vector<std::string> listen;
  std::vector<WorkerRow> workers;
  stats::Values total{};
  Duration lately_over{0};  // for shares: a quarter of an hour, or since the start
  std::vector<std::pair<std::string_view, std::uint64_t>> lately;  // what some counters counted in that time
  std::optional<ReloadReport> last_reload;
};

struct Source {
  std::function<Snapshot()> snapshot;
  std::function<std::optional<Usage>(int pid)> usage;
};

// All of them end with a newline.
std::string answer(Command snapshot, const Source& source);  // one of NXB_ADMIN_SNAPSHOTS
std::string refusal(std::string_view why);

}  // namespace nxb::supervisor::admin
