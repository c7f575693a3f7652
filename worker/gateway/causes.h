// worker/gateway/causes.h - why a session ended, as one of the few words that metrics and the monitor page tell apart.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include "common/stats/layout.h"
#include "worker/gateway/record.h"

namespace nxb::gateway {

stats::Cause cause_of(const Ending& ending);

}  // namespace nxb::gateway
