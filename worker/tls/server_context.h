// worker/tls/server_context.h - what nxb is as a TLS server: certificate, key, versions, ciphers, tickets; by listener.
// Runs in: worker. I/O: none: the texts are handed in, and not kept.
// TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only. ALPN: http/1.1; a client that offers others only is
// refused (RFC 7301 3.2). The name that a client asks for (SNI) is not looked at: a listener has one certificate.
// Sessions are resumed by ticket, at any worker: `ticket_secret` is known to all of them (tickets.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "worker/tls/tickets.h"

struct ssl_ctx_st;

namespace nxb::tls {

class ServerContext {
  struct Private {
    explicit Private() = default;
  };

 public:
  static Result<std::unique_ptr<ServerContext>> make(std::string_view cert_pem, std::string_view key_pem,
                                                     const HashKey& ticket_secret, Tickets::Clock clock);
  ServerContext(Private, ssl_ctx_st* context) : context_(context) {}
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ssl_ctx_st* raw() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

class ServerContexts {
 public:
  ServerContexts(const HashKey& ticket_secret, Tickets::Clock clock)
      : ticket_secret_(ticket_secret), clock_(std::move(clock)) {}
  // For connections to come; those that are there keep what they have. On an error nothing is changed.
  struct Pem {
    std::string_view cert, key;  // empty: a listener in clear
  };
  Status configure(const std::vector<Pem>& by_listener);
  const ServerContext* at(std::size_t listener) const;  // null: in clear

 private:
  HashKey ticket_secret_;
  Tickets::Clock clock_;
  std::vector<std::unique_ptr<ServerContext>> made_;
};

}  // namespace nxb::tls
