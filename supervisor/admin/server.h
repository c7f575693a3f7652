// supervisor/admin/server.h - the admin socket: newline-delimited JSON for nxbctl, socat and scripts (O-13).
// Runs in: supervisor. I/O: a unix socket of mode 0600, or 0660 with admin_group; who is none of access.h is turned away.
// A request is one line, {"command":"status"} with its arguments; it is answered with one line, in order. `events` makes
// a connection a subscriber: after {"ok":true} come events, one in a line, until it is closed; what it says is ignored. A
// subscriber may end its own side; whether it has left is asked every kLookAfter from then on.
// Bounded: kMaxConnections (the oldest goes when one more comes), kMaxLine per request, kMaxQueued per slow reader,
// kMaxUnread per slow subscriber: above it events are counted instead, and it is told how many when it reads again.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/uv/stream.h"
#include "supervisor/admin/answer.h"
#include "supervisor/admin/feed.h"
#include "supervisor/admin/inquiry.h"
#include "supervisor/admin/orders.h"
#include "supervisor/admin/reload.h"
#include "supervisor/listener.h"

namespace nxb::supervisor::admin {

inline constexpr std::size_t kMaxConnections = 16;
inline constexpr std::size_t kMaxLine = 4096;
inline constexpr std::size_t kMaxQueued = 1 << 20;
inline constexpr std::size_t kMaxUnread = 1 << 18;
inline constexpr Duration kLookAfter{1000};

// What the server asks of the fleet.
struct Fleetwork {
  std::function<void(bool)> publish;  // whether anybody subscribes
  std::function<void(const Inquiry&, std::function<void(const Findings&)>)> inquire;
  std::function<std::string(const Request&)> set = nullptr;  // one of NXB_ADMIN_SETTINGS; its answer, a line
  Levers levers{};
  std::function<void(std::function<void(const ReloadReport&)>)> reload = {};
};

class Server final : private uv::Listener::Sink {
  struct Private {
    explicit Private() = default;
  };

 public:
  // `group`: its members may use it as well.
  static Result<std::unique_ptr<Server>> make(uv::Loop& loop, const std::string& path, Source source, Fleetwork fleet,
                                              std::optional<gid_t> group = std::nullopt);
  Server(Private, uv::Loop& loop, ListeningSocket socket, Source source, Fleetwork fleet, std::optional<gid_t> group);
  ~Server();

  void publish(Index worker, const ipc::Events& events);
  void publish(const Event& event);

 private:
  class Connection;
  void on_accepted(int fd) override;
  void on_exhausted() override;
  void drop(Connection* connection);
  void subscribers_changed();
  void inquire(std::uint64_t asker, const Inquiry& inquiry);
  void carry_out(std::uint64_t asker, const Request& order);
  void unwatch(const std::string& name);
  void reload(std::uint64_t asker);
  void answer_late(std::uint64_t asker, const std::string& line);
  void flush();

  uv::Loop& loop_;
  ListeningSocket socket_;
  Source source_;
  Fleetwork fleet_;
  std::optional<gid_t> group_;
  bool publishing_ = false;
  std::uint64_t last_id_ = 0;
  std::unique_ptr<uv::Listener> listener_;
  std::vector<std::unique_ptr<Connection>> connections_;  // oldest first
};

}  // namespace nxb::supervisor::admin
