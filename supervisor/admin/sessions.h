// supervisor/admin/sessions.h - the rows of all workers as one list (O-16).
// Runs in: supervisor. I/O: none. Each worker tells its first rows of those that match; here are the first of all.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "common/ipc/session_query.h"
#include "supervisor/admin/explain.h"

namespace nxb::supervisor::admin {

// {"ok":true,"matching":N,"sessions":[...],"stuck":[workers that do not answer]}
std::string sessions_line(const ipc::SessionQuery& query, const Findings& findings);

}  // namespace nxb::supervisor::admin
