// tests/unit/common/config/cgroup_test.cc - CPU quotas, from the text of the kernel's files.
// SPDX-License-Identifier: MIT
#include "common/config/cgroup.h"

#include <doctest/doctest.h>

#include <map>

using nxb::config::cpus_paid_for;

namespace {

using Files = std::map<std::string, std::string>;

std::optional<std::uint32_t> cpus(const Files& files) {
  return cpus_paid_for([&files](const std::string& path) -> std::optional<std::string> {
    auto at = files.find(path);
    if (at == files.end()) return std::nullopt;
    return at->second;
  });
}

}  // namespace

TEST_CASE("O-04 version 2: the least quota of this group and those around it, rounded up") {
  Files files{{"/proc/self/cgroup", "0::/system.slice/nxb.service\n"}};
  CHECK(!cpus(files));
  files["/sys/fs/cgroup/system.slice/nxb.service/cpu.max"] = "max 100000\n";
  CHECK(!cpus(files));
  files["/sys/fs/cgroup/system.slice/cpu.max"] = "350000 100000\n";
  CHECK(cpus(files) == 4);
  files["/sys/fs/cgroup/system.slice/nxb.service/cpu.max"] = "150000 100000\n";
  CHECK(cpus(files) == 2);
  files["/sys/fs/cgroup/system.slice/nxb.service/cpu.max"] = "5000 100000\n";
  CHECK(cpus(files) == 1);
}

TEST_CASE("O-04 a container sees its own group as the root, or the path of a group outside") {
  CHECK(cpus({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2);
  CHECK(cpus({{"/proc/self/cgroup", "0::/docker/0123\n"}, {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2);
}

TEST_CASE("O-04 version 1: cfs quota and period of the cpu controller") {
  Files files{{"/proc/self/cgroup", "12:cpuset:/other\n4:cpu,cpuacct:/nxb\n0::/init\n"},
              {"/sys/fs/cgroup/cpu/nxb/cpu.cfs_quota_us", "-1\n"},
              {"/sys/fs/cgroup/cpu/nxb/cpu.cfs_period_us", "100000\n"}};
  CHECK(!cpus(files));
  files["/sys/fs/cgroup/cpu/nxb/cpu.cfs_quota_us"] = "250000\n";
  CHECK(cpus(files) == 3);
}

TEST_CASE("O-04 files that say nothing sensible are no limit") {
  CHECK(!cpus({}));
  CHECK(!cpus({{"/proc/self/cgroup", "nonsense\n:\n"}}));
  CHECK(!cpus({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "0 0\n"}}));
  CHECK(!cpus({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "many\n"}}));
}
