// supervisor/listener.cc - socket, bind, listen, and the care unix socket files need.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace nxb::supervisor {
namespace {

constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

Error failed(const std::string& address, const char* what, int error, const char* hint = "") {
  Code code = error == EACCES || error == EPERM ? Code::Refused : Code::Io;
  std::string text = "cannot listen on " + address + ": ";
  if (error == EADDRINUSE) return {code, text + "the address is in use by another process"};
  if (error == EADDRNOTAVAIL) return {code, text + "no interface of this machine has this address"};
  if (code == Code::Refused) return {code, text + "permission denied (" + what + ")" + hint};
  return {code, text + std::strerror(error) + " (" + what + ")"};
}

const char* hint_for(const Address& address) {
  const std::uint16_t port = address.port();
  return port > 0 && port < 1024 ? "; below port 1024: nxb.socket, or CAP_NET_BIND_SERVICE in the unit" : "";
}

enum class Occupant { Nobody, Stale, Alive, NotASocket };

// Who is at the path? A listener that is merely busy (EAGAIN) is alive.
Occupant occupant_of(const std::string& path, const Address& address) {
  struct stat at {};
  if (lstat(path.c_str(), &at) != 0) return Occupant::Nobody;
  if (!S_ISSOCK(at.st_mode)) return Occupant::NotASocket;
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return Occupant::Alive;
  int rc = connect(probe, address.get(), address.size());
  int error = rc == 0 ? 0 : errno;
  close(probe);
  return error == ECONNREFUSED ? Occupant::Stale : Occupant::Alive;
}

// The file gets its mode at bind(), not after it: there is no instant at which others could connect.
int bind_with_mode(int fd, const Address& address, mode_t mode) {
  mode_t before = umask(static_cast<mode_t>(~mode & 0777));
  int rc = bind(fd, address.get(), address.size());
  umask(before);
  return rc;
}

// The kernel copies them to each connection when it comes, which may be before a worker is there (uv::Listener::bequeath).
void bequeath_basics(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // on unix sockets nothing happens
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace

contract::Exit exit_code_of(const Error& error) {
  return error.code == Code::Refused ? contract::Exit::Permission : contract::Exit::CannotBind;
}

Status make_folder_for(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return Done{};
  const std::string folder = path.substr(0, slash);
  if (mkdir(folder.c_str(), 0755) == 0 || geteuid() == 0) return Done{};  // root's paths are root's to choose
  struct stat at {};
  struct stat above {};
  const std::string parent = folder.substr(0, folder.rfind('/') + 1);
  if (lstat(folder.c_str(), &at) != 0 || stat(parent.c_str(), &above) != 0) return Done{};
  const bool anybodys = (above.st_mode & S_IWOTH) != 0;
  if (!anybodys || at.st_uid == 0 || at.st_uid == geteuid()) return Done{};
  return Error{Code::Refused, "cannot listen on " + path + ": its folder belongs to another user"};
}

Result<ListeningSocket> ListeningSocket::open(const Address& address, mode_t unix_mode) {
  ListeningSocket made;
  made.text_ = address.text();
  made.fd_ = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made.fd_ < 0) return failed(made.text_, "socket", errno);
  const int on = 1;
  if (address.family() == AF_UNIX) {
    const auto* path = reinterpret_cast<const sockaddr_un*>(address.get())->sun_path;
    NXB_TRY([[maybe_unused]] auto bound, made.bind_unix(path, address, unix_mode));
  } else {
    setsockopt(made.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.family() == AF_INET6) setsockopt(made.fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(made.fd_, address.get(), address.size()) != 0) return failed(made.text_, "bind", errno, hint_for(address));
  }
  bequeath_basics(made.fd_);
  if (listen(made.fd_, kBacklog) != 0) return failed(made.text_, "listen", errno);
  sockaddr_storage real{};
  socklen_t size = sizeof real;
  if (address.family() != AF_UNIX && getsockname(made.fd_, reinterpret_cast<sockaddr*>(&real), &size) == 0) {
    made.text_ = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&real), size).text();
  }
  return made;
}

Result<ListeningSocket> ListeningSocket::adopt(int fd) {
  ListeningSocket made;
  made.fd_ = fd;
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    return failed("a socket passed in", "getsockname", errno);
  made.text_ = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&at), size).text();
  bequeath_basics(fd);
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return failed(made.text_, "fcntl", errno);
  return made;
}

Status ListeningSocket::bind_unix(const std::string& path, const Address& address, mode_t mode) {
  switch (occupant_of(path, address)) {
    case Occupant::Nobody:
      break;
    case Occupant::Stale:
      unlink(path.c_str());
      break;
    case Occupant::Alive:
      return failed(text_, "connect", EADDRINUSE);
    case Occupant::NotASocket:
      return Error{Code::Io, "cannot listen on " + text_ + ": a file that is not a socket is there"};
  }
  if (bind_with_mode(fd_, address, mode) != 0) return failed(text_, "bind", errno);
  struct stat at {};
  if (lstat(path.c_str(), &at) == 0) {
    path_ = path;
    device_ = at.st_dev;
    inode_ = at.st_ino;
  }
  return Done{};
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      text_(std::move(other.text_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

ListeningSocket::~ListeningSocket() {
  // Only our own file: a successor may have put its own at the same path.
  struct stat at {};
  if (!path_.empty() && lstat(path_.c_str(), &at) == 0 && at.st_dev == device_ && at.st_ino == inode_) {
    unlink(path_.c_str());
  }
  if (fd_ >= 0) close(fd_);
}

}  // namespace nxb::supervisor
