// worker/gateway/cut_watch.h - tells the operator of a proxy that is less patient than nxb (O-31): `proxy.mismatch` in
// the log, once an hour for each kind of session, and the counter proxy_cut_age_seconds while it lasts.
// Runs in: worker. Owned by: gateway::Gateway.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "worker/gateway/context.h"
#include "worker/gateway/cut_histogram.h"
#include "worker/gateway/record.h"

namespace nxb::gateway {

class CutWatch {
 public:
  explicit CutWatch(const Context& context) : context_(context) {}

  // The client's side closed the connection of a request that waited so long for its answer, or of a WebSocket, without
  // a goodbye, on which neither side had said anything for so long. `client`: its address.
  void cut(Kind kind, Duration silent, std::string_view client);
  // To be called now and then, so that a mismatch that was mended is forgotten.
  void look();

 private:
  void show();
  const Context& context_;
  CutHistogram requests_, sockets_;
  std::uint64_t shown_ = 0;  // seconds
};

}  // namespace nxb::gateway
