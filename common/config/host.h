// common/config/host.h - defaults that depend on the machine and on who we are.
// Runs in: supervisor, nxbctl (default_admin_socket, see config.h), worker (host_name). I/O: reads /proc and /sys/fs/cgroup, the
// environment.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace nxb::config {

// CPUs in the affinity mask, no more than the cgroup's quota pays for; 1 .. 256 (O-04).
std::uint32_t usable_cpus();

// As the kernel has it; "" if it has none.
std::string host_name();

// In the system's databases (O-11).
bool user_exists(const std::string& name);
bool group_exists(const std::string& name);

}  // namespace nxb::config
