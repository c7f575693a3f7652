// worker/gateway/explain.h - a session in the words of `nxbctl explain` and `session` (O-18, O-16), as one JSON object.
// Runs in: worker. I/O: none. Times of day are for people; the supervisor adds which worker says so.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "common/log/log.h"
#include "worker/bosh/session.h"
#include "worker/gateway/context.h"
#include "worker/gateway/links.h"
#include "worker/gateway/record.h"
#include "worker/gateway/tombstones.h"

namespace nxb::gateway {

// What client and session have promised each other, and where its requests stand.
void append_window(const bosh::Session& session, Instant now, std::vector<log::Field>& fields);
// `own`: what only its kind of session has.
std::string explain_alive(const Record& record, const Held& held, const Context& context,
                          const std::vector<log::Field>& own, Depth depth);
std::string explain_ended(const Tombstone& stone, const Context& context, Depth depth);
std::string explain_kicked(Kind kind, std::string_view name, bosh::Condition condition);
std::string explain_unknown(Tombstones& ended, Instant now);

}  // namespace nxb::gateway
