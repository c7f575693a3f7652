// common/ipc/figures.h - what only the supervisor knows and pages show: the text of ipc::Told for the question "figures".
// Runs in: supervisor (encodes), worker (decodes what it needs; the history goes to the browser as it came).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace nxb::ipc {

inline constexpr std::string_view kFigures = "figures";

struct WorkerFigures {
  std::uint32_t index = 0;
  int pid = 0;        // 0: no process now
  std::string state;  // as in `nxbctl workers`
  std::int64_t uptime_ms = 0;
  std::uint64_t restarts = 0;
  std::string last_exit;
  double cpu_seconds = 0;          // of all processes that this worker had
  double cpu_share = 0;            // of one CPU, lately
  std::uint64_t memory_bytes = 0;  // 0: not known, or no process

  bool serves() const { return state == "ready" || state == "draining"; }     // the sessions that it has, at least
  bool cpu_is_known() const { return memory_bytes != 0 || cpu_seconds > 0; }  // of this one, or of those before
};

// One line of a chart; what was not there is nothing.
struct Series {
  std::string name;
  std::vector<std::optional<double>> points;  // oldest first
};

struct Figures {
  std::string state;           // of nxb: starting, running, draining, stopping
  bool reload_success = true;  // nothing was reloaded, or the last reload took effect
  std::vector<WorkerFigures> workers;
  std::int64_t every_ms = 0;  // between two points
  std::vector<Series> history;
};

std::string encode(const Figures& figures);             // one JSON object
Result<Figures> decode_figures(std::string_view text);  // without the history
}  // namespace nxb::ipc
