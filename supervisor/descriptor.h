// supervisor/descriptor.h - owns one file descriptor that no libuv handle owns.
// Runs in: supervisor. I/O: close.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <utility>

namespace nxb::supervisor {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.take()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.take();
    }
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  int take() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) close(take());
  }

 private:
  int fd_ = -1;
};

}  // namespace nxb::supervisor
