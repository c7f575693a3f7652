// supervisor/admin/server.cc - see server.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "supervisor/admin/access.h"

namespace nxb::supervisor::admin {
namespace {

constexpr std::string_view kGood = "{\"ok\":true";

}  // namespace

class Server::Connection final : public uv::StreamSink {
 public:
  Connection(Server& server, std::uint64_t id)
      : server_(&server), id_(id), looking_(server.loop_, [this] { look_after(); }) {}
  Status start(int fd) {
    NXB_TRY(stream_, uv::Stream::adopt(server_->loop_, fd, *this));
    return Done{};
  }
  void detach() { server_ = nullptr; }  // given up, freed when the turn is over
  std::uint64_t id() const { return id_; }
  bool subscribes() const { return filter_.has_value(); }
  std::string watched() const { return filter_ ? filter_->watched() : std::string(); }

  // The answer that the rest of its requests waited for. It may be there at once: then take_lines() goes on by itself.
  void answer_late(const std::string& line) {
    waiting_ = false;
    if (subscribes() && !line.starts_with(kGood)) {  // there is nothing to watch
      filter_.reset();
      server_->subscribers_changed();
    }
    stream_->resume(uv::PauseReason::Busy);
    write(line);
    if (taking_ || subscribes()) return;
    take_lines();
    if (ended_ && stream_->queued() == 0 && !waiting_) give_up();
  }
  void offer(const Event& event) {
    if (waiting_ || !filter_->wants(event)) return;
    if (stream_->queued() + batch_.size() > kMaxUnread) {
      ++lost_;
    } else {
      tell_lost();
      batch_ += event.line;
    }
  }
  void offer_dropped(const std::string& line, std::uint64_t count) {
    if (waiting_) return;
    if (stream_->queued() + batch_.size() > kMaxUnread) {
      lost_ += count;
    } else {
      batch_ += line;
    }
  }
  void flush() {
    if (!batch_.empty()) stream_->write(std::exchange(batch_, {}));
  }

 private:
  void on_bytes(std::string_view bytes) override {
    if (!server_ || subscribes()) return;
    buffer_ += bytes;
    take_lines();
  }
  void on_end() override {  // `echo ... | socat` ends its side first and still wants the whole answer
    ended_ = true;
    if (subscribes()) return look_after();
    if (stream_->queued() == 0 && !waiting_) give_up();
  }
  void on_drained() override {
    if (subscribes()) {
      tell_lost();
      return flush();
    }
    if (ended_ && !waiting_) give_up();
  }
  void on_broken(const Error&) override { give_up(); }

  void take_lines() {
    auto more = [&] { return server_ && !waiting_ && !subscribes(); };
    taking_ = true;
    for (auto end = buffer_.find('\n'); end != std::string::npos && more(); end = buffer_.find('\n')) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      on_line(line);
    }
    taking_ = false;
    if (more() && buffer_.size() > kMaxLine) refuse("the line is too long");
  }
  void on_line(const std::string& line) {
    if (line.size() > kMaxLine) return refuse("the line is too long");
    auto request = parse_request(line);
    if (!request) return write(refusal(request.error().text));
    if (request->command == Command::events) return subscribe(*request);
    if (is_order(request->command)) {
      wait();
      return server_->carry_out(id_, *request);
    }
    if (is_snapshot(request->command)) return write(answer(request->command, server_->source_));
    if (is_setting(request->command)) return write(server_->fleet_.set(*request));
    if (request->command == Command::watch) return watch(*request);
    if (request->command == Command::reload) return reload();
    inquire(*request);
  }
  void subscribe(const Request& request) {
    auto filter = Filter::of(request);
    if (!filter) return write(refusal(filter.error().text));
    write("{\"ok\":true}\n");
    filter_ = *std::move(filter);
    buffer_.clear();
    if (server_) server_->subscribers_changed();
  }
  void inquire(const Request& request) {
    auto inquiry = inquiry_of(request);
    if (!inquiry) return write(refusal(inquiry.error().text));
    wait();
    server_->inquire(id_, *inquiry);
  }
  void wait() {
    waiting_ = true;
    stream_->pause(uv::PauseReason::Busy);
  }
  // It subscribes before its worker is asked: while nobody does, workers watch nothing.
  void watch(const Request& request) {
    if (auto sid = parse_sid(request.argument("sid"))) {
      filter_ = Filter::for_elements_of(*sid);
      buffer_.clear();
      server_->subscribers_changed();
    }
    inquire(request);
  }
  void reload() {
    wait();
    server_->reload(id_);
  }
  void tell_lost() {
    if (lost_ != 0) batch_ += dropped_line(std::nullopt, std::exchange(lost_, 0));
  }
  void write(const std::string& line) {
    stream_->write(line);
    if (stream_->queued() > kMaxQueued) give_up();
  }
  void refuse(std::string_view why) {
    stream_->write(refusal(why));
    give_up();
  }
  void give_up() {
    if (server_) server_->drop(this);
  }
  // A subscriber that ended its own side listens until both are closed. Its stream, at its end, does not tell.
  void look_after() {
    if (is_gone()) return give_up();
    looking_.start(kLookAfter);
  }
  bool is_gone() const {
    pollfd at{stream_->fd(), 0, 0};
    return poll(&at, 1, 0) > 0 && (at.revents & (POLLHUP | POLLERR)) != 0;
  }

