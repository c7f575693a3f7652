// common/uv/listener.cc - accepting, one connection at a time.
// SPDX-License-Identifier: MIT
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/uv/stream.h"

namespace nxb::uv {

Result<std::unique_ptr<Listener>> Listener::adopt(Loop& loop, int fd, Sink& sink) {
  auto listener = std::make_unique<Listener>(Private(), loop, fd, sink);
  NXB_TRY(listener->poll_, Poll::make(loop, fd, [raw = listener.get()](bool, bool) { raw->on_readable(); }));
  listener->watch();
  return listener;
}

Listener::Listener(Private, Loop& loop, int fd, Sink& sink)
    : fd_(fd), sink_(sink), retry_(loop, [this] { on_retry(); }) {}

// The kernel copies them to every connection. Interval and count are those of uv_tcp_keepalive().
void Listener::bequeath(Duration keepalive) {
  constexpr int kInterval = 1, kCount = 10;
  auto set = [this](int level, int name, int value) { setsockopt(fd_, level, name, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(std::max<Duration::rep>(keepalive.count() / 1000, 1)));
  set(IPPROTO_TCP, TCP_KEEPINTVL, kInterval);
  set(IPPROTO_TCP, TCP_KEEPCNT, kCount);
}

void Listener::pause() {
  paused_ = true;
  watch();
}

void Listener::resume() {
  paused_ = false;
  watch();
}

void Listener::watch() { poll_->watch(!paused_ && !exhausted_, false); }

void Listener::on_retry() {
  exhausted_ = false;
  watch();
}

void Listener::on_readable() {
  // One connection per readiness: the other workers wait on the same socket and should get theirs.
  int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) return sink_.on_accepted(fd);
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;  // it went away, or was taken
  exhausted_ = true;
  retry_.start(1s);
  watch();
  sink_.on_exhausted();
}

}  // namespace nxb::uv
