// worker/upstream/channel.h - the bytes to and from one server, in clear or under TLS.
// Runs in: worker. I/O: a connected stream. Owned by: XmppConnection, as a member: its sink may close it, and be retired
// with it, from within any call. Between adopt() and close() it holds a connection; start_tls() puts TLS on it, once.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/uv/stream.h"
#include "worker/tls/engine.h"
#include "worker/upstream/services.h"

namespace nxb::upstream {

class ChannelSink {
 public:
  virtual void on_plaintext(std::string_view bytes) = 0;
  virtual void on_secure() = 0;  // the handshake is done
  // It failed; distrusted: because of the server's certificate.
  virtual void on_insecure(const std::string& why, bool distrusted) = 0;
  virtual void on_lost(const std::string& why) = 0;  // nothing more comes
  virtual void on_sent() = 0;                        // what was queued is out

 protected:
  ~ChannelSink() = default;
};

class Channel final : private uv::StreamSink {
 public:
  Channel(XmppServices& services, ChannelSink& sink) : services_(services), sink_(sink) {}

  void adopt(std::unique_ptr<uv::Stream> stream);
  void close();  // at once; what is queued is lost
  bool is_open() const { return stream_ != nullptr; }

  Status start_tls(const Target& target, const Domain& domain, tls::Engine::Offer offer);
  bool is_handshaking() const { return engine_ && engine_->state() == tls::Engine::State::Handshaking; }
  std::string description() const { return engine_ ? engine_->description() : "none"; }  // for logs

  std::optional<tls::PeerCertificate> certificate() const { return engine_ ? engine_->certificate() : std::nullopt; }

  void write(std::string_view plaintext);
  void say_goodbye();  // close_notify and FIN, behind what is queued
  std::size_t queued() const { return stream_ ? stream_->queued() : 0; }
  void set_reading(bool on);  // also of a stream to come

 private:
  void on_connected() override {}
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken(const Error& error) override { sink_.on_lost(error.text); }
  void on_drained() override { sink_.on_sent(); }
  void take_ciphertext(std::string_view bytes);
  bool take_handshake(tls::Engine::State state);

  XmppServices& services_;
  ChannelSink& sink_;
  std::unique_ptr<uv::Stream> stream_;
  std::unique_ptr<tls::Engine> engine_;
  bool reading_ = true;
};

}  // namespace nxb::upstream
