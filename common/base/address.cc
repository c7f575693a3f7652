// common/base/address.cc - socket addresses as text and back, and which of them lie inside.
// SPDX-License-Identifier: MIT
#include "common/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

namespace nxb {
namespace {

constexpr std::string_view kUnix = "unix:";

Error bad(std::string_view text, std::string_view why) {
  return Error{Code::BadInput, "\"" + std::string(text) + "\": " + std::string(why)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

struct Split {
  std::string_view host;
  std::string_view port;
  bool bracketed = false;
};
// "host:port" or "[host]:port"; a host with colons needs its brackets.
std::optional<Split> split(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    auto end = text.find(']');
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ':') return std::nullopt;
    return Split{text.substr(1, end - 1), text.substr(end + 2), true};
  }
  auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) return std::nullopt;
  return Split{text.substr(0, colon), text.substr(colon + 1), false};
}

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

V4 v4_of(const sockaddr_storage& storage) {
  V4 out{};
  std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, out.size());
  return out;
}

V6 v6_of(const sockaddr_storage& storage) {
  V6 out{};
  std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, out.size());
  return out;
}

template <std::size_t N>
bool starts_with(const V6& ip, const std::array<std::uint8_t, N>& prefix) {
  return std::equal(prefix.begin(), prefix.end(), ip.begin());
}

V4 v4_at(const V6& ip, std::size_t offset) { return {ip[offset], ip[offset + 1], ip[offset + 2], ip[offset + 3]}; }

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::array<std::uint8_t, 12> kCompatible{};
constexpr std::array<std::uint8_t, 12> kNat64{0, 0x64, 0xff, 0x9b};
constexpr std::array<std::uint8_t, 6> kLocalNat64{0, 0x64, 0xff, 0x9b, 0, 1};
constexpr std::array<std::uint8_t, 2> k6to4{0x20, 0x02};
constexpr std::array<std::uint8_t, 4> kTeredo{0x20, 0x01, 0, 0};
constexpr std::array<std::uint8_t, 8> kDiscard{1};

// What RFC 6890 calls not globally reachable, and multicast. The ranges for documentation are not among them: they lead
// nowhere, and so to nothing that had to be kept from a client.
bool is_private(const V4& ip) {
  return ip[0] == 0 || ip[0] == 10 || ip[0] == 127 || (ip[0] == 100 && (ip[1] & 0xc0) == 64) ||  // RFC 6598
         (ip[0] == 169 && ip[1] == 254) || (ip[0] == 172 && (ip[1] & 0xf0) == 16) || (ip[0] == 192 && ip[1] == 168) ||
         (ip[0] == 192 && ip[1] == 0 && ip[2] == 0) ||  // protocol assignments, such as DS-Lite
         (ip[0] == 198 && (ip[1] & 0xfe) == 18) ||      // benchmarks (RFC 2544)
         ip[0] >= 224;                                  // multicast, reserved, broadcast
}

bool is_private(const V6& ip) {
  // Forms that carry an IPv4 address lead where that address leads. ::1 and :: are among the "compatible" ones.
  if (starts_with(ip, kMapped) || starts_with(ip, kCompatible) || starts_with(ip, kNat64))
    return is_private(v4_at(ip, 12));
  if (starts_with(ip, k6to4)) return is_private(v4_at(ip, 2));
  // Whom a translator or tunnel of this network reaches is not to be known from here.
  if (starts_with(ip, kLocalNat64) || starts_with(ip, kTeredo) || starts_with(ip, kDiscard)) return true;
  return (ip[0] & 0xfe) == 0xfc ||                     // unique local
         (ip[0] == 0xfe && (ip[1] & 0x80) == 0x80) ||  // link-local and the old site-local
         ip[0] == 0xff;                                // multicast
}

// As inet_ntop, which goes through printf: every connection has an address that is printed several times.
std::string print(const V4& ip) {
  std::array<char, INET_ADDRSTRLEN> text{};
  char* at = text.data();
  for (std::size_t i = 0; i < ip.size(); ++i) {
    if (i > 0) *at++ = '.';
    at = std::to_chars(at, text.data() + text.size(), ip[i]).ptr;
  }
  return {text.data(), at};
}

std::string print(const V6& ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(AF_INET6, ip.data(), text.data(), text.size()) ? text.data() : "";
}

