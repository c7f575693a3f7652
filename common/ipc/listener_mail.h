// common/ipc/listener_mail.h - a listening socket on its way to a worker that runs already (O-33).
// Runs in: supervisor (sends), worker (takes). I/O: a pair of SOCK_SEQPACKET sockets, made for one worker process; only the
// supervisor has the other end. It is no mailbox: those every worker may write to, and a forged listener would be obeyed.
// What is sent before a Reload is there when the Reload is read: the kernel queues it in the call.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/result.h"

namespace nxb::ipc {

struct ListenerMail {
  std::uint16_t number = 0;  // in config.listen
  Descriptor socket;
};
Status send_listener(int channel, std::uint16_t number, int fd);  // Code::TimedOut: there is no room, nobody reads
Result<std::vector<ListenerMail>> take_listeners(int channel);    // all that are there

}  // namespace nxb::ipc
