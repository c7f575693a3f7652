// supervisor/sealed_text.cc - see sealed_text.h.
// SPDX-License-Identifier: MIT
#include "supervisor/sealed_text.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/certificate.h"

namespace nxb::supervisor {
namespace {

Error failure(const char* what) { return Error{Code::Io, std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

Result<SealedText> SealedText::make(std::string text) {
  const std::size_t size = text.size();
  Descriptor fd(memfd_create("nxb-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ssize_t done = fd ? pwrite(fd.get(), text.data(), size, 0) : -1;
  wipe(text);
  if (done != static_cast<ssize_t>(size)) return failure("the configuration for workers");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return failure("sealing the configuration for workers");
  }
  return SealedText(Private(), std::move(fd), size);
}

Result<std::string> SealedText::text() const {
  std::string text(size_, '\0');
  if (pread(fd_.get(), text.data(), size_, 0) != static_cast<ssize_t>(size_)) {
    return failure("the configuration for workers");
  }
  return text;
}

}  // namespace nxb::supervisor
