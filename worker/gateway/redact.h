// worker/gateway/redact.h - elements as an operator may see them: without what proves who somebody is (O-20, O-27).
// Runs in: worker. I/O: none.
// Hidden are the texts of SASL (also 2), of passwords, digests, keys and tokens by the names of their elements, all of in-band
// registration and old authentication, and fields of forms that are private; and attributes of such names. What people
// write to each other is not hidden.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nxb::gateway {

// `elements` are well-formed. At most `most` bytes and "..." behind them.
std::string redact(std::string_view elements, std::size_t most);

}  // namespace nxb::gateway
