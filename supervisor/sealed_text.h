// supervisor/sealed_text.h - a text with secrets, kept for workers to come but not in this process's memory.
// Runs in: supervisor. I/O: a memfd that nothing maps and nobody can write to any more. It is in no core dump and in no
// heap; whoever asks for the text has it for as long as he needs it.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "common/base/descriptor.h"
#include "common/base/result.h"

namespace nxb::supervisor {

class SealedText {
  struct Private {
    explicit Private() = default;
  };

 public:
  static Result<SealedText> make(std::string text);  // which is wiped
  SealedText(Private, Descriptor fd, std::size_t size) : fd_(std::move(fd)), size_(size) {}
  Result<std::string> text() const;

 private:
  Descriptor fd_;
  std::size_t size_;
};

}  // namespace nxb::supervisor
