// common/base/descriptor.h - owns one file descriptor that no libuv handle owns.
// Runs in: every process. I/O: close(2).
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <utility>

namespace nxb {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }  // the caller owns it from here
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (int fd = std::exchange(fd_, -1); fd >= 0) ::close(fd);
  }

 private:
  int fd_ = -1;
};

}  // namespace nxb
