// worker/edge/proxy_greeting.h - connections of listeners with accept_proxy, until their PROXY header has come (O-30).
// Runs in: worker. Adapter. Owned by: edge::Edge. Afterwards they are connections like any other, from whom the header
// names. A header that names nobody (UNKNOWN, LOCAL) leaves the proxy as the one who asks, with port 0: it speaks for
// nobody then, neither by X-Forwarded-For nor before the limits (TrustedProxies::speaks_for_others).
//
// Only the listener's trusted_proxies are heard; anyone else could name whom he likes. A connection from elsewhere, a
// broken header, and none within head_timeout: it is closed, unanswered, for that is no HTTP yet.
// Whoever is waited for counts as a connection of this worker.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/ids.h"
#include "common/base/proxy_header.h"
#include "common/uv/stream.h"
#include "worker/edge/context.h"

namespace nxb::edge {

class ProxyGreetings final : private uv::DeadlineSink {
 public:
  struct Callbacks {
    std::function<void(relay::Handover)> heard;  // as if it were accepted now: `peer` is whom the header names
    std::function<void()> fewer;                 // one is no longer waited for
  };
  // `trusted` by listener, outliving this.
  ProxyGreetings(const Context& context, const std::vector<TrustedProxies>& trusted, Callbacks callbacks);
  ~ProxyGreetings();
  ProxyGreetings(const ProxyGreetings&) = delete;
  ProxyGreetings& operator=(const ProxyGreetings&) = delete;

  bool wanted_at(std::uint16_t listener) const;
  void take(Descriptor fd, std::uint16_t listener, const Address& peer);
  void shut_down();  // none of them has asked for anything
  std::size_t size() const { return waiting_.size(); }

 private:
  class Greeting;

  void done(ConnId id, const ProxyHeader& header, std::string_view bytes);
  void close(ConnId id, std::string_view why);  // "": not worth a line
  void refuse(const std::string& peer, std::string_view why) const;
  void remove(ConnId id);
  void on_deadline(std::uint64_t id, Instant now) override;

  const Context& context_;
  const std::vector<TrustedProxies>& trusted_;
  Callbacks callbacks_;
  uv::Deadlines::Family family_;
  IdTable<ConnId, Greeting> waiting_;
};

}  // namespace nxb::edge
