// common/base/proxy_header.cc - see proxy_header.h; sections are those of HAProxy's proxy-protocol.txt.
// SPDX-License-Identifier: MIT
#include "common/base/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace nxb {
namespace {

constexpr std::string_view kV1 = "PROXY ";
constexpr std::string_view kV2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kMaxV1 = 107;  // 2.1, CRLF included
constexpr std::size_t kHeadV2 = 16;
constexpr std::uint8_t kVersion2 = 0x20, kLocal = 0, kProxy = 1;
constexpr std::uint8_t kUnspecified = 0, kInet = 1, kInet6 = 2, kUnix = 3;  // the high half of the 14th byte
constexpr std::uint8_t kStream = 1, kDatagram = 2;                          // the low half
constexpr std::array<std::size_t, 4> kAddressBytes{0, 12, 36, 216};         // by family

Error broken(std::string_view why) { return Error{Code::BadInput, "PROXY header: " + std::string(why)}; }

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

// --- IP addresses as the bytes on the wire ---

bool is_ip(const std::optional<Address>& address) {
  return address && (address->family() == AF_INET || address->family() == AF_INET6);
}

std::string raw_ip(const Address& address) {
  if (address.family() == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr;
    return {reinterpret_cast<const char*>(&ip), sizeof(ip)};
  }
  const auto& ip = reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr;
  return {reinterpret_cast<const char*>(&ip), sizeof(ip)};
}

Address address_of(std::string_view raw, std::uint16_t port) {
  if (raw.size() == sizeof(in_addr)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, raw.data(), raw.size());
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, raw.data(), sizeof(v6.sin6_addr));
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

std::string text_of(const std::string& raw) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = raw.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  return inet_ntop(family, raw.data(), text.data(), text.size());
}

std::uint16_t port_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::string port_bytes(std::size_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)}; }

// Both ends in one family, as `raw_ip` gives them.
struct Ends {
  std::string source, destination;
};
Ends ends_of(const Address& source, const std::optional<Address>& destination) {
  static const std::string kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  auto plain = [](std::string ip) { return ip.starts_with(kMapped) ? ip.substr(kMapped.size()) : ip; };
  Ends ends{plain(raw_ip(source)), {}};
  ends.destination = is_ip(destination) ? plain(raw_ip(*destination)) : std::string(ends.source.size(), '\0');
  if (ends.source.size() < ends.destination.size()) ends.source.insert(0, kMapped);
  if (ends.destination.size() < ends.source.size()) ends.destination.insert(0, kMapped);
  return ends;
}

// --- version 1 ---

