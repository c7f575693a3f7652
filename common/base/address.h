// common/base/address.h - socket addresses: "127.0.0.1:5280", "[::1]:5280", "unix:/run/nxb/http.sock".
// Runs in: every process. I/O: none (never resolves a name).
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb {

class Address {
 public:
  static Result<Address> parse(std::string_view text);  // address:port or unix:path, no host names
  static Result<Address> from_ip(std::string_view ip, std::uint16_t port);
  static Result<Address> peer_of(int fd);
  static Address from_sockaddr(const sockaddr* address, socklen_t size);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  std::uint16_t port() const;   // 0 for a unix socket
  std::string text() const;     // as parse() takes it; "unix:" for an unnamed unix peer
  std::string ip_text() const;  // without the port; "unix" for a unix socket
  // Loopback, link-local, private, ULA, multicast, unspecified, 0/8, what else is special (RFC 6890), and the forms of
  // IPv6 that carry such an IPv4 address: mapped, compatible, NAT64, 6to4 (U-16).
  bool is_private() const;
  bool is_loopback() const;  // unix sockets count as loopback

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// "host:port" or "[v6]:port" split without resolving; the host may be a name.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_host_port(std::string_view text);

}  // namespace nxb
