// worker/http/base64.h - base64 in header fields (RFC 4648 4): credentials, keys of handshakes.
// Runs in: worker. I/O: none. Codec.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb::http {

Result<std::string> from_base64(std::string_view text);  // whole: with its padding, nothing around it, not empty

}  // namespace nxb::http
