// tests/bench/wire.cc - see wire.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace nxb::bench {
namespace {
constexpr std::size_t kChunk = 128 * 1024;
thread_local std::array<char, kChunk> chunk;  // what one read takes; shared, for it is used only during the read
thread_local std::string plain, ciphered;     // likewise, of TLS
}  // namespace

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(0x7f000000U + host);
  return address;
}

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Descriptor connect_to(std::uint16_t port, std::uint32_t source_host) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  int one = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  if (source_host != 0) {
    setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    sockaddr_in source = loopback(source_host, 0);
    if (bind(socket.get(), reinterpret_cast<sockaddr*>(&source), sizeof(source)) != 0) return {};
  }
  sockaddr_in target = loopback(1, port);
  int rc = connect(socket.get(), reinterpret_cast<sockaddr*>(&target), sizeof(target));
  if (rc != 0 && errno != EINPROGRESS) return {};
  return socket;
}

void Wire::open(Descriptor socket) {
  socket_ = std::move(socket);
  ++opened_;
  tls_.reset();
  in_.clear();
  out_.clear();
  connected_ = false;
  wants_to_write_ = true;  // told when it is connected
  poller_.watch(socket_.get(), EPOLLIN | EPOLLOUT, *this);
}

void Wire::secure(SSL_CTX& context, Tls::Side side) {
  tls_ = std::make_unique<Tls>(context, side);
  if (side == Tls::Side::Client) send({});
}

void Wire::close() {
  if (!socket_) return;
  poller_.forget(socket_.get(), *this);
  socket_.reset();
}

void Wire::fail(std::string_view why) {
  close();
  user_.ended(why);
}

void Wire::send(std::string_view bytes) {
  if (!tls_) return transmit(bytes);
  ciphered.clear();
  tls_->say(bytes, ciphered);
  transmit(ciphered);
}

void Wire::transmit(std::string_view bytes) {
  if (!socket_) return;
  if (connected_ && out_.empty() && !bytes.empty()) {
    ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    // An error is told by the next read.
  }
  if (bytes.empty()) return;
  out_ += bytes;
  if (wants_to_write_) return;
  wants_to_write_ = true;
  poller_.change(socket_.get(), EPOLLIN | EPOLLOUT, *this);
}

void Wire::flush() {
  connected_ = true;
  if (!out_.empty()) {
    ssize_t sent = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  }
  if (!out_.empty()) return;
  wants_to_write_ = false;
  poller_.change(socket_.get(), EPOLLIN, *this);
}

void Wire::ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && (events & EPOLLERR) == 0) flush();
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return;
  ssize_t got = recv(socket_.get(), chunk.data(), chunk.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fail(got == 0 ? "closed" : "connection lost or refused");
  std::string_view bytes(chunk.data(), static_cast<std::size_t>(got));
  if (tls_) {
    decipher(bytes);
  } else {
    take(bytes);
  }
}

void Wire::decipher(std::string_view bytes) {
  auto which = opened_;
  plain.clear();
  ciphered.clear();
  bool goes_on = tls_->feed(bytes, plain, ciphered);
  transmit(ciphered);
  if (!plain.empty()) take(plain);
  if (!goes_on && socket_ && which == opened_) fail("TLS is over");
}

void Wire::take(std::string_view bytes) {
  auto which = opened_;
  std::string whole = std::move(in_);  // not in_: the user may close this wire and open it again meanwhile
  in_.clear();
  if (!whole.empty()) bytes = whole += bytes;
  std::size_t taken = user_.received(bytes);
  if (!socket_ || which != opened_ || taken == bytes.size()) return;
  in_ = whole.empty() || taken > 0 ? std::string(bytes.substr(taken)) : std::move(whole);
}

}  // namespace nxb::bench
