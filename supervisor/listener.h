// supervisor/listener.h - an address becomes a bound, listening socket that lives as long as the supervisor.
// Runs in: supervisor. I/O: sockets; for unix addresses the file too, which is removed with the object.
// A stale unix socket file is replaced only if nobody answers on it; anything else at the path is left alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <string>

#include "common/base/address.h"
#include "common/base/result.h"
#include "common/ipc/contract.h"

namespace nxb::supervisor {

inline constexpr mode_t kEverybody = 0666;  // a proxy of another user connects; its bytes are a client's
inline constexpr mode_t kOwnerOnly = 0600;  // the admin socket (O-13)

// The folder that a unix socket is to be in, if there is none yet: one level; a failure shows itself at bind(). One that
// is there must not be another user's where anybody may make folders, as in /tmp.
Status make_folder_for(const std::string& path);

class ListeningSocket {
 public:
  static Result<ListeningSocket> open(const Address& address, mode_t unix_mode);
  // One that somebody else has bound, and whose file is theirs. Takes ownership of fd.
  static Result<ListeningSocket> adopt(int fd);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int fd() const { return fd_; }
  const std::string& text() const { return text_; }  // the real address: port 0 is replaced by the port given

 private:
  ListeningSocket() = default;
  Status bind_unix(const std::string& path, const Address& address, mode_t mode);
  int fd_ = -1;
  std::string text_;
  std::string path_;  // of the unix socket file that is ours to remove
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Which exit code a failed open() means (O-03).
contract::Exit exit_code_of(const Error& error);

}  // namespace nxb::supervisor
