// supervisor/admin/inquiry.h - a command that workers answer: whom it is put to, in which words, and what comes of it.
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/ipc/questions.h"
#include "supervisor/admin/explain.h"
#include "supervisor/admin/request.h"

namespace nxb::supervisor::admin {

struct Inquiry {
  std::string sid;  // a whole one: its owner is asked; else all workers
  ipc::Query what;
  std::string argument;
  std::function<std::string(const Findings&)> conclude;  // the answer, a line
  bool of_anyone = false;                                // any one worker that serves is asked
  std::optional<Duration> patience = std::nullopt;       // of what takes time
};

Result<Inquiry> inquiry_of(const Request& request);

}  // namespace nxb::supervisor::admin
