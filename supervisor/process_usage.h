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
  std::uint64_t pss_bytes =
      0;  // memory shared with other processes counted in equal parts; rss_bytes if the kernel does not tell
};
std::optional<Usage> usage_of(int pid);  // nothing when the process is gone

}  // namespace nxb::supervisor
