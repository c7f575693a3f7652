// worker/upstream/channel.cc - see channel.h. After any call of the sink the channel may be closed.
// SPDX-License-Identifier: MIT
#include "worker/upstream/channel.h"

#include <utility>

namespace nxb::upstream {
namespace {

constexpr Duration kKeepalive{60'000};  // U-27

}  // namespace

void Channel::adopt(std::unique_ptr<uv::Stream> stream) {
  stream_ = std::move(stream);
  stream_->set_sink(*this);
  stream_->keepalive(kKeepalive);
  if (!reading_) set_reading(false);
}

void Channel::close() {
  stream_.reset();
  engine_.reset();
}

void Channel::set_reading(bool on) {
  reading_ = on;
  if (!stream_) return;
  on ? stream_->resume(uv::PauseReason::PeerSlow) : stream_->pause(uv::PauseReason::PeerSlow);
}

Status Channel::start_tls(const Target& target, const Domain& domain, tls::Engine::Offer offer) {
  NXB_TRY(auto context,
          services_.contexts.get(target.tls_ca, target.tls_verify ? tls::Verify::Full : tls::Verify::None));
  tls::Identity identity{target.tls_identity, target.identity_is_domain && !domain.is_ip ? domain.jid : std::string()};
  tls::Resumption resumption{&services_.sessions, target.text()};
  NXB_TRY(engine_, tls::Engine::client(*context, domain.ascii, std::move(identity), offer, resumption));
  tls::Output out;
  engine_->start(out);
  stream_->write(out.to_peer);
  return Done{};
}

void Channel::write(std::string_view plaintext) {
  if (!engine_) return stream_->write(plaintext);
  tls::Output out;
  engine_->send(plaintext, out);
  stream_->write(out.to_peer);
}

void Channel::say_goodbye() {
  if (engine_) {
    tls::Output out;
    engine_->close(out);
    if (!out.to_peer.empty()) stream_->write(out.to_peer);
  }
  stream_->half_close();
}

void Channel::on_bytes(std::string_view bytes) { engine_ ? take_ciphertext(bytes) : sink_.on_plaintext(bytes); }

void Channel::on_end() {
  sink_.on_lost(engine_ ? "connection closed without TLS close_notify" : "connection closed");  // U-55
}

void Channel::take_ciphertext(std::string_view bytes) {
  bool handshaking = is_handshaking();
  tls::Output out;
  engine_->received(bytes, out);
  if (!out.to_peer.empty()) stream_->write(out.to_peer);
  auto state = engine_->state();
  if (handshaking && !take_handshake(state)) return;
  if (!out.plaintext.empty()) sink_.on_plaintext(out.plaintext);
  if (!engine_) return;
  if (state == tls::Engine::State::PeerClosed) return sink_.on_lost("TLS closed by the server");
  if (state == tls::Engine::State::Failed) sink_.on_lost(std::string(engine_->error()));
}

// Whether it is done, and the channel still open.
bool Channel::take_handshake(tls::Engine::State state) {
  if (state == tls::Engine::State::Handshaking) return false;
  if (state == tls::Engine::State::Failed) {
    sink_.on_insecure(std::string(engine_->error()), engine_->distrusted());
    return false;
  }
  services_.counters.add(stats::Counter::tls_handshakes);
  if (engine_->resumed()) services_.counters.add(stats::Counter::tls_resumed);
  sink_.on_secure();
  return engine_ != nullptr;
}

}  // namespace nxb::upstream
