// worker/gateway/explain.h - a session in the words of `nxbctl explain` (O-18), as one JSON object.
// Runs in: worker. I/O: none. Times of day are for people; the supervisor adds which worker says so.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "common/log/log.h"
#include "worker/gateway/context.h"
#include "worker/gateway/links.h"
#include "worker/gateway/record.h"
#include "worker/gateway/tombstones.h"

namespace nxb::gateway {

// `own`: what only its kind of session has.
std::string explain_alive(const Record& record, const Held& held, const Context& context,
                          const std::vector<log::Field>& own);
std::string explain_ended(const Tombstone& stone, Instant now);
std::string explain_unknown(Tombstones& ended, Instant now);

}  // namespace nxb::gateway
