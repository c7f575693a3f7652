// worker/edge/client_address.cc - see client_address.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "common/base/address.h"

namespace nxb::edge {
namespace {

using Bytes16 = std::array<std::uint8_t, 16>;

struct Ip {
  Bytes16 bytes{};
  bool v4 = false;
};

std::optional<Ip> ip_of(std::string_view text) {
  auto address = Address::from_ip(text, 0);
  if (!address) return std::nullopt;
  Ip ip;
  if (address->family() == AF_INET) {
    auto* v4 = reinterpret_cast<const sockaddr_in*>(address->get());
    ip.v4 = true;
    ip.bytes[10] = ip.bytes[11] = 0xff;
    std::memcpy(&ip.bytes[12], &v4->sin_addr, 4);
  } else if (address->family() == AF_INET6) {
    std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address->get())->sin6_addr, 16);
  } else {
    return std::nullopt;
  }
  return ip;
}

bool same_prefix(const Bytes16& a, const Bytes16& b, std::uint32_t bits) {
  std::size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  if (bits % 8 == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xff00U >> (bits % 8));
  return (a[whole] & mask) == (b[whole] & mask);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// An item of X-Forwarded-For as proxies write it: an address, perhaps with a port, IPv6 perhaps in brackets.
std::string_view bare_ip(std::string_view item) {
  item = trimmed(item);
  if (item.starts_with('[')) {
    std::size_t end = item.find(']');
    return end == std::string_view::npos ? std::string_view() : item.substr(1, end - 1);
  }
  std::size_t colon = item.find(':');
  bool one_colon = colon != std::string_view::npos && item.find(':', colon + 1) == std::string_view::npos;
  return one_colon ? item.substr(0, colon) : item;
}

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<std::string>& rules) {
  for (std::string_view text : rules) {
    if (text == "unix" || text == "unix:") {
      unix_ = true;
      continue;
    }
    std::size_t slash = text.find('/');
    auto ip = ip_of(text.substr(0, slash));
    if (!ip) continue;
    std::uint32_t bits = ip->v4 ? 32 : 128;
    if (slash != std::string_view::npos) {
      std::string_view digits = text.substr(slash + 1);
      std::uint32_t given = 0;
      auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), given);
      if (bad != std::errc{} || end != digits.data() + digits.size() || given > bits) continue;
      bits = given;
    }
    rules_.push_back({ip->bytes, ip->v4 ? bits + 96 : bits});
  }
}

bool TrustedProxies::contains(std::string_view ip) const {
  if (ip == "unix") return unix_;
  auto parsed = ip_of(ip);
  if (!parsed) return false;
  for (const Rule& rule : rules_) {
    if (same_prefix(parsed->bytes, rule.network, rule.bits)) return true;
  }
  return false;
}

std::string client_address(const TrustedProxies& trusted, std::string_view peer_ip, std::string_view x_forwarded_for) {
  std::string found(peer_ip);
  std::string_view left = x_forwarded_for;
  // Each hop is believed by the one behind it only; `found` is the left-most address that a trusted hop vouches for.
  while (trusted.contains(found) && !left.empty()) {
    std::size_t comma = left.rfind(',');
    std::string_view item = comma == std::string_view::npos ? left : left.substr(comma + 1);
    left = comma == std::string_view::npos ? std::string_view() : left.substr(0, comma);
    std::string_view ip = bare_ip(item);
    if (!ip_of(ip)) break;
    found = ip;
  }
  return found;
}

}  // namespace nxb::edge
