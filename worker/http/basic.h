// worker/http/basic.h - the Authorization field of Basic authentication (RFC 7617).
// Runs in: worker. I/O: none. Codec; every malformed field is one and the same refusal (H-42, D-04).
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb::http {

struct Credentials {
  std::string user, password;
};

// Fails without the scheme, a space behind it, whole base64 (padding included), or a colon in what it says.
Result<Credentials> read_basic(std::string_view authorization);

}  // namespace nxb::http
