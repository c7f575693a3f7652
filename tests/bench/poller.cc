// tests/bench/poller.cc - see poller.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/poller.h"

#include <cerrno>

#include "common/base/check.h"

namespace nxb::bench {

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { NXB_CHECK(epoll_, "no epoll"); }

void Poller::control(int operation, int fd, std::uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  NXB_CHECK(epoll_ctl(epoll_.get(), operation, fd, &event) == 0, "epoll_ctl");
}

void Poller::watch(int fd, std::uint32_t events, Watcher& watcher) { control(EPOLL_CTL_ADD, fd, events, &watcher); }
void Poller::change(int fd, std::uint32_t events, Watcher& watcher) { control(EPOLL_CTL_MOD, fd, events, &watcher); }

void Poller::forget(int fd, const Watcher& watcher) {
  control(EPOLL_CTL_DEL, fd, 0, nullptr);
  for (std::size_t i = at_; i < count_; ++i) {
    if (events_[i].data.ptr == &watcher) events_[i].data.ptr = nullptr;
  }
}

void Poller::turn(Micros timeout) {
  timespec limit{timeout / 1'000'000, timeout % 1'000'000 * 1'000};
  int ready = epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                           timeout < 0 ? nullptr : &limit, nullptr);
  NXB_CHECK(ready >= 0 || errno == EINTR, "epoll_wait");
  count_ = ready > 0 ? static_cast<std::size_t>(ready) : 0;
  for (at_ = 0; at_ < count_;) {
    auto& event = events_[at_++];
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->ready(event.events);
  }
  count_ = 0;
}

}  // namespace nxb::bench
