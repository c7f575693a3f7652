// common/base/secret.h - random bytes, keyed hash, constant-time compare. The only user of randomness.
// Runs in: every process. I/O: the kernel's random source, through OpenSSL.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace nxb {

using HashKey = std::array<std::uint8_t, 16>;

std::string random_token(std::size_t random_bytes);  // [A-Za-z0-9_-], base64url without padding (B-29)
HashKey random_hash_key();
std::uint32_t random_up_to(std::uint32_t most);                       // 0 .. most, each as likely as the others
std::uint64_t keyed_hash(const HashKey& key, std::string_view text);  // SipHash-2-4, 64 bit
std::string short_hash(std::string_view text);     // first 8 hex digits of SHA-256: how logs name a sid
bool is_short_hash(std::string_view text);         // by its form; no sid has it
std::string sha1_hex(std::string_view text);       // lower case: what XEP-0124 15 makes key sequences of
std::string sha1_base64(std::string_view text);    // what answers the key of a WebSocket handshake
std::string sha256_base64(std::string_view text);  // how a Content-Security-Policy names what it allows
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Hexadecimal, for sending a HashKey over the control channel.
std::string to_hex(const HashKey& key);
bool from_hex(std::string_view text, HashKey& key);

}  // namespace nxb
