// common/base/address_range.h - a set of peers: "192.0.2.1", "10.0.0.0/8", "2001:db8::/32", or "unix" for all of those.
// Runs in: every process. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/address.h"
#include "common/base/result.h"

namespace nxb {

class AddressRange {
 public:
  // The error's text goes on where `text` stands: "is not an address".
  static Result<AddressRange> parse(std::string_view text);
  bool contains(const Address& address) const;
  bool has_unix() const { return unix_; }  // every peer on a unix socket is in it, and nobody else

 private:
  AddressRange() = default;                 // only parse() makes one
  std::array<std::uint8_t, 16> network_{};  // IPv4 as ::ffff:a.b.c.d: one address is in a range however it is written
  std::uint32_t bits_ = 0;
  bool unix_ = false;
};

}  // namespace nxb
