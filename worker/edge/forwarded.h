// worker/edge/forwarded.h - the field Forwarded (RFC 7239): one element for each proxy on the way, the last one nearest.
// Runs in: worker. I/O: none. Codec.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nxb::edge {

struct ForwardedElement {
  std::string node;   // for=, without quotes: an address, perhaps with a port, "unknown", "_hidden"; "" when absent
  std::string proto;  // proto=; "" when absent
};

// Strict: one mistake anywhere, and nothing is believed. Otherwise a client could begin a quoted string in its own field
// and swallow with it what the proxy says behind it.
std::vector<ForwardedElement> parse_forwarded(std::string_view field);

}  // namespace nxb::edge
