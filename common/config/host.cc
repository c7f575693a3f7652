// common/config/host.cc - see host.h.
// SPDX-License-Identifier: MIT
#include "common/config/host.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "common/config/config.h"

namespace nxb::config {
namespace {

constexpr std::uint32_t kMostWorkers = 256;

std::uint32_t cpus_in_mask() {
  cpu_set_t mask;
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;  // more CPUs than the mask has bits: say how many
  return static_cast<std::uint32_t>(CPU_COUNT(&mask));
}

// cgroup v2, own group only: "200000 100000" is two CPUs' worth, "max 100000" no limit.
std::uint32_t cpus_in_quota() {
  std::string group, line;
  std::ifstream own("/proc/self/cgroup");
  while (std::getline(own, line)) {
    if (line.rfind("0::", 0) == 0) group = line.substr(3);
  }
  double quota = 0, period = 0;
  std::ifstream limit("/sys/fs/cgroup" + group + "/cpu.max");
  if (!(limit >> quota >> period) || quota <= 0 || period <= 0) return kMostWorkers;
  return static_cast<std::uint32_t>(std::min(quota / period + 0.999, double{kMostWorkers}));
}

}  // namespace

std::uint32_t usable_cpus() { return std::clamp(std::min(cpus_in_mask(), cpus_in_quota()), 1U, kMostWorkers); }

std::string host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return "";
  const std::string text(name);
  return text.substr(0, text.find('.'));
}

std::string default_admin_socket() {
  if (::geteuid() == 0 || ::access("/run/nxb", W_OK) == 0) return "/run/nxb/admin.sock";
  const char* own = std::getenv("XDG_RUNTIME_DIR");
  if (own && own[0] == '/') return std::string(own) + "/nxb.sock";
  return "/tmp/nxb-" + std::to_string(::geteuid()) + ".sock";
}

}  // namespace nxb::config
