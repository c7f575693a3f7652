// common/log/addresses.cc - see addresses.h.
// SPDX-License-Identifier: MIT
#include "common/log/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace nxb::log {
namespace {

constexpr std::string_view kHidden = "-";
constexpr std::size_t kKept4 = 3, kKept6 = 6;  // bytes: a /24, a /48

// [::1]:80, [::1], 192.0.2.1:80: without brackets and port.
std::string bare(std::string_view text) {
  if (text.starts_with('[')) return std::string(text.substr(1, std::min(text.find(']'), text.size()) - 1));
  const bool one_colon = std::count(text.begin(), text.end(), ':') == 1;
  return std::string(one_colon ? text.substr(0, text.find(':')) : text);
}

template <std::size_t N>
std::string cut(int family, std::array<unsigned char, N> bytes, std::size_t kept) {
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(kept), bytes.end(), static_cast<unsigned char>(0));
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, bytes.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(kept * 8);
}

}  // namespace

bool holds_client_address(std::string_view key) { return key == "client" || key == "peer"; }

std::string shown_address(std::string_view text, Addresses form) {
  if (form == Addresses::Full || text.empty() || text.starts_with("unix")) return std::string(text);
  if (form == Addresses::None) return std::string(kHidden);
  const std::string address = bare(text);
  std::array<unsigned char, 4> four{};
  if (inet_pton(AF_INET, address.c_str(), four.data()) == 1) return cut(AF_INET, four, kKept4);
  std::array<unsigned char, 16> six{};
  if (inet_pton(AF_INET6, address.c_str(), six.data()) != 1) return std::string(kHidden);
  const std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!std::equal(mapped.begin(), mapped.end(), six.begin())) return cut(AF_INET6, six, kKept6);
  std::copy(six.begin() + 12, six.end(), four.begin());
  return cut(AF_INET, four, kKept4);
}

}  // namespace nxb::log
