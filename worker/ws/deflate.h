// worker/ws/deflate.h - messages compressed one by one (permessage-deflate, RFC 7692, without context takeover).
// Runs in: worker. I/O: none. Codec. The only user of zlib. No window outlives its message, either way: an idle
// connection keeps nothing, and a secret in one message tells nothing about the next by its size.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nxb::ws {

std::string deflated(std::string_view text);  // payload of a frame with RSV1 (RFC 7692 7.2.1)

enum class Inflating : std::uint8_t { Whole, Broken, TooBig };
// Appends to `out`, at most `most` bytes: a small message may be of gigabytes (W-19). 7.2.2.
Inflating inflate_into(std::string& out, std::string_view payload, std::uint64_t most);

}  // namespace nxb::ws
