// worker/gateway/cut_watch.cc - see cut_watch.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/cut_watch.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "common/base/address.h"
#include "common/base/network.h"
#include "common/log/log.h"

namespace nxb::gateway {

namespace {

std::int64_t seconds(Duration duration) { return std::chrono::duration_cast<std::chrono::seconds>(duration).count(); }

// Whose cuts are one client's. An address nearby may be a proxy's that is not trusted, or says of nobody for whom it
// asks: many stand behind it.
std::optional<Network> one_client(std::string_view client) {
  auto address = Address::from_ip(client, 0);
  if (!address || address->is_loopback() || address->is_private()) return std::nullopt;
  return Network::of(*address);
}

}  // namespace

void CutWatch::cut(Kind kind, Duration silent, std::string_view client) {
  const bool bosh = kind == Kind::Bosh;
  auto peak = (bosh ? requests_ : sockets_).cut(silent, context_.now(), one_client(client));
  show();
  if (!peak) return;
  log::warn("proxy.mismatch",
            {{"kind", name_of(kind)},
             {"age", seconds(peak->age)},
             {"cuts", peak->cuts},
             {"of", peak->of},
             {bosh ? "max_wait" : "ping_interval",
              seconds(bosh ? context_.config.bosh.max_wait : context_.config.websocket.ping_interval)},
             {"why", bosh ? "a proxy in front gives up on requests that wait for their answer: its time-out must be "
                            "above max_wait"
                          : "a proxy in front closes silent connections: its time-out must be above ping_interval"}});
}

void CutWatch::look() {
  if (shown_ != 0) show();
}

void CutWatch::show() {
  const Instant now = context_.now();
  const auto age = static_cast<std::uint64_t>(seconds(std::max(requests_.age(now), sockets_.age(now))));
  if (age == shown_) return;
  context_.counters.sub(stats::Counter::proxy_cut_age_seconds, shown_);
  context_.counters.add(stats::Counter::proxy_cut_age_seconds, age);
  shown_ = age;
}

}  // namespace nxb::gateway
