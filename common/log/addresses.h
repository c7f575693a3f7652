// common/log/addresses.h - how much of a client's address the log shows: [log] ip (O-27).
// Runs in: every process. I/O: none. The log applies it to every field called `client` or `peer`: that is what an
// address of the client's side is called in any line, so none is forgotten. Servers' addresses are not people's.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nxb::log {

enum class Addresses : std::uint8_t { Full, Truncated, None };

bool holds_client_address(std::string_view key);
// As much of it as may be shown: 192.0.2.0/24, 2001:db8:1::/48, "-". With a port or without; what is not known to be an
// address of the network is shown in full (a unix socket's) or not at all.
std::string shown_address(std::string_view text, Addresses form);

}  // namespace nxb::log
