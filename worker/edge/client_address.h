// worker/edge/client_address.h - whose request is it, and did it come by https: what the peer is, or what a proxy that
// we trust says of it (H-47). Runs in: worker. I/O: none.
//
// X-Forwarded-For says it; Forwarded (RFC 7239) is read only where there is none, and X-Forwarded-Proto likewise before
// Forwarded's proto; where neither says it, it is what the connection is. A proxy writes one kind and often passes on what the client wrote in the other: a proxy that writes
// Forwarded has to remove the X- fields.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address_range.h"
#include "worker/gateway/ports.h"
#include "worker/http/request.h"

namespace nxb::edge {

// Who the connection is from: the other end of the socket, or whom its PROXY header names.
struct Peer {
  std::string_view ip;     // as Address::ip_text gives it
  std::uint16_t port = 0;  // 0: not known; with accept_proxy: nobody was named (ProxyGreetings)
  bool secure = false;     // it speaks TLS with us
};

// What Address::text says of a peer, apart: the address as Address::ip_text gives it.
struct AddressAndPort {
  std::string ip;
  std::uint16_t port = 0;
};
AddressAndPort address_and_port(std::string_view peer);

// The trusted_proxies of one listener: each as AddressRange::parse takes it.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  // Rules were checked at load; a wrong one matches nothing. `accept_proxy` as the listener has it.
  explicit TrustedProxies(const std::vector<std::string>& rules, bool accept_proxy = false);
  bool contains(std::string_view ip) const;  // "unix", or an address without port
  // Whether it speaks for others. Not where the PROXY header named nobody: what a balancer passes on that only passes
  // bytes on, its clients wrote.
  bool speaks_for_others(const Peer& peer) const;

 private:
  std::vector<AddressRange> ranges_;
  bool accept_proxy_ = false;
};

// With a trusted peer: the right-most address that is not itself a trusted
// proxy; what is no address ends the walk. The scheme is that of the same hop; where fewer schemes than addresses are
// said, the left-most is the client's. The port is what stands beside the address; most proxies say none.
gateway::Client client_of(const TrustedProxies& trusted, const Peer& peer, const http::Request& request);

}  // namespace nxb::edge
