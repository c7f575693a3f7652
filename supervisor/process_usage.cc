// supervisor/process_usage.cc - /proc/PID/stat and /proc/PID/smaps_rollup.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace nxb::supervisor {
namespace {

// Fields 14, 15 and 24 of proc(5) stat: clock ticks, and pages; the name in field 2 may hold spaces and brackets.
std::optional<Usage> usage_in_stat(const std::string& folder) {
  std::ifstream file(folder + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  double user = 0;
  double system = 0;
  if (!(rest >> user >> system)) return std::nullopt;
  for (int field = 16; field < 24; ++field) rest >> skipped;
  std::uint64_t pages = 0;
  rest >> pages;
  const std::uint64_t resident = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return Usage{(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK)), resident, {}};
}

}  // namespace

std::optional<Usage> usage_of(int pid) {
  if (pid <= 0) return std::nullopt;
  std::string folder = "/proc/" + std::to_string(pid);
  auto found = usage_in_stat(folder);
  if (!found) return std::nullopt;
  Usage usage = *found;  // a worker of another user does not let us see more
  std::ifstream rollup(folder + "/smaps_rollup");
  std::string line;
  while (std::getline(rollup, line)) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kib = 0;
    if (!(words >> key >> kib)) continue;
    if (key == "Rss:") usage.rss_bytes = kib * 1024;
    if (key == "Pss:") usage.pss_bytes = kib * 1024;
  }
  return usage;
}

}  // namespace nxb::supervisor
