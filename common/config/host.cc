// common/config/host.cc - see host.h.
// SPDX-License-Identifier: MIT
#include "common/config/host.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "common/config/cgroup.h"
#include "common/config/config.h"

namespace nxb::config {
namespace {

constexpr std::uint32_t kMostWorkers = 256;

std::uint32_t cpus_in_mask() {
  cpu_set_t mask;
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;  // more CPUs than the mask has bits: say how many
  return static_cast<std::uint32_t>(CPU_COUNT(&mask));
}

std::optional<std::string> read_small(const std::string& path) {
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return std::nullopt;
  return text;
}

}  // namespace

std::uint32_t usable_cpus() {
  return std::clamp(std::min(cpus_in_mask(), cpus_paid_for(read_small).value_or(kMostWorkers)), 1U, kMostWorkers);
}

bool user_exists(const std::string& name) { return ::getpwnam(name.c_str()) != nullptr; }

bool group_exists(const std::string& name) { return ::getgrnam(name.c_str()) != nullptr; }

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string default_admin_socket() {
  if (::geteuid() == 0 || ::access("/run/nxb", W_OK) == 0) return "/run/nxb/admin.sock";
  const char* own = std::getenv("XDG_RUNTIME_DIR");
  if (own && own[0] == '/') return std::string(own) + "/nxb.sock";
  return "/tmp/nxb-" + std::to_string(::geteuid()) + "/admin.sock";  // a folder: its owner can be checked
}

}  // namespace nxb::config
