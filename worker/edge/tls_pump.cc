// worker/edge/tls_pump.cc - see tls_pump.h. After leave() and lose() the pump hears nothing more.
// SPDX-License-Identifier: MIT
#include "worker/edge/tls_pump.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/log/log.h"

namespace nxb::edge {

using stats::Counter;
using uv::PauseReason;

namespace {

constexpr std::string_view kPlainHttp =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 44\r\nConnection: "
    "close\r\n\r\n"
    "400 Bad Request: this port speaks HTTPS only";

struct Ends {
  Descriptor ours, others;
};

Result<Ends> make_pair() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return Error{Code::Io, std::string("socketpair: ") + std::strerror(errno)};
  }
  Ends ends{Descriptor(fds[0]), Descriptor(fds[1])};
  const int size = TlsClients::kPairBytes;
  for (int fd : fds) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return ends;
}

bool begins_like_http(std::string_view bytes) { return bytes.front() >= 'A' && bytes.front() <= 'Z'; }

}  // namespace

TlsClients::Pump::Pump(TlsClients& all, ConnId id, std::unique_ptr<tls::Engine> engine, std::uint16_t listener,
                       std::string peer)
    : all_(all), id_(id), listener_(listener), peer_(std::move(peer)), engine_(std::move(engine)) {}

Status TlsClients::Pump::begin(Descriptor client) {
  NXB_TRY(client_, uv::Stream::adopt(context().loop, client.release(), client_end_, uv::Stream::Options::Inherited));
  return Done{};
}

// --- from the client ---

void TlsClients::Pump::take(std::string_view ciphertext) {
  if (refused_) return;
  if (!std::exchange(spoke_, true) && begins_like_http(ciphertext)) return refuse_plain_http();
  tls::Output out;
  engine_->received(ciphertext, out);
  if (!out.to_peer.empty()) write(out.to_peer);
  const auto state = engine_->state();
  if (state == tls::Engine::State::Failed) return lose(engine_->error());
  if (state == tls::Engine::State::Handshaking) return;
  if (state_ == State::Handshaking) {
    if (!secure(std::move(out.plaintext))) return;
  } else if (!out.plaintext.empty()) {
    tell_owner(out.plaintext);
  }
  if (state == tls::Engine::State::PeerClosed && state_ != State::Gone) client_ended();
}

void TlsClients::Pump::refuse_plain_http() {
  refused_ = true;
  state_ = State::Ending;
  context().counters.add(Counter::tls_client_handshake_failures);
  write(kPlainHttp);
  client_->half_close();
  arm();
}

// Whether the connection is still there.
bool TlsClients::Pump::secure(std::string plaintext) {
  auto pair = make_pair();
  if (!pair) {
    lose(pair.error().text);
    return false;
  }
  auto adopted = uv::Stream::adopt(context().loop, pair->ours.release(), owner_end_);
  if (!adopted) {
    lose(adopted.error().text);
    return false;
  }
  owner_ = *std::move(adopted);
  state_ = State::Open;
  context().counters.add(Counter::tls_connections);
  context().counters.add(Counter::tls_client_handshakes);
  if (engine_->resumed()) context().counters.add(Counter::tls_client_resumed);
  log::debug("edge.tls", {{"peer", peer_}, {"with", engine_->description()}});
  count(false);
  arm();
  context().counters.add(Counter::bytes_from_clients, plaintext.size());  // as whoever reads first counts them
  relay::Handover newcomer;
  newcomer.fd = std::move(pair->others);
  newcomer.listener = listener_;
  newcomer.peer = peer_;
  newcomer.bytes = std::move(plaintext);
  all_.callbacks_.secured(std::move(newcomer));
  return state_ != State::Gone;
}

void TlsClients::Pump::tell_owner(std::string_view plaintext) {
  if (!owner_ || client_ended_) return;
  owner_->write(plaintext);
  if (owner_->queued() > kMost) client_->pause(PauseReason::PeerSlow);
}

void TlsClients::Pump::owner_took_all() { client_->resume(PauseReason::PeerSlow); }

void TlsClients::Pump::client_ended() {
  if (std::exchange(client_ended_, true)) return;
  if (state_ == State::Handshaking) return lose(spoke_ ? "the client left during the handshake" : "");
  if (state_ == State::Ending && client_->queued() == 0) return leave();
  if (owner_) owner_->half_close();
}

// --- from the owner of the plaintext ---

void TlsClients::Pump::tell_client(std::string_view plaintext) {
  tls::Output out;
  engine_->send(plaintext, out);
  if (engine_->state() == tls::Engine::State::Failed) return lose(engine_->error());
  write(out.to_peer);
  if (client_->queued() > kMost) owner_->pause(PauseReason::PeerSlow);
}

void TlsClients::Pump::write(std::string_view ciphertext) {
  const bool waited = client_->queued() > 0;
  client_->write(ciphertext);
  written_ += ciphertext.size();
  if (!waited && client_->queued() > 0 && state_ == State::Open) arm();
}

void TlsClients::Pump::client_took_all() {
  if (owner_) owner_->resume(PauseReason::PeerSlow);
  if (state_ != State::Handshaking) arm();
  if (state_ == State::Ending && client_ended_) leave();
}

void TlsClients::Pump::owner_lost() {
  owner_.reset();
  client_->resume(PauseReason::PeerSlow);  // what else it says goes nowhere, but its FIN is to be seen
  owner_ended();
}

// It may read on for a while: so it hears the client's FIN. What it said has been read; the client may take that slowly,
// when the owner is long gone.
void TlsClients::Pump::owner_ended() {
  if (std::exchange(state_, State::Ending) == State::Ending) return;
  count(true);
  tls::Output out;
  engine_->close(out);
  write(out.to_peer);
  client_->half_close();
  if (client_ended_ && client_->queued() == 0) return leave();
  arm();
}

// --- ends ---

void TlsClients::Pump::count(bool counts) {
  if (std::exchange(counts_, counts) == counts) return;
  (counts ? all_.callbacks_.counted : all_.callbacks_.uncounted)(peer_, listener_);
}

void TlsClients::Pump::lose(std::string_view why) {
  if (state_ == State::Handshaking && !why.empty()) {
    context().counters.add(Counter::tls_client_handshake_failures);
    log::debug("edge.tls_failed", {{"peer", peer_}, {"why", why}});
  } else if (!why.empty()) {
    log::debug("edge.tls_lost", {{"peer", peer_}, {"why", why}});
  }
  leave();
}

void TlsClients::Pump::cut() {
  const State before = std::exchange(state_, State::Gone);
  count(false);
  if (before != State::Handshaking && !refused_) context().counters.sub(Counter::tls_connections);
  client_.reset();
  owner_.reset();
}

void TlsClients::Pump::arm() {
  const config::Config::Http& http = context().config.http;
  const bool queued = client_->queued() > 0;
  taken_ = taken();
  if (state_ == State::Open && !queued) return context().deadlines.clear(all_.family_, id_.value);
  const Duration patience = state_ == State::Handshaking ? http.head_timeout : queued ? http.write_timeout : kLinger;
  context().deadlines.set(all_.family_, id_.value, now() + patience);
}

void TlsClients::Pump::on_deadline(Instant) {
  if (state_ == State::Handshaking) return lose("no handshake in time");
  if (client_->queued() > 0 && taken() > taken_) return arm();
  if (client_->queued() > 0) return lose("nothing is taken");
  if (state_ == State::Ending) leave();
}

}  // namespace nxb::edge
