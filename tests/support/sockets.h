// tests/support/sockets.h - socket pairs and listening sockets on loopback, for tests.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "common/base/address.h"
#include "common/base/check.h"

namespace nxb::testing {

enum class Family { Unix, Tcp };

// Port 0 or a path in a short temporary folder; gone with the object.
class Listening {
 public:
  explicit Listening(Family family) {
    std::string where = "127.0.0.1:0";
    if (family == Family::Unix) {
      std::string folder = "/tmp/nxb-XXXXXX";
      NXB_CHECK(mkdtemp(folder.data()) != nullptr, "no temporary folder");
      folder_ = folder;
      where = "unix:" + folder_ + "/s";
    }
    Address address = *Address::parse(where);
    fd_ = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    NXB_CHECK(bind(fd_, address.get(), address.size()) == 0 && listen(fd_, 64) == 0, "cannot listen on loopback");
  }
  ~Listening() {
    if (!folder_.empty()) {
      unlink((folder_ + "/s").c_str());
      rmdir(folder_.c_str());
    }
    close(fd_);
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  int fd() const { return fd_; }
  Address address() const {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    NXB_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) == 0, "getsockname");
    return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size);
  }
  int accept() const {  // a connection that was begun on loopback is in the queue already
    int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    NXB_CHECK(fd >= 0, "nobody has connected");
    return fd;
  }

 private:
  std::string folder_;
  int fd_ = -1;
};

inline int connected_to(const Address& address) {
  int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  NXB_CHECK(connect(fd, address.get(), address.size()) == 0, "cannot connect on loopback");
  return fd;
}

// The caller owns both. A small send buffer makes writes stop early.
inline std::array<int, 2> connected_pair(Family family, int send_buffer = 0) {
  std::array<int, 2> pair{};
  if (family == Family::Unix) {
    NXB_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0, "socketpair");
  } else {
    Listening server(Family::Tcp);
    pair[0] = connected_to(server.address());
    pair[1] = server.accept();
  }
  for (int fd : pair) {
    if (send_buffer > 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
  }
  return pair;
}

}  // namespace nxb::testing