  Server* server_;
  const std::uint64_t id_;
  std::unique_ptr<uv::Stream> stream_;
  std::string buffer_;
  bool ended_ = false;
  bool taking_ = false;           // the lines of buffer_
  bool waiting_ = false;          // for the answer to an inquiry
  std::optional<Filter> filter_;  // it subscribes
  std::string batch_;             // of events, for one write
  std::uint64_t lost_ = 0;        // since it was told
  uv::Timer looking_;
};

Result<std::unique_ptr<Server>> Server::make(uv::Loop& loop, const std::string& path, Source source, Fleetwork fleet,
                                             std::optional<gid_t> group) {
  NXB_TRY(auto address, Address::parse("unix:" + path));
  NXB_TRY([[maybe_unused]] auto folder, make_folder_for(path));  // /run is empty after a boot
  NXB_TRY(auto socket, ListeningSocket::open(address, kOwnerOnly));
  if (group) {
    NXB_TRY([[maybe_unused]] auto opened, open_to_group(path, *group));
  }
  auto server =
      std::make_unique<Server>(Private(), loop, std::move(socket), std::move(source), std::move(fleet), group);
  NXB_TRY(server->listener_, uv::Listener::adopt(loop, server->socket_.fd(), *server));
  return server;
}

Server::Server(Private, uv::Loop& loop, ListeningSocket socket, Source source, Fleetwork fleet,
               std::optional<gid_t> group)
    : loop_(loop), socket_(std::move(socket)), source_(std::move(source)), fleet_(std::move(fleet)), group_(group) {}

Server::~Server() = default;

void Server::on_accepted(int fd) {
  if (!may_command(fd, group_)) {
    log::warn("admin.refused", {{"why", "the peer is neither root nor our own user, nor of admin_group"}});
    close(fd);
    return;
  }
  if (connections_.size() >= kMaxConnections) drop(connections_.front().get());
  auto connection = std::make_unique<Connection>(*this, ++last_id_);
  if (auto started = connection->start(fd); !started) {
    log::warn("admin.failed", {{"why", started.error().text}});
    return;
  }
  connections_.push_back(std::move(connection));
}

void Server::on_exhausted() { log::warn("admin.exhausted", {{"why", "out of descriptors"}}); }

void Server::drop(Connection* connection) {
  auto at = std::ranges::find_if(connections_, [connection](const auto& held) { return held.get() == connection; });
  if (at == connections_.end()) return;
  std::string watched = connection->watched();
  connection->detach();
  loop_.retire(std::move(*at));
  connections_.erase(at);
  if (!watched.empty()) unwatch(watched);
  subscribers_changed();
}

void Server::subscribers_changed() {
  bool any = std::ranges::any_of(connections_, &Connection::subscribes);
  if (std::exchange(publishing_, any) != any) fleet_.publish(any);
}

// Who asked may be gone when the answer comes.
void Server::answer_late(std::uint64_t asker, const std::string& line) {
  auto at = std::ranges::find(connections_, asker, &Connection::id);
  if (at != connections_.end()) (*at)->answer_late(line);
}

void Server::inquire(std::uint64_t asker, const Inquiry& inquiry) {
  fleet_.inquire(inquiry, [this, asker, conclude = inquiry.conclude](const Findings& findings) {
    answer_late(asker, conclude(findings));
  });
}

void Server::reload(std::uint64_t asker) {
  fleet_.reload([this, asker](const ReloadReport& report) { answer_late(asker, reload_line(report)); });
}

void Server::carry_out(std::uint64_t asker, const Request& order) {
  admin::carry_out(order, fleet_.levers, [this, asker](const std::string& line) { answer_late(asker, line); });
}

void Server::unwatch(const std::string& name) {
  if (std::ranges::find(connections_, name, &Connection::watched) != connections_.end()) return;  // another one does
  fleet_.inquire({{}, ipc::Query::unwatch, name, nullptr}, [](const Findings&) {});
}

void Server::publish(Index worker, const ipc::Events& events) {
  std::string_view rest = events.lines;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    if (auto event = event_of(worker, rest.substr(0, end))) {
      for (auto& connection : connections_) {
        if (connection->subscribes()) connection->offer(*event);
      }
    }
    rest.remove_prefix(end + 1);
  }
  if (events.dropped != 0) {
    std::string line = dropped_line(worker, events.dropped);
    for (auto& connection : connections_) {
      if (connection->subscribes()) connection->offer_dropped(line, events.dropped);
    }
  }
  flush();
}

void Server::publish(const Event& event) {
  for (auto& connection : connections_) {
    if (connection->subscribes()) connection->offer(event);
  }
  flush();
}

void Server::flush() {
  for (auto& connection : connections_) connection->flush();
}

}  // namespace nxb::supervisor::admin
