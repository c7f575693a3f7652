// tests/bench/poller.h - one epoll: who watches a descriptor is called when it is ready. Runs in nxb-load and nxb-stub.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/descriptor.h"
#include "tests/bench/clock.h"

namespace nxb::bench {

class Watcher {
 public:
  virtual void ready(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

class Poller {
 public:
  Poller();
  void watch(int fd, std::uint32_t events, Watcher& watcher);   // until it is forgotten; the descriptor is the caller's
  void change(int fd, std::uint32_t events, Watcher& watcher);  // what it waits for from now on
  void forget(int fd, const Watcher& watcher);                  // it is not called any more, not even in this turn
  void turn(Micros timeout);  // waits for something, for ever if negative, and calls all it concerns

 private:
  void control(int operation, int fd, std::uint32_t events, Watcher* watcher);

  Descriptor epoll_;
  std::array<epoll_event, 256> events_{};
  std::size_t at_ = 0, count_ = 0;  // which of events_ are still to be told
};

}  // namespace nxb::bench
