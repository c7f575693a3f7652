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
Duration life_of(const SSL_SESSION* session) {
  std::chrono::seconds life(SSL_SESSION_get_ticket_lifetime_hint(session));
  // Without a hint: a ticket of TLS 1.3 is of no use (RFC 8446 4.6.1), one of TLS 1.2 is as good as OpenSSL thinks.
  if (life == 0s && !is_for_one_use(session)) life = std::chrono::seconds(SSL_SESSION_get_timeout(session));
  int days = 0, seconds = 0;
  const X509* certificate = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));  // it only reads
  if (certificate == nullptr || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1)
    return 0s;
  auto valid = std::chrono::hours(24) * days + std::chrono::seconds(seconds);
  return std::min<Duration>({life, valid, SessionCache::kMaxLife});
}

// Empty: too large to be kept.
std::vector<unsigned char> written(const SSL_SESSION* session) {
  int size = i2d_SSL_SESSION(session, nullptr);
  NXB_CHECK(size > 0, "OpenSSL out of memory");
  if (static_cast<std::size_t>(size) > SessionCache::kMaxSession) return {};
  std::vector<unsigned char> out(static_cast<std::size_t>(size));
  unsigned char* to = out.data();
  i2d_SSL_SESSION(session, &to);
  return out;
}

SessionPtr read_again(const std::vector<unsigned char>& session) {
  const unsigned char* from = session.data();
  return SessionPtr(d2i_SSL_SESSION(nullptr, &from, static_cast<long>(session.size())));
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
  Found out{read_again(newest->session), newest->until};
  if (newest->for_one_use) drop(newest);
  return out;
}

void SessionCache::put(const std::string& server, const ssl_session_st* session, std::optional<Instant> until) {
  Instant now = clock_();
  Instant end = now + life_of(session);
  if (until) end = std::min(end, *until);
  if (end <= now) return;
  auto bytes = written(session);
  if (bytes.empty()) return;
  bool for_one_use = is_for_one_use(session);
  if (!for_one_use) forget(server);  // the newest does for all
  by_age_.push_back(Entry{server, std::move(bytes), end, for_one_use});
  bytes_ += by_age_.back().bytes();
  auto& here = servers_[server];
  here.push_back(std::prev(by_age_.end()));
  if (here.size() > kMaxPerServer) drop(here.front());
  while (by_age_.size() > kMaxSessions || bytes_ > kMaxBytes) drop(by_age_.begin());
}

void SessionCache::forget(const std::string& server) {
  auto found = servers_.find(server);
  if (found == servers_.end()) return;
  for (At entry : found->second) {
    bytes_ -= entry->bytes();
    by_age_.erase(entry);
  }
  servers_.erase(found);
}

void SessionCache::drop(At entry) {
  auto found = servers_.find(entry->server);
  std::erase(found->second, entry);
  if (found->second.empty()) servers_.erase(found);
  bytes_ -= entry->bytes();
  by_age_.erase(entry);
}

void SessionCache::forget_all() {
  servers_.clear();
  by_age_.clear();
  bytes_ = 0;
}

}  // namespace nxb::tls
