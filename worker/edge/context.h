// worker/edge/context.h - what a worker's edge works with, and what its connections share.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/config/config.h"
#include "common/ipc/sid_route.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"
#include "worker/edge/balance.h"
#include "worker/edge/client_address.h"
#include "worker/edge/failure_limit.h"
#include "worker/edge/monitor_page.h"
#include "worker/edge/pages.h"
#include "worker/edge/requests.h"
#include "worker/edge/supervised.h"
#include "worker/http/parser.h"
#include "worker/http/reply.h"
#include "worker/relay/mailroom.h"
#include "worker/tls/server_context.h"

namespace nxb::edge {

// Everything referred to outlives the Edge.
struct Context {
  uv::Loop& loop;
  const config::Config& config;
  Requests& requests;
  Sockets& sockets;
  relay::Mailroom& mailroom;
  xml::Pool& pool;
  const ipc::SidRoute& route;
  std::uint32_t index;    // this worker's number
  std::uint32_t workers;  // how many there are
  uv::Deadlines& deadlines;
  stats::Counters& counters;
  const stats::Segment& stats;               // all workers'
  Supervised::Ask ask{};                     // the supervisor, for pages
  const tls::ServerContexts* tls = nullptr;  // of listeners that speak TLS; null: none does
};

// A connection that was HTTP and is a WebSocket now: its handshake is written.
struct Upgraded {
  std::unique_ptr<uv::Stream> stream;  // its sink is still the HttpConnection
  std::uint16_t listener = 0;
  std::string peer;
  gateway::Client client;
  std::string bytes;     // read behind the handshake (W-09)
  bool deflate = false;  // messages may be compressed (W-06)
};

// Owned by the Edge; one for all connections.
struct Shared {
  Context context;
  http::Replies replies;
  http::ParserPool parsers;
  Pages pages;
  MonitorPage monitor;
  Supervised supervised;
  std::vector<TrustedProxies> trusted;  // by listener
  uv::Deadlines::Family family;
  FailureLimit failures;  // of sysinfo passwords
  Balance balance;
  bool shutting_down = false;
  bool draining = false;         // no new sessions
  bool proxy_mentioned = false;  // an untrusted one, in the log
  // The connection is taken from the table and freed after this turn.
  std::function<void(ConnId)> closed;
  std::function<void(ConnId, Upgraded)> upgraded;
};

}  // namespace nxb::edge
