// worker/edge/tls_pump.h - one connection of a TLS listener: ciphertext at one end, plaintext at the other.
// Runs in: worker. Adapter. Owned by: TlsClients, whose states it goes through (tls_clients.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/descriptor.h"
#include "worker/edge/tls_clients.h"

namespace nxb::edge {

class TlsClients::Pump final {
 public:
  Pump(TlsClients& all, ConnId id, std::unique_ptr<tls::Engine> engine, std::uint16_t listener, std::string peer);

  Status begin(Descriptor client);
  void take(std::string_view ciphertext);
  void arm();
  void on_deadline(Instant now);
  void cut();  // closes both ends; what is queued is lost
  bool is_handshaking() const { return state_ == State::Handshaking; }
  const std::string& peer() const { return peer_; }
  std::uint16_t listener() const { return listener_; }
  bool counts() const { return counts_; }

 private:
  enum class State : std::uint8_t { Handshaking, Open, Ending, Gone };

  struct ClientEnd final : uv::StreamSink {
    explicit ClientEnd(Pump& p) : pump(p) {}
    void on_bytes(std::string_view bytes) override { pump.take(bytes); }
    void on_end() override { pump.client_ended(); }
    void on_broken(const Error& error) override { pump.lose(pump.spoke_ ? error.text : ""); }
    void on_drained() override { pump.client_took_all(); }
    Pump& pump;
  };
  struct OwnerEnd final : uv::StreamSink {
    explicit OwnerEnd(Pump& p) : pump(p) {}
    void on_bytes(std::string_view bytes) override { pump.tell_client(bytes); }
    void on_end() override { pump.owner_ended(); }
    void on_broken(const Error&) override { pump.owner_lost(); }
    void on_drained() override { pump.owner_took_all(); }
    Pump& pump;
  };

  bool secure(std::string plaintext);  // the handshake is done
  void tell_owner(std::string_view plaintext);
  void tell_client(std::string_view plaintext);
  void client_took_all();
  void owner_took_all();
  void client_ended();
  void owner_ended();
  void owner_lost();
  void write(std::string_view ciphertext);
  void refuse_plain_http();
  void lose(std::string_view why);
  void leave() { all_.remove(id_); }
  void count(bool counts);
  std::uint64_t taken() const { return written_ - client_->queued(); }
  const Context& context() const { return all_.context_; }
  Instant now() const { return all_.context_.loop.now(); }

  TlsClients& all_;
  const ConnId id_;
  const std::uint16_t listener_;
  const std::string peer_;
  std::unique_ptr<tls::Engine> engine_;
  ClientEnd client_end_{*this};
  OwnerEnd owner_end_{*this};
  std::unique_ptr<uv::Stream> client_, owner_;  // the second from Open on, until it is lost
  State state_ = State::Handshaking;
  bool counts_ = true;  // for its peer's limit: whenever it has no owner
  bool spoke_ = false;  // the client said something
  bool client_ended_ = false;
  bool refused_ = false;       // in clear: nothing is deciphered
  std::uint64_t written_ = 0;  // bytes given to client_
  std::uint64_t taken_ = 0;    // of them, when last looked at
};

}  // namespace nxb::edge
