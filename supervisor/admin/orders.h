// supervisor/admin/orders.h - drain, undrain, stop: commands that change something (O-17).
// Runs in: supervisor. I/O: none; it pulls levers, and says what came of it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "supervisor/admin/request.h"
#include "supervisor/questions.h"

namespace nxb::supervisor::admin {

struct Levers {
  Index workers = 1;
  std::function<std::uint64_t()> sessions;  // of all workers
  std::function<bool()> stopping;           // it cannot be taken back
  std::function<void(std::optional<Index>, bool on, std::optional<Duration> goodbye)> drain;
  std::function<void(std::optional<Duration> over)> stop;
  std::function<void(std::optional<Index>, Questions::Done)> hear;  // calls back when they have heard what was said
};

bool is_order(Command command);
// `done` is called once, with the line of the answer: of a stop before anything stops, else when workers have heard.
void carry_out(const Request& order, const Levers& levers, std::function<void(const std::string&)> done);

}  // namespace nxb::supervisor::admin
