// worker/gateway/context.h - what every part of the gateway works with. Made once, by Gateway.
// Runs in: worker.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/stats/stats.h"
#include "worker/gateway/journal.h"
#include "worker/gateway/ports.h"

namespace nxb::gateway {

struct Context {
  const config::Config& config;
  Ports& ports;
  stats::Counters& counters;
  std::function<Instant()> now;
  Journal& journal;
};

}  // namespace nxb::gateway
