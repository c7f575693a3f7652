// common/base/address_range.cc - see address_range.h.
// SPDX-License-Identifier: MIT
#include "common/base/address_range.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace nxb {
namespace {

using Bytes16 = std::array<std::uint8_t, 16>;
constexpr std::uint32_t kMappedBits = 96;  // of ::ffff:0:0/96

Bytes16 bytes_of(const Address& ip) {
  Bytes16 bytes{};
  if (ip.family() == AF_INET) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(&bytes[12], &reinterpret_cast<const sockaddr_in*>(ip.get())->sin_addr, 4);
  } else {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(ip.get())->sin6_addr, bytes.size());
  }
  return bytes;
}

bool same_prefix(const Bytes16& a, const Bytes16& b, std::uint32_t bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> (bits % 8));
  return (a[whole] & mask) == (b[whole] & mask);
}

}  // namespace

Result<AddressRange> AddressRange::parse(std::string_view text) {
  AddressRange range;
  if (text == "unix") {
    range.unix_ = true;
    return range;
  }
  const std::size_t slash = text.find('/');
  auto address = Address::from_ip(text.substr(0, slash), 0);
  if (!address) return Error{Code::BadInput, "is not an address"};
  const bool is_v4 = address->family() == AF_INET;
  const std::uint32_t most = is_v4 ? 32 : 128;
  std::uint32_t bits = most;
  if (slash != std::string_view::npos) {
    std::string_view digits = text.substr(slash + 1);
    auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (bad != std::errc{} || end != digits.data() + digits.size() || bits > most) {
      return Error{Code::BadInput, "has a prefix length that no address has"};
    }
  }
  range.network_ = bytes_of(*address);
  range.bits_ = is_v4 ? kMappedBits + bits : bits;
  return range;
}

bool AddressRange::contains(const Address& address) const {
  if (address.family() != AF_INET && address.family() != AF_INET6) return unix_ && address.family() == AF_UNIX;
  return !unix_ && same_prefix(bytes_of(address), network_, bits_);
}

}  // namespace nxb
