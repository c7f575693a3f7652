// worker/descriptors.cc - see descriptors.h.
// SPDX-License-Identifier: MIT
#include "worker/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "common/ipc/contract.h"

namespace nxb {

Status only_contract_descriptors(std::size_t workers, std::size_t listeners) {
  int end = contract::first_listener(static_cast<int>(workers)) + static_cast<int>(listeners);
  for (int fd = contract::kControl; fd < end; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0)
      return Error{Code::Io, "descriptor " + std::to_string(fd) + " of the contract is not open"};
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  for (int fd = end; fd < end + 64; ++fd) {
    int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) {
      return Error{Code::Io, "descriptor " + std::to_string(fd) + " was inherited beyond the contract"};
    }
  }
  return Done{};
}

}  // namespace nxb
