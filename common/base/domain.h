// common/base/domain.h - the domain a client asks for, in the forms that policy, DNS and TLS need (U-01), and in one
// spelling for the operator.
// Runs in: every process. I/O: none.
// Labels with other than ASCII letters become A-labels (RFC 3492). Upper case is folded for ASCII, Latin-1, Greek and
// Cyrillic; nothing is normalised beyond that (a JID must arrive in NFC), an unusual spelling is simply not found.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb {

struct Domain {
  std::string jid;    // lower case, no trailing dot, as a stream header's `to` spells it
  std::string ascii;  // A-labels; for an IP literal the address without brackets
  bool is_ip = false;
};

// Errors are for the client as improper-addressing.
Result<Domain> normalise_domain(std::string_view to);

// As logs and events name it, however it was written (O-19): A-labels; what is no domain stays as it is.
std::string plain_domain(std::string_view to);

// Whether an entry of a list means this domain (U-02): "example.org" itself only, ".example.org" with its subdomains.
bool covers(std::string_view entry, std::string_view ascii);  // both normalised

}  // namespace nxb