std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> port_of(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (bad != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return port;
}

// What stands behind "PROXY ", without CRLF. The destination is looked at because a line with half of it is a broken one.
Result<std::optional<Address>> source_of(std::string_view line) {
  const std::string_view family = line.substr(0, line.find(' '));
  if (family == "UNKNOWN") return std::optional<Address>();  // 2.1: whatever follows is ignored
  if (family != "TCP4" && family != "TCP6") return broken("not TCP4, TCP6 or UNKNOWN");
  const bool ends_blank = line.ends_with(' ');
  take_word(line);
  const std::string_view source = take_word(line), destination = take_word(line);
  const auto from = port_of(take_word(line)), to = port_of(take_word(line));
  if (!from || !to || !line.empty() || ends_blank) return broken("not two addresses and two ports");
  NXB_TRY(auto asks, Address::from_ip(source, *from));
  NXB_TRY(auto asked, Address::from_ip(destination, *to));
  const int expected = family == "TCP4" ? AF_INET : AF_INET6;
  if (asks.family() != expected || asked.family() != expected) return broken("an address of another family");
  return std::optional<Address>(asks);
}

Result<std::optional<ProxyHeader>> read_v1(std::string_view bytes) {
  const std::size_t end = bytes.find_first_of("\r\n");
  if (std::min(end, bytes.size()) > kMaxV1 - 2) return broken("a line too long");
  if (end == std::string_view::npos || (bytes[end] == '\r' && end + 1 == bytes.size())) {
    return std::optional<ProxyHeader>();
  }
  if (bytes.substr(end, 2) != "\r\n") return broken("a line that does not end in CRLF");
  NXB_TRY(auto source, source_of(bytes.substr(kV1.size(), end - kV1.size())));
  return std::optional<ProxyHeader>(ProxyHeader{source, end + 2});
}

std::string write_v1(const Ends& ends, const std::string& from, const std::string& to) {
  const std::string_view family = ends.source.size() == sizeof(in_addr) ? "TCP4 " : "TCP6 ";
  return std::string(kV1).append(family) + text_of(ends.source) + " " + text_of(ends.destination) + " " + from + " " +
         to + "\r\n";
}

// --- version 2 ---

Result<std::optional<ProxyHeader>> read_v2(std::string_view bytes) {
  const std::uint8_t command = bytes.size() > 12 ? byte_at(bytes, 12) : kVersion2;
  if ((command & 0xf0) != kVersion2 || (command & 0x0f) > kProxy) return broken("another version or command");
  const bool is_local = (command & 0x0f) == kLocal;  // 2.2: its family is not even looked at
  const std::uint8_t kind = bytes.size() > 13 ? byte_at(bytes, 13) : kUnspecified;
  const std::size_t family = is_local ? kUnspecified : kind >> 4;
  if (family > kUnix || (!is_local && (kind & 0x0f) > kDatagram)) return broken("an unknown family or transport");
  if (bytes.size() < kHeadV2) return std::optional<ProxyHeader>();
  const std::size_t length = port_at(bytes, 14);
  const std::size_t size = kHeadV2 + length;
  if (length < kAddressBytes[family]) return broken("shorter than its addresses");
  if (size > kMaxProxyHeader) return broken("too long");
  if (bytes.size() < size) return std::optional<ProxyHeader>();
  ProxyHeader header{std::nullopt, size};
  if ((kind & 0x0f) != kStream || (family != kInet && family != kInet6)) return std::optional<ProxyHeader>(header);
  const std::size_t ip = family == kInet ? sizeof(in_addr) : sizeof(in6_addr);
  header.source = address_of(bytes.substr(kHeadV2, ip), port_at(bytes, kHeadV2 + 2 * ip));
  return std::optional<ProxyHeader>(header);
}

std::string write_v2(const Ends& ends, std::uint16_t from, std::uint16_t to) {
  const std::uint8_t family = ends.source.size() == sizeof(in_addr) ? kInet : kInet6;
  std::string header(kV2);
  header += static_cast<char>(kVersion2 | kProxy);
  header += static_cast<char>(family << 4 | kStream);
  header += port_bytes(kAddressBytes[family]);
  return header + ends.source + ends.destination + port_bytes(from) + port_bytes(to);
}

}  // namespace

std::string write_proxy_header(ProxyVersion version, const std::optional<Address>& source,
                               const std::optional<Address>& destination) {
  if (!is_ip(source)) {
    if (version == ProxyVersion::V1) return std::string(kV1) + "UNKNOWN\r\n";
    return std::string(kV2) + static_cast<char>(kVersion2 | kLocal) + std::string(3, '\0');
  }
  const Ends ends = ends_of(*source, destination);
  const std::uint16_t from = source->port(), to = is_ip(destination) ? destination->port() : std::uint16_t{0};
  if (version == ProxyVersion::V2) return write_v2(ends, from, to);
  return write_v1(ends, std::to_string(from), std::to_string(to));
}

Result<std::optional<ProxyHeader>> read_proxy_header(std::string_view bytes) {
  if (bytes.starts_with(kV1)) return read_v1(bytes);
  if (bytes.starts_with(kV2)) return read_v2(bytes);
  if (kV1.starts_with(bytes) || kV2.starts_with(bytes)) return std::optional<ProxyHeader>();
  return broken("missing");
}

}  // namespace nxb
