// supervisor/process_usage.h - what the kernel says a worker uses (O-15).
// Runs in: supervisor. I/O: reads /proc/PID.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

namespace nxb::supervisor {

struct Usage {
  double cpu_seconds = 0;
  std::uint64_t rss_bytes = 0;
  // Memory shared with other processes counted in equal parts; nothing: the kernel does not tell us of that process.
  std::optional<std::uint64_t> pss_bytes{};
};
std::optional<Usage> usage_of(int pid);  // nothing when the process is gone

}  // namespace nxb::supervisor
