// common/base/proxy_header.h - the PROXY protocol: who a connection is from, said in front of its bytes (O-30).
// Runs in: worker. I/O: none. Versions 1 (a line of text) and 2 (binary) both ways.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/address.h"
#include "common/base/result.h"

namespace nxb {

enum class ProxyVersion : std::uint8_t { V1, V2 };

// A source that is no IP address is "not known" (UNKNOWN, LOCAL). Of two families the IPv4 one is said as
// ::ffff:a.b.c.d; a destination that is none (a unix socket) as the unspecified address: who asks is what matters.
std::string write_proxy_header(ProxyVersion version, const std::optional<Address>& source,
                               const std::optional<Address>& destination);

struct ProxyHeader {
  std::optional<Address> source;  // nothing: UNKNOWN, LOCAL, or a family that is not TCP over IP
  std::size_t size;               // bytes of the header; what follows is the connection's own
};
inline constexpr std::size_t kMaxProxyHeader = 536;  // v2 with a bounded list of TLVs; v1 is at most 107

// Nothing: more bytes are needed. An error: these bytes do not begin with a header, or with a broken or longer one.
// Neither is ever taken back when more bytes come. TLVs are skipped, the one with a checksum as well.
Result<std::optional<ProxyHeader>> read_proxy_header(std::string_view bytes);

}  // namespace nxb
