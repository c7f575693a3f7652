// common/config/file.cc - see file.h.
// SPDX-License-Identifier: MIT
#include "common/config/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nxb::config {

Result<std::string> read_file(const std::string& path, std::size_t most_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{Code::NotFound, std::string("cannot be read: ") + std::strerror(errno)};
  std::string text;
  std::array<char, 16384> chunk{};
  ssize_t got = 1;
  int problem = 0;
  while (got != 0 && text.size() <= most_bytes) {
    got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      problem = errno;
      break;
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  if (problem != 0) return Error{Code::Io, std::string("cannot be read: ") + std::strerror(problem)};
  if (text.size() > most_bytes) {
    return Error{Code::TooLarge, "is larger than " + std::to_string(most_bytes) + " bytes"};
  }
  return text;
}

std::string writing_problem(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) {
    if (!S_ISREG(about.st_mode)) return "is not a file";
    if (::access(path.c_str(), W_OK) == 0) return "";
  } else if (const std::string folder = path.substr(0, path.rfind('/') + 1);
             errno == ENOENT && ::access(folder.c_str(), W_OK | X_OK) == 0) {
    return "";
  }
  return std::string("cannot be written: ") + std::strerror(errno);
}

}  // namespace nxb::config
