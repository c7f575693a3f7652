// tests/support/captured_log.h - stderr, and so the log, goes to memory while this lives.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

namespace nxb::testing {

class CapturedLog {
 public:
  CapturedLog() : memory_(memfd_create("stderr", MFD_CLOEXEC)), saved_(dup(STDERR_FILENO)) {
    dup2(memory_, STDERR_FILENO);
  }
  ~CapturedLog() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    close(memory_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() const {
    std::array<char, 65536> buffer{};
    ssize_t size = pread(memory_, buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  }

 private:
  int memory_;
  int saved_;
};

}  // namespace nxb::testing
