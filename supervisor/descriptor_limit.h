// supervisor/descriptor_limit.h - as many sessions as there are descriptors for (O-10).
// Runs in: supervisor; workers inherit its limit.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "common/config/config.h"

namespace nxb::supervisor {

// A session has a client's connection and a server's. Beside them a worker has its listeners, the mailboxes of all
// workers, and a few of its own.
std::uint64_t descriptors_needed(const config::Config& config);

// The most sessions, at least one, that so many descriptors suffice for; no more than the configuration allows.
std::uint32_t sessions_within(std::uint64_t descriptors, const config::Config& config);

// Raises the soft limit to the hard one. If that is too low max_sessions is lowered, and that is said.
void fit_to_descriptors(config::Config& config);

}  // namespace nxb::supervisor
