// supervisor/ctl/client.cc - see client.h.
// Runs in: nxbctl.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/address.h"
#include "common/base/descriptor.h"
#include "common/config/config.h"

namespace nxb::ctl {
namespace {

constexpr const char* kSystemSocket = "/run/nxb/admin.sock";  // a service's, for a user who started none of their own
constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;

Error failed(const std::string& path, const char* what, int error) {
  std::string text = path + ": " + what + ": " + std::strerror(error);
  if (error == ENOENT || error == ECONNREFUSED) return {Code::NotFound, text};
  if (error == EACCES || error == EPERM)
    return {Code::Refused, text + "; nxb's own user, admin_group and root may: try sudo nxbctl"};
  if (error == EAGAIN || error == EWOULDBLOCK) return {Code::TimedOut, path + ": no answer in time"};
  return {Code::Io, text};
}

// Who listens at the place of this user's own supervisor must be this user, or root. Elsewhere it is another user's
// service, at a path that root or whoever gave it has chosen.
bool is_believed(const Descriptor& fd, const std::string& path) {
  if (path == kSystemSocket || path != config::default_admin_socket()) return true;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

Result<Descriptor> say(const std::string& path, std::string_view request_line, std::chrono::seconds patience) {
  NXB_TRY(auto address, Address::parse("unix:" + path));
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failed(path, "socket", errno);
  const timeval limit{patience.count(), 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd.get(), address.get(), address.size()) != 0) return failed(path, "connect", errno);
  if (!is_believed(fd, path)) return Error{Code::Refused, path + ": another user listens there"};
  std::string request = std::string(request_line) + "\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return failed(path, "send", errno);
  }
  return fd;
}

// What is there now, behind what was heard before.
Status hear(const Descriptor& fd, const std::string& path, std::string& heard) {
  std::array<char, 16384> chunk;
  ssize_t got = -1;
  do got = recv(fd.get(), chunk.data(), chunk.size(), 0);
  while (got < 0 && errno == EINTR);
  if (got < 0) return failed(path, "recv", errno);
  if (got == 0) return Error{Code::Closed, path + ": the connection was closed"};
  heard.append(chunk.data(), static_cast<std::size_t>(got));
  return Done{};
}

}  // namespace

std::vector<std::string> default_sockets() {
  std::vector<std::string> paths{config::default_admin_socket()};
  if (paths.front() != kSystemSocket) paths.emplace_back(kSystemSocket);
  return paths;
}

std::string request_line(const std::string& command, const std::map<std::string, std::string>& arguments) {
  nlohmann::ordered_json request;
  request["command"] = command;
  for (const auto& [name, value] : arguments) request[name] = value;
  return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::string> ask(const std::string& path, std::string_view request_line, std::chrono::seconds patience) {
  NXB_TRY(auto fd, say(path, request_line, patience));
  std::string answer;
  while (answer.size() < kMaxAnswer) {
    NXB_TRY([[maybe_unused]] auto more, hear(fd, path, answer));
    if (auto end = answer.find('\n'); end != std::string::npos) return answer.substr(0, end);
  }
  return Error{Code::TooLarge, path + ": the answer has no end"};
}

Status follow(const std::string& path, std::string_view request_line,
              const std::function<bool(std::string_view)>& take) {
  NXB_TRY(auto fd, say(path, request_line, kPatience));
  std::string heard;
  int patience_ms = static_cast<int>(kPatience.count()) * 1000;  // for the answer; events may take their time
  for (;;) {
    pollfd watched[] = {{fd.get(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};  // of the second errors only
    int ready = poll(watched, 2, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return failed(path, "poll", EAGAIN);
    if (watched[1].revents != 0) return Done{};
    NXB_TRY([[maybe_unused]] auto more, hear(fd, path, heard));
    std::size_t start = 0;
    for (auto end = heard.find('\n'); end != std::string::npos; end = heard.find('\n', start)) {
      if (!take(std::string_view(heard).substr(start, end - start))) return Done{};
      start = end + 1;
      patience_ms = -1;
    }
    heard.erase(0, start);
    if (heard.size() > kMaxAnswer) return Error{Code::TooLarge, path + ": a line has no end"};
  }
}

}  // namespace nxb::ctl
