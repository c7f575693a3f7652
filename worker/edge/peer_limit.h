// worker/edge/peer_limit.h - how many connections one peer may have at this worker (H-45).
// Runs in: worker. I/O: none. Owned by: edge::Edge.
// Peers on unix sockets and trusted proxies are not limited: many clients stand behind each. A connection that its PROXY
// header names nobody for is no proxy's.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/network.h"
#include "worker/edge/client_address.h"

namespace nxb::edge {

class PeerLimit {
 public:
  // Refused: it is told so, which takes up to two seconds. Those being told are bounded, too: beyond, it is Shut.
  enum class Verdict : std::uint8_t { Welcome, Refused, Shut };

  // `trusted` by listener, outliving this; `most` 0: no limit.
  PeerLimit(std::uint32_t most, const std::vector<TrustedProxies>& trusted) : most_(most), trusted_(trusted) {}
  void start_over(std::uint32_t most) {  // whoever is there is told of again
    most_ = most;
    connections_ = {};
  }
  Verdict judge(const std::string& peer, std::uint16_t listener) const;  // `peer` as Address::text
  void opened(const std::string& peer, std::uint16_t listener);
  void closed(const std::string& peer, std::uint16_t listener);

 private:
  std::optional<Network> counted(const std::string& peer, std::uint16_t listener) const;
  std::uint32_t most_;
  const std::vector<TrustedProxies>& trusted_;
  NetworkCounts connections_;
};

}  // namespace nxb::edge
