// worker/relay/handover.h - a connection on its way to the worker that owns its session: the message.
// Runs in: worker. I/O: none. One SOCK_SEQPACKET message: a versioned header, the peer's address, the sid minted for a
// creation, and the bytes read so far; the socket (and a memfd, when the bytes are more than kInline) ride along as
// SCM_RIGHTS (mailroom.h). The header, integers little-endian:
//
//   "nxbH" | version:2 | kind:1 | hops:1 | flags:1 (bit 0: bytes inline) | 0:1 | listener:2 | peer:2 | sid:2 | bytes:4
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/descriptor.h"
#include "common/base/result.h"

namespace nxb::relay {

inline constexpr std::size_t kInline = 64 * 1024;
inline constexpr std::size_t kMaxBytes = 17 << 20;  // the largest max_data_held, and what was read behind it
inline constexpr std::size_t kMaxPeer = 256;        // "unix:" and the longest socket path
inline constexpr std::size_t kMaxSid = 64;
inline constexpr std::size_t kHeader = 20;
inline constexpr std::size_t kMaxMessage = kHeader + kMaxPeer + kMaxSid + kInline;

enum class Kind : std::uint8_t { Http = 1 };

struct Handover {
  Kind kind = Kind::Http;
  std::uint8_t hops = 0;       // hand-overs so far; a second one is allowed only between generations
  std::uint16_t listener = 0;  // index of the listening socket it came in on
  std::string peer;            // Address::text of the client connection
  std::string minted_sid;      // for a creation: the sid whose owner the receiver is; else empty
  std::string bytes;           // everything read and not yet dispatched, from the first byte of the request
  Descriptor fd;               // a received one is non-blocking and close-on-exec
};

// The message without descriptors and, unless `bytes_inline`, without Handover::bytes.
std::string encode_header(const Handover& handover, bool bytes_inline);
struct Decoded {
  Handover handover;
  bool bytes_inline = true;
  std::size_t bytes_size = 0;  // what the memfd must hold when the bytes are not inline
};
// Treats its input as hostile.
Result<Decoded> decode(std::string_view message);

}  // namespace nxb::relay
