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
#include "worker/gateway/recent.h"
#include "worker/gateway/record.h"

namespace nxb::gateway {

struct Context {
  const config::Config& config;
  Ports& ports;
  stats::Counters& counters;
  std::function<Instant()> now;
  Journal& journal;
  Recent& recent;

  // What always is to be remembered of a session, for a while.
  void note(ipc::EventType type, const Record& record, std::uint32_t stream = 0, std::uint64_t count = 0) const {
    recent.note(now(), type, record.name, stream, count);
  }
};

}  // namespace nxb::gateway
