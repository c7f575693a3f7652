// supervisor/admin/probe.h - what a worker found of a domain's servers, as the admin socket tells it (O-20).
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "supervisor/admin/explain.h"

namespace nxb::supervisor::admin {

// {"ok":true,"worker":N,"domain":"...","findings":[{"kind":"ok, warning or problem","what":"...","text":"..."}]}
std::string probe_line(const Findings& findings);

}  // namespace nxb::supervisor::admin
