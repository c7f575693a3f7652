// common/config/cgroup.h - how many CPUs' time the control group of this process pays for (O-04).
// Runs in: supervisor. I/O: none; files come through `read`.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace nxb::config {

using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// The least that this group and those around it allow, rounded up; nothing: no limit. Version 2, else 1.
std::optional<std::uint32_t> cpus_paid_for(const ReadFile& read);

}  // namespace nxb::config
