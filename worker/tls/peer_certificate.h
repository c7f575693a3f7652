// worker/tls/peer_certificate.h - what an operator wants to know of a peer's certificate.
// Runs in: worker. I/O: none, but for the system's time. What is in it is the peer's: whoever shows it escapes it.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "common/base/certificate.h"

struct x509_st;  // OpenSSL's X509

namespace nxb::tls {

struct PeerCertificate {
  std::string subject, issuer;  // "CN=example.org"
  std::string names;            // its first dNSNames: "example.org *.example.org"
  Validity validity;
};

PeerCertificate describe(x509_st* certificate);

}  // namespace nxb::tls
