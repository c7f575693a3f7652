// worker/tls/identity.h - does a certificate speak for a domain? (RFC 9525, RFC 6120 13.7.2.1; U-50 to U-52)
// Runs in: worker. I/O: none. Looks at subjectAltName only: the common name is never used.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

struct x509_st;  // OpenSSL's X509

namespace nxb::tls {

// Whom the peer must prove to be: a domain in A-labels, or an IP address in text form.
struct Identity {
  std::string name;
  std::string unicode_name;  // the same domain as a JID spells it, for XmppAddr; may be empty
};

// "*.example.org" stands for exactly one label; a star elsewhere or within a label matches nothing (U-51).
bool matches_dns_name(std::string_view pattern, std::string_view domain);

// dNSName, SRVName `_xmpp-client.D`, XmppAddr D; for an IP address iPAddress only.
bool certificate_speaks_for(x509_st* certificate, const Identity& identity);

}  // namespace nxb::tls
