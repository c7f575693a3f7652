// supervisor/admin/server.cc - see server.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "common/log/log.h"

namespace nxb::supervisor::admin {
namespace {

bool may_command(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

}  // namespace

class Server::Connection final : public uv::StreamSink {
 public:
  explicit Connection(Server& server) : server_(&server) {}
  Status start(int fd) {
    NXB_TRY(stream_, uv::Stream::adopt(server_->loop_, fd, *this));
    return Done{};
  }
  void detach() { server_ = nullptr; }  // given up, freed when the turn is over

 private:
  void on_bytes(std::string_view bytes) override {
    if (!server_) return;
    buffer_ += bytes;
    std::size_t start = 0;
    for (auto end = buffer_.find('\n'); end != std::string::npos && server_; end = buffer_.find('\n', start)) {
      on_line(std::string_view(buffer_).substr(start, end - start));
      start = end + 1;
    }
    buffer_.erase(0, start);
    if (server_ && buffer_.size() > kMaxLine) refuse("the line is too long");
  }
  void on_end() override {  // `echo ... | socat` ends its side first and still wants the whole answer
    ended_ = true;
    if (stream_->queued() == 0) give_up();
  }
  void on_drained() override {
    if (ended_) give_up();
  }
  void on_broken(const Error&) override { give_up(); }

  void on_line(std::string_view line) {
    if (line.size() > kMaxLine) return refuse("the line is too long");
    stream_->write(answer(line, server_->source_));
    if (stream_->queued() > kMaxQueued) give_up();
  }
  void refuse(std::string_view why) {
    stream_->write(refusal(why));
    give_up();
  }
  void give_up() {
    if (server_) server_->drop(this);
  }

  Server* server_;
  std::unique_ptr<uv::Stream> stream_;
  std::string buffer_;
  bool ended_ = false;
};

Result<std::unique_ptr<Server>> Server::make(uv::Loop& loop, const std::string& path, Source source) {
  NXB_TRY(auto address, Address::parse("unix:" + path));
  // /run is empty after a boot. One level only; a failure shows itself at bind().
  if (auto slash = path.rfind('/'); slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), 0755);
  NXB_TRY(auto socket, ListeningSocket::open(address, kOwnerOnly));
  auto server = std::make_unique<Server>(Private(), loop, std::move(socket), std::move(source));
  NXB_TRY(server->listener_, uv::Listener::adopt(loop, server->socket_.fd(), *server));
  return server;
}

Server::Server(Private, uv::Loop& loop, ListeningSocket socket, Source source)
    : loop_(loop), socket_(std::move(socket)), source_(std::move(source)) {}

Server::~Server() = default;

void Server::on_accepted(int fd) {
  if (!may_command(fd)) {
    log::warn("admin.refused", {{"why", "the peer is neither root nor our own user"}});
    close(fd);
    return;
  }
  if (connections_.size() >= kMaxConnections) drop(connections_.front().get());
  auto connection = std::make_unique<Connection>(*this);
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
  connection->detach();
  loop_.retire(std::move(*at));
  connections_.erase(at);
}

}  // namespace nxb::supervisor::admin
