// worker/tls/sessions.cc
// SPDX-License-Identifier: MIT
#include "worker/tls/sessions.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace nxb::tls {
namespace {

bool is_for_one_use(const SSL_SESSION* session) { return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION; }

// How long the server wants it to be used, if the certificate is valid that long.
Duration life_of(SSL_SESSION* session) {
  std::chrono::seconds life(SSL_SESSION_get_ticket_lifetime_hint(session));
  // Without a hint: a ticket of TLS 1.3 is of no use (RFC 8446 4.6.1), one of TLS 1.2 is as good as OpenSSL thinks.
  if (life == 0s && !is_for_one_use(session)) life = std::chrono::seconds(SSL_SESSION_get_timeout(session));
  int days = 0, seconds = 0;
  const X509* certificate = SSL_SESSION_get0_peer(session);
  if (certificate == nullptr || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1)
    return 0s;
  auto valid = std::chrono::hours(24) * days + std::chrono::seconds(seconds);
  return std::min<Duration>({life, valid, SessionCache::kMaxLife});
}

}  // namespace

void SessionRelease::operator()(ssl_session_st* session) const { SSL_SESSION_free(session); }

SessionCache::Found SessionCache::take(const std::string& server) {
  auto found = servers_.find(server);
  if (found == servers_.end()) return {};
  At newest = found->second.back();
  if (newest->until <= clock_()) {
    forget(server);  // the older ones are no better
    return {};
  }
  Found out{nullptr, newest->until};
  if (is_for_one_use(newest->session.get())) {
    out.session = std::move(newest->session);
    drop(newest);
  } else {
    // A copy, because OpenSSL gives up a session whose connection ends without goodbye.
    out.session.reset(SSL_SESSION_dup(newest->session.get()));
    NXB_CHECK(out.session != nullptr, "OpenSSL out of memory");
  }
  return out;
}

void SessionCache::put(const std::string& server, SessionPtr session, std::optional<Instant> until) {
  Instant now = clock_();
  Instant end = now + life_of(session.get());
  if (until) end = std::min(end, *until);
  if (end <= now) return;
  if (!is_for_one_use(session.get())) forget(server);  // the newest does for all
  by_age_.push_back(Entry{server, std::move(session), end});
  auto& here = servers_[server];
  here.push_back(std::prev(by_age_.end()));
  if (here.size() > kMaxPerServer) drop(here.front());
  if (by_age_.size() > kMaxSessions) drop(by_age_.begin());
}

void SessionCache::forget(const std::string& server) {
  auto found = servers_.find(server);
  if (found == servers_.end()) return;
  for (At entry : found->second) by_age_.erase(entry);
  servers_.erase(found);
}

void SessionCache::drop(At entry) {
  auto found = servers_.find(entry->server);
  std::erase(found->second, entry);
  if (found->second.empty()) servers_.erase(found);
  by_age_.erase(entry);
}

}  // namespace nxb::tls
