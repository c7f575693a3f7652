// worker/edge/context.h - what a worker's edge works with, and what its connections share.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/ids.h"
#include "common/config/config.h"
#include "common/ipc/sid_route.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "worker/edge/client_address.h"
#include "worker/edge/failure_limit.h"
#include "worker/edge/pages.h"
#include "worker/edge/requests.h"
#include "worker/http/reply.h"
#include "worker/relay/mailroom.h"

namespace nxb::edge {

// Everything referred to outlives the Edge.
struct Context {
  uv::Loop& loop;
  const config::Config& config;
  Requests& requests;
  relay::Mailroom& mailroom;
  xml::Pool& pool;
  const ipc::SidRoute& route;
  std::uint32_t index;  // this worker's number
  uv::Deadlines& deadlines;
  stats::Counters& counters;
  const stats::Segment& stats;  // all workers'
};

// Owned by the Edge; one for all connections.
struct Shared {
  Context context;
  http::Replies replies;
  Pages pages;
  std::vector<TrustedProxies> trusted;  // by listener
  uv::Deadlines::Family family;
  FailureLimit failures;  // of sysinfo passwords
  bool shutting_down = false;
  bool proxy_mentioned = false;        // an untrusted one, in the log
  std::function<void(ConnId)> closed;  // the connection is taken from the table and freed after this turn
};

}  // namespace nxb::edge
