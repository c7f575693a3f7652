// supervisor/ctl/client.cc - see client.h.
// Runs in: nxbctl.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/address.h"
#include "common/base/descriptor.h"
#include "common/config/config.h"

namespace nxb::ctl {
namespace {

constexpr const char* kSystemSocket = "/run/nxb/admin.sock";  // a service's, for a user who started none of their own
constexpr timeval kPatience{5, 0};                            // the supervisor answers within a second (O-13)
constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;

Error failed(const std::string& path, const char* what, int error) {
  std::string text = path + ": " + what + ": " + std::strerror(error);
  if (error == ENOENT || error == ECONNREFUSED) return {Code::NotFound, text};
  if (error == EACCES || error == EPERM) return {Code::Refused, text};
  if (error == EAGAIN || error == EWOULDBLOCK) return {Code::TimedOut, path + ": no answer within 5 seconds"};
  return {Code::Io, text};
}

}  // namespace

std::vector<std::string> default_sockets() {
  std::vector<std::string> paths{config::default_admin_socket()};
  if (paths.front() != kSystemSocket) paths.emplace_back(kSystemSocket);
  return paths;
}

Result<std::string> ask(const std::string& path, std::string_view request_line) {
  NXB_TRY(auto address, Address::parse("unix:" + path));
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failed(path, "socket", errno);
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd.get(), address.get(), address.size()) != 0) return failed(path, "connect", errno);

  std::string request = std::string(request_line) + "\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return failed(path, "send", errno);
  }
  std::string answer;
  std::array<char, 16384> chunk;
  while (answer.size() < kMaxAnswer) {
    ssize_t got = recv(fd.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path, "recv", errno);
    if (got == 0) return Error{Code::Closed, path + ": the connection was closed without an answer"};
    answer.append(chunk.data(), static_cast<std::size_t>(got));
    if (auto end = answer.find('\n'); end != std::string::npos) return answer.substr(0, end);
  }
  return Error{Code::TooLarge, path + ": the answer has no end"};
}

}  // namespace nxb::ctl
