// worker/edge/tls_clients.h - the connections of TLS listeners: each is deciphered here, and pumped as plaintext through a
// socket pair whose other end is a connection like any other, of this worker or of whomever it is handed over to.
// Runs in: worker. Adapter. Owned by: edge::Edge.
//
//   Handshaking --done--> Open: the pair is made, its other end given out (`secured`)
//     Open --the owner's FIN or its end--> Ending: close_notify and FIN behind what it said; the client's FIN, 2 s --> gone
//     Open --the client's close_notify or FIN--> the owner hears a FIN, and ends it
//   any --the client's reset, a broken record, nothing taken for write_timeout, no handshake in head_timeout--> gone
//
// Whatever one side does not take stops the reading of the other at kMost bytes, so an end stuck anywhere is seen by the
// owner as a client that does not read. A connection counts for its peer's limit until its handshake is done, afterwards its
// other end does, and once that has ended it does so again until it is gone (H-45). Plain HTTP instead of a ClientHello is
// answered 400 in clear.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/uv/stream.h"
#include "worker/edge/context.h"
#include "worker/tls/engine.h"
#include "worker/tls/server_context.h"

namespace nxb::edge {

class TlsClients final : private uv::DeadlineSink {
 public:
  static constexpr std::size_t kMost = 64 * 1024;  // bytes that one side did not take, for the other not to be read
  static constexpr int kPairBytes = 64 * 1024;     // what the kernel keeps of each direction of a pair, about
  static constexpr Duration kLinger{2'000};        // as after HTTP's last answer (H-10)

  struct Callbacks {
    std::function<void(relay::Handover)> secured;  // as if it were accepted now; comes after `uncounted`
    // It counts for its peer from now on; it does no more. At first it does, by whoever gives it here.
    std::function<void(const std::string&peer, std::uint16_t listener)> counted, uncounted;
    std::function<void()> fewer;  // one is gone
  };
  TlsClients(const Context& context, Callbacks callbacks);
  ~TlsClients();
  TlsClients(const TlsClients&) = delete;
  TlsClients& operator=(const TlsClients&) = delete;

  bool wanted_at(std::uint16_t listener) const;
  void take(relay::Handover newcomer);  // its bytes are the beginning of what will be read
  // Those without a finished handshake have asked for nothing; the others end with their owners.
  void shut_down();
  std::size_t size() const { return pumps_.size(); }
  // Whoever counts for its peer's limit: nobody owns its plaintext yet, or any more.
  void for_each_counted(const std::function<void(const std::string& peer, std::uint16_t listener)>& f);

 private:
  class Pump;

  void remove(ConnId id);
  void on_deadline(std::uint64_t id, Instant now) override;

  const Context& context_;
  Callbacks callbacks_;
  uv::Deadlines::Family family_;
  IdTable<ConnId, Pump> pumps_;
};

}  // namespace nxb::edge
