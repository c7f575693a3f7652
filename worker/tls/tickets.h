// worker/tls/tickets.h - the keys of tickets that nxb gives out as a TLS server: a new one each epoch.
// Runs in: worker. I/O: none; the time comes from a clock that is handed in. Owned by: the SSL_CTX that it serves, which
// lives as long as the last connection made with it.
// A key is made of the secret that all workers of a supervisor have, of the listener's private key and of the epoch's
// number, so every worker and generation has the same at the same time, and nobody needs to tell another. Tickets of the
// epoch before are taken, and renewed; older ones are not known. No key is kept.
// Who has that secret and the private key can make the keys of any epoch: for TLS 1.2, whose tickets hold what a
// connection is enciphered with, forward secrecy begins when the supervisor has ended. TLS 1.3 resumes with (EC)DHE.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/secret.h"

struct ssl_ctx_st;

namespace nxb::tls {

class Tickets {
 public:
  static constexpr Duration kEpoch = 12h;
  using Clock = std::function<Instant()>;

  static void serve(ssl_ctx_st* context, std::string_view key_pem, const HashKey& secret, Clock clock);
  Tickets(std::string_view key_pem, const HashKey& secret, Clock clock);
  ~Tickets();
  Tickets(const Tickets&) = delete;
  Tickets& operator=(const Tickets&) = delete;

 private:
  friend struct TicketCallback;
  std::int64_t epoch() const { return clock_().time_since_epoch() / kEpoch; }
  std::array<unsigned char, 64> base_{};
  Clock clock_;
};

}  // namespace nxb::tls
