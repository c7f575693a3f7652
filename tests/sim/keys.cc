// tests/sim/keys.cc - see keys.h.
// SPDX-License-Identifier: MIT
#include "keys.h"

#include <algorithm>
#include <array>
#include <bit>

namespace nxb::sim {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

using Words = std::array<std::uint32_t, 5>;

void add_block(Words& h, const char* block) {  // FIPS 180-4 6.1.2
  std::array<std::uint32_t, 80> w{};
  for (std::size_t i = 0; i < 64; ++i) w[i / 4] = w[i / 4] << 8 | static_cast<unsigned char>(block[i]);
  for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e] = h;
  for (std::size_t i = 0; i < 80; ++i) {
    std::uint32_t f = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    constexpr std::uint32_t kRound[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    std::uint32_t next = std::rotl(a, 5) + f + e + kRound[i / 20] + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  h = {h[0] + a, h[1] + b, h[2] + c, h[3] + d, h[4] + e};
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

std::string sha1_hex(std::string_view text) {
  Words h{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  std::string padded(text);
  padded += '\x80';
  padded.resize((padded.size() + 8 + 63) / 64 * 64);
  std::uint64_t bits = text.size() * 8;
  for (std::size_t i = 0; i < 8; ++i) padded[padded.size() - 1 - i] = static_cast<char>(bits >> (8 * i));
  for (std::size_t at = 0; at < padded.size(); at += 64) add_block(h, padded.data() + at);
  std::string hex;
  for (std::uint32_t word : h) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += kDigits[word >> shift & 15];
  }
  return hex;
}

bool is_key(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool follows(std::string_view key, std::string before) {
  return is_key(key) && sha1_hex(key) == lower(std::move(before));
}

std::string KeyChain::begin() {
  std::uint64_t count = 2 + world_.dice.below(15);
  std::string key = std::to_string(world_.dice.next());
  keys_.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    key = sha1_hex(key);
    if (world_.dice.percent(5)) {
      for (char& c : key) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    keys_.push_back(key);
  }
  keys_.pop_back();
  return key;
}

std::string KeyChain::next() {
  std::string key = keys_.back();
  keys_.pop_back();
  return key;
}

}  // namespace nxb::sim
