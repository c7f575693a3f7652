// supervisor/admin/server.h - the admin socket: newline-delimited JSON for nxbctl, socat and scripts (O-13).
// Runs in: supervisor. I/O: a unix socket of mode 0600; peers other than root and our own user are turned away.
// Bounded: kMaxConnections (the oldest goes when one more comes), kMaxLine per request, kMaxQueued per slow reader.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "common/uv/stream.h"
#include "supervisor/admin/answer.h"
#include "supervisor/listener.h"

namespace nxb::supervisor::admin {

inline constexpr std::size_t kMaxConnections = 16;
inline constexpr std::size_t kMaxLine = 4096;
inline constexpr std::size_t kMaxQueued = 1 << 20;

class Server final : private uv::Listener::Sink {
  struct Private {
    explicit Private() = default;
  };

 public:
  static Result<std::unique_ptr<Server>> make(uv::Loop& loop, const std::string& path, Source source);
  Server(Private, uv::Loop& loop, ListeningSocket socket, Source source);
  ~Server();

 private:
  class Connection;
  void on_accepted(int fd) override;
  void on_exhausted() override;
  void drop(Connection* connection);

  uv::Loop& loop_;
  ListeningSocket socket_;
  Source source_;
  std::unique_ptr<uv::Listener> listener_;
  std::vector<std::unique_ptr<Connection>> connections_;  // oldest first
};

}  // namespace nxb::supervisor::admin
