// supervisor/systemd.cc - see systemd.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/systemd.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <utility>

#include "common/log/log.h"

namespace nxb::supervisor {
namespace {

constexpr Duration kKillGrace{10'000};  // beyond the goodbyes: by then all workers are gone

void tell(const std::string& lines) { sd_notify(0, lines.c_str()); }

std::string microseconds(Duration duration) { return std::to_string(duration.count() * 1000); }

}  // namespace

Systemd::Systemd(uv::Loop& loop, std::function<Health()> look)
    : look_(std::move(look)), period_(kStatusEvery), timer_(loop, [this] { on_time(); }) {
  std::uint64_t patience_us = 0;
  watchdog_ = sd_watchdog_enabled(0, &patience_us) > 0;
  if (watchdog_) period_ = std::min(period_, Duration{static_cast<Duration::rep>(patience_us / 3000)});
  timer_.start(period_);
}

void Systemd::ready() {
  speaking_ = true;
  told_ = look_().status;
  tell("READY=1\nSTATUS=" + told_);
}

void Systemd::reloading() {
  ++reloads_;
  if (!speaking_ || stopping_) return;
  tell("RELOADING=1\nMONOTONIC_USEC=" + microseconds(monotonic_now().time_since_epoch()));
}

void Systemd::reloaded() {
  if (--reloads_ == 0 && speaking_ && !stopping_) ready();
}

void Systemd::stopping(Duration at_most) {
  stopping_ = true;
  tell("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + microseconds(at_most + kKillGrace));
  tell_status();
}

void Systemd::on_time() {
  timer_.start(period_);
  if (watchdog_ && look_().beating) tell("WATCHDOG=1");
  if (speaking_) tell_status();
}

void Systemd::tell_status() {
  std::string now = look_().status;
  if (now == told_) return;
  told_ = std::move(now);
  tell("STATUS=" + told_);
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
