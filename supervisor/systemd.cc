// supervisor/systemd.cc - see systemd.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/base/descriptor.h"
#include "common/log/log.h"

namespace nxb::supervisor {
namespace {

constexpr Duration kKillGrace{10'000};  // beyond the goodbyes: by then all workers are gone

// Not sd_notify(): that waits while the queue is full. False: it is full, and the notice may be said again. Where
// nobody listens there is nobody to tell.
bool tell(std::string_view lines) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::size_t length = path ? std::strlen(path) : 0;
  if (length < 2 || length >= sizeof to.sun_path || (*path != '/' && *path != '@')) return true;
  std::memcpy(to.sun_path, path, length);
  if (*path == '@') to.sun_path[0] = '\0';  // of the abstract namespace
  Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ssize_t sent =
      sendto(fd.get(), lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size);
  return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

std::string microseconds(Duration duration) { return std::to_string(duration.count() * 1000); }

}  // namespace

Systemd::Systemd(uv::Loop& loop, std::function<Health()> look)
    : look_(std::move(look)),
      period_(kStatusEvery),
      timer_(loop, [this] { on_time(); }),
      again_(loop, [this] { say_news(); }) {
  std::uint64_t patience_us = 0;
  watchdog_ = sd_watchdog_enabled(0, &patience_us) > 0;
  if (watchdog_) period_ = std::min(period_, Duration{static_cast<Duration::rep>(patience_us / 3000)});
  timer_.start(period_);
}

void Systemd::ready() {
  speaking_ = true;
  told_.clear();
  say("READY=1\n");
}

void Systemd::reloading() {
  ++reloads_;
  if (!speaking_ || stopping_) return;
  say("RELOADING=1\nMONOTONIC_USEC=" + microseconds(monotonic_now().time_since_epoch()) + '\n');
}

void Systemd::reloaded() {
  if (--reloads_ == 0 && speaking_ && !stopping_) ready();
}

void Systemd::stopping(Duration at_most) {
  stopping_ = true;
  say("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + microseconds(at_most + kKillGrace) + '\n');
}

void Systemd::on_time() {
  timer_.start(period_);
  if (watchdog_ && look_().beating) tell("WATCHDOG=1");
  if (speaking_) say_news();
}

void Systemd::say(std::string state) {
  unsaid_ = std::move(state);
  say_news();
}

void Systemd::say_news() {
  std::string status = look_().status;
  if (unsaid_.empty() && status == told_) return;
  if (!tell(unsaid_ + "STATUS=" + status)) return again_.start(kAgain);
  unsaid_.clear();
  told_ = std::move(status);
}

Result<std::vector<ListeningSocket>> sockets_passed_in() {
  std::vector<ListeningSocket> sockets;
  const int count = sd_listen_fds(1);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
      return Error{Code::BadInput, "descriptor " + std::to_string(fd) + " of LISTEN_FDS is no listening stream socket"};
    }
    NXB_TRY(auto socket, ListeningSocket::adopt(fd));
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

}  // namespace nxb::supervisor