Result<Address> unix_address(std::string_view text, std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) return bad(text, "the path of the unix socket is missing");
  if (path.find('\0') != std::string_view::npos) return bad(text, "a path cannot contain a zero byte");
  if (path.size() >= sizeof(address.sun_path)) return bad(text, "a unix socket's path has at most 107 bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  auto size = offsetof(sockaddr_un, sun_path) + path.size() + 1;
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnix)) return unix_address(text, text.substr(kUnix.size()));
  auto parts = split(text);
  if (!parts) return bad(text, "expected ADDRESS:PORT, [V6ADDRESS]:PORT or unix:PATH");
  auto port = parse_port(parts->port);
  if (!port) return bad(text, "the port must be a number from 0 to 65535");
  if (parts->bracketed != (parts->host.find(':') != std::string_view::npos)) {
    return bad(text, "brackets are for IPv6 addresses");
  }
  auto address = from_ip(parts->host, *port);
  if (!address) return bad(text, "not an IP address (names are not resolved here)");
  return address;
}

Result<Address> Address::from_ip(std::string_view ip, std::uint16_t port) {
  const std::string name(ip);
  Address out;
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage_);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage_);
  if (name.find('\0') != std::string::npos) return bad("", "an IP address cannot contain a zero byte");
  if (inet_pton(AF_INET, name.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out.size_ = sizeof(v4);
  } else if (inet_pton(AF_INET6, name.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    out.size_ = sizeof(v6);
  } else {
    return bad(ip, "not an IP address");
  }
  return out;
}

Result<Address> Address::peer_of(int fd) {
  Address out;
  out.size_ = sizeof(out.storage_);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&out.storage_), &out.size_) != 0) {
    return Error{Code::Io, std::string("getpeername: ") + std::strerror(errno)};
  }
  return out;
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t size) {
  Address out;
  NXB_CHECK(address && size <= sizeof(out.storage_), "an address of a kind that nxb does not use");
  std::memcpy(&out.storage_, address, size);
  out.size_ = size;
  return out;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
  return 0;
}

std::string Address::text() const {
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage_);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage_);
  switch (family()) {
    case AF_INET:
      return print(v4_of(storage_)) + ":" + std::to_string(ntohs(v4.sin_port));
    case AF_INET6:
      return "[" + print(v6_of(storage_)) + "]:" + std::to_string(ntohs(v6.sin6_port));
    case AF_UNIX: {
      // A name in the abstract space begins with a zero byte; it is chosen by the peer and says nothing: left out.
      const char* path = reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
      std::size_t room = size_ > offsetof(sockaddr_un, sun_path) ? size_ - offsetof(sockaddr_un, sun_path) : 0;
      return std::string(kUnix) + std::string(path, strnlen(path, room));
    }
    default:
      return "";
  }
}

std::string Address::ip_text() const {
  switch (family()) {
    case AF_INET:
      return print(v4_of(storage_));
    case AF_INET6: {
      V6 ip = v6_of(storage_);
      return starts_with(ip, kMapped) ? print(v4_at(ip, 12)) : print(ip);
    }
    case AF_UNIX:
      return "unix";
    default:
      return "";
  }
}

bool Address::is_private() const {
  switch (family()) {
    case AF_INET:
      return nxb::is_private(v4_of(storage_));
    case AF_INET6:
      return nxb::is_private(v6_of(storage_));
    default:
      return true;
  }
}

bool Address::is_loopback() const {
  if (family() == AF_UNIX) return true;
  if (family() == AF_INET) return v4_of(storage_)[0] == 127;
  if (family() != AF_INET6) return false;
  V6 ip = v6_of(storage_);
  return starts_with(ip, kMapped) ? ip[12] == 127 : ip == V6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

Result<HostPort> parse_host_port(std::string_view text) {
  auto parts = split(text);
  if (!parts || parts->host.empty()) return bad(text, "expected HOST:PORT or [V6ADDRESS]:PORT");
  auto port = parse_port(parts->port);
  if (!port || *port == 0) return bad(text, "the port must be a number from 1 to 65535");
  if (parts->bracketed) {
    auto ip = Address::from_ip(parts->host, *port);
    if (!ip || ip->family() != AF_INET6) return bad(text, "brackets are for IPv6 addresses");
  }
  for (char letter : parts->host) {
    if (static_cast<unsigned char>(letter) <= ' ' || letter == '\x7f' || letter == '/' || letter == '@') {
      return bad(text, "not a host name");
    }
  }
  return HostPort{std::string(parts->host), *port};
}

}  // namespace nxb
