// common/base/certificate.h - does a certificate in PEM form do for a server, and is this its private key?
// Runs in: supervisor (the check of the configuration). I/O: none, but for the system's time.
// Nothing is kept: what OpenSSL read of a key is overwritten before the call returns.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb {

// Of the first certificate, the server's own.
struct Validity {
  bool begun = true;
  bool over = false;
  std::int64_t days_left = 0;
  std::string until;  // "Nov 28 06:00:00 2027 GMT"
};

// The errors' texts go on where the file's name stands: "holds no certificate in PEM form".
Result<Validity> look_at_certificate(std::string_view chain_pem);
Status look_at_key(std::string_view key_pem, std::string_view chain_pem);

// Overwrites what was a secret; the text is empty then.
void wipe(std::string& secret);

}  // namespace nxb
