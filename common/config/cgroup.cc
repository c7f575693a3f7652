// common/config/cgroup.cc - see cgroup.h.
// SPDX-License-Identifier: MIT
#include "common/config/cgroup.h"

#include <algorithm>
#include <sstream>

namespace nxb::config {
namespace {

const std::string kRoot = "/sys/fs/cgroup";

// Of a line of /proc/self/cgroup, "4:cpu,cpuacct:/path" or "0::/path": the path, if it is for this controller; "" is
// version 2's.
std::optional<std::string> path_in(const std::string& line, const std::string& controller) {
  auto first = line.find(':');
  auto second = line.find(':', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
  bool ours = controller.empty() ? controllers == ",," : controllers.find("," + controller + ",") != std::string::npos;
  if (!ours) return std::nullopt;
  std::string path = line.substr(second + 1);
  return path == "/" ? "" : path;
}

std::optional<std::string> own_group(const std::string& groups, const std::string& controller) {
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    if (auto path = path_in(line, controller)) return path;
  }
  return std::nullopt;
}

std::optional<double> quotient(const std::string& quota_and_period) {
  std::istringstream words(quota_and_period);
  double quota = 0;
  double period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;  // "max 100000", "-1 100000"
  return quota / period;
}

std::optional<double> limit_of(const ReadFile& read, const std::string& folder, bool version2) {
  if (version2) return quotient(read(folder + "/cpu.max").value_or(""));
  return quotient(read(folder + "/cpu.cfs_quota_us").value_or("") + " " +
                  read(folder + "/cpu.cfs_period_us").value_or(""));
}

// In a container the path may be one of the machine outside, which is not seen: then the root is the own group.
std::optional<double> least(const ReadFile& read, const std::string& mount, std::string group, bool version2) {
  std::optional<double> found;
  for (;;) {
    auto limit = limit_of(read, mount + group, version2);
    if (limit) found = std::min(found.value_or(*limit), *limit);
    if (group.empty()) return found;
    group.erase(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

std::optional<std::uint32_t> cpus_paid_for(const ReadFile& read) {
  const std::string groups = read("/proc/self/cgroup").value_or("");
  std::optional<double> cpus;
  if (auto group = own_group(groups, "")) cpus = least(read, kRoot, *group, true);
  if (!cpus) {
    if (auto group = own_group(groups, "cpu")) cpus = least(read, kRoot + "/cpu", *group, false);
  }
  if (!cpus) return std::nullopt;
  return static_cast<std::uint32_t>(std::clamp(*cpus + 0.999, 1.0, 1e6));
}

}  // namespace nxb::config
