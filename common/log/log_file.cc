// common/log/log_file.cc - see log_file.h.
// SPDX-License-Identifier: MIT
#include "common/log/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/descriptor.h"
#include "common/log/log.h"

namespace nxb::log {
namespace {

constexpr mode_t kMode = 0640;  // domains, addresses: not for everybody on the machine

Error failed(const std::string& path, const char* why) { return Error{Code::Io, path + ": " + why}; }

}  // namespace

// O_NONBLOCK: a pipe without a reader must not hold the process up; it is refused below.
Status write_to_file(const std::string& path, Standard what) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kMode));
  if (file.get() < 0) return failed(path, std::strerror(errno));
  struct stat about {};
  if (fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) return failed(path, "is not a file");
  if (dup2(file.get(), STDERR_FILENO) < 0) return failed(path, std::strerror(errno));
  if (what == Standard::OutputToo) dup2(file.get(), STDOUT_FILENO);
  return Done{};
}

void reopen_file(const std::string& path, Standard what) {
  if (path.empty()) return;
  if (auto opened = write_to_file(path, what); !opened) {
    return error("log.reopen_failed", {{"why", opened.error().text}});
  }
  info("log.reopened", {{"file", path}});
}

}  // namespace nxb::log
