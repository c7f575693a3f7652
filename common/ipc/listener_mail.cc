// common/ipc/listener_mail.cc - see listener_mail.h.
// SPDX-License-Identifier: MIT
#include "common/ipc/listener_mail.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace nxb::ipc {
namespace {

struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

Error failed(const char* what) {
  return {errno == EAGAIN ? Code::TimedOut : Code::Io, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

Status send_listener(int channel, std::uint16_t number, int fd) {
  Control control;
  iovec content{&number, sizeof number};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  if (sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return failed("sending a listening socket");
  return Done{};
}

Result<std::vector<ListenerMail>> take_listeners(int channel) {
  std::vector<ListenerMail> all;
  for (;;) {
    ListenerMail one;
    Control control;
    iovec content{&one.number, sizeof one.number};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    ssize_t got = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got == 0 || (got < 0 && errno == EAGAIN)) return all;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("taking a listening socket");
    const cmsghdr* part = CMSG_FIRSTHDR(&message);
    if (got != sizeof one.number || !part || part->cmsg_type != SCM_RIGHTS) {
      return Error{Code::BadInput, "not a listening socket"};
    }
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    one.socket = Descriptor(fd);
    all.push_back(std::move(one));
  }
}

}  // namespace nxb::ipc
