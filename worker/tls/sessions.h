// worker/tls/sessions.h - TLS sessions of verified servers, kept so that the next connection is cheaper (U-54).
// Runs in: worker. I/O: none; the time comes from a clock that is handed in. Owned by: whoever makes engines.
// A session is kept under a name that says for whom it was verified, and how; it is offered to nobody else. A ticket of
// TLS 1.3 is given out once (RFC 8446 C.4), a session of TLS 1.2 until it is too old. Full: the oldest go.
// Kept in serialised form: the server's certificate without its chain, and of a size that is known. It is a copy, too:
// OpenSSL gives up a session whose connection ends without goodbye.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"

struct ssl_session_st;  // OpenSSL's SSL_SESSION

namespace nxb::tls {

struct SessionRelease {
  void operator()(ssl_session_st* session) const;
};
using SessionPtr = std::unique_ptr<ssl_session_st, SessionRelease>;

class SessionCache {
 public:
  static constexpr std::size_t kMaxSessions = 1024;
  static constexpr std::size_t kMaxPerServer = 64;  // so that a busy server leaves room for the others
  // A server chooses how large its ticket and its certificate are.
  static constexpr std::size_t kMaxSession = 16 * 1024;
  static constexpr std::size_t kMaxBytes = 8 * 1024 * 1024;
  // A chain of resumed sessions ends after this time, too: the certificate is looked at once a day at least.
  static constexpr Duration kMaxLife = 24h;

  struct Found {
    SessionPtr session;  // null: none
    Instant until;       // what comes of it may not be kept longer
  };

  explicit SessionCache(std::function<Instant()> clock) : clock_(std::move(clock)) {}
  Found take(const std::string& server);
  // `until`: of the session that this one was resumed from.
  void put(const std::string& server, const ssl_session_st* session, std::optional<Instant> until);
  void forget(const std::string& server);  // what was offered did no good
  void forget_all();                       // who is trusted may be others now
  std::size_t size() const { return by_age_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string server;
    std::vector<unsigned char> session;
    Instant until;
    bool for_one_use;
    std::size_t bytes() const { return server.size() + session.size(); }
  };
  using At = std::list<Entry>::iterator;
  void drop(At entry);

  std::function<Instant()> clock_;
  std::list<Entry> by_age_;                                   // oldest first
  std::unordered_map<std::string, std::vector<At>> servers_;  // oldest first, never empty
  std::size_t bytes_ = 0;                                     // of all entries
};

}  // namespace nxb::tls
