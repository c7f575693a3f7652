// tests/scenario/stage_live.cc - see stage_live.h.
// SPDX-License-Identifier: MIT
#include "stage_live.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "http_text.h"
#include "socket_wire.h"

namespace nxb::scenario {

namespace {

constexpr int kGlance = 5;  // ms: what nobody tells of (a counter) is looked at again

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

Descriptor new_socket(int flags) {
  Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

// Listens on a free port of loopback; the port, or 0.
std::uint16_t listen_on(const Descriptor& fd) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::listen(fd.get(), 64) != 0) return 0;
  return ::getsockname(fd.get(), generic, &size) == 0 ? ntohs(address.sin_port) : std::uint16_t{0};
}

void reset(const Descriptor& fd) {
  linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

std::string header_of(const std::string& head, std::string_view name) {
  std::string wanted = "\r\n" + std::string(name) + ": ";
  auto at = head.find(wanted);
  if (at == std::string::npos) return {};
  at += wanted.size();
  return head.substr(at, head.find("\r\n", at) - at);
}

}  // namespace

Result<std::unique_ptr<StageLive>> StageLive::make(const Script& script, const std::string& supervisor,
                                                   Listener*& listener) {
  auto stage = std::make_unique<StageLive>(listener);
  std::map<std::string, std::string> targets;
  for (const Item& item : script.items) {
    const auto* part = std::get_if<Part>(&item);
    const std::string* domain = part ? find(part->arguments, "domain") : nullptr;
    if (!domain || targets.contains(*domain)) continue;
    Door door{*domain, new_socket(SOCK_NONBLOCK)};
    std::uint16_t port = listen_on(door.fd);
    if (port == 0) return Error{Code::Io, "cannot listen on loopback"};
    targets[*domain] = "127.0.0.1:" + std::to_string(port);
    stage->doors_.push_back(std::move(door));
  }
  if (auto started = stage->nxb_.start(supervisor, script.nxb, targets); !started) return started.error();
  return stage;
}

// --- clients ---

StageLive::Connection* StageLive::connection_for(const Sending& sending) {
  for (Connection& one : connections_) {
    bool ours = one.socket.fd && one.websocket == 0 && one.client == sending.client && one.name == sending.connection;
    if (ours && (!one.name.empty() || one.waiting.empty())) return &one;
  }
  return connect(sending.client, sending.connection);
}

StageLive::Connection* StageLive::connect(const std::string& client, const std::string& name) {
  Connection& fresh = connections_.emplace_back();
  fresh.client = client;
  fresh.name = name;
  fresh.socket.fd = new_socket(0);
  sockaddr_in address = loopback(nxb_.port());
  if (::connect(fresh.socket.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    connections_.pop_back();
    return nullptr;
  }
  return &fresh;
}

RequestNumber StageLive::send(const Sending& sending) {
  Connection* connection = connection_for(sending);
  if (!connection) return 0;
  connection->head_only = sending.http.starts_with("HEAD ");
  enqueue(connection->socket, sending.http.empty() ? write_post(sending.body) : sending.http, sending.chunk);
  write_to(connection->socket);
  RequestNumber number = ++last_request_;
  if (sending.answered) connection->waiting.push_back(number);
  return number;
}

void StageLive::cut(RequestNumber request) {
  for (Connection& one : connections_) {
    auto at = std::ranges::find(one.waiting, request);
    if (at == one.waiting.end()) continue;
    one.waiting.erase(at);
    return hang_up(one);
  }
}

// --- clients' WebSockets ---

StageLive::Connection* StageLive::websocket(SocketNumber socket) {
  auto at = std::ranges::find(connections_, socket, &Connection::websocket);
  return at == connections_.end() || !at->socket.fd ? nullptr : &*at;
}

SocketNumber StageLive::connect_socket(const std::string& path, const std::string& protocol) {
  Connection* connection = connect({}, {});
  if (!connection) return 0;
  connection->websocket = ++last_socket_;
  enqueue(connection->socket, write_handshake(path, protocol), 0);
  write_to(connection->socket);
  return last_socket_;
}

void StageLive::send_to_socket(SocketNumber socket, std::string_view bytes, std::size_t chunk) {
  Connection* connection = websocket(socket);
  if (!connection) return;
  enqueue(connection->socket, bytes, chunk);
  write_to(connection->socket);
}

void StageLive::cut_socket(SocketNumber socket) {
  Connection* connection = websocket(socket);
  if (!connection) return;
  reset(connection->socket.fd);
  connection->socket.fd = Descriptor();
}

// The answer to its handshake; then what comes is frames.
void StageLive::take_frames(Connection& connection) {
  if (!connection.upgraded) {
    auto end = connection.in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    if (!connection.in.starts_with("HTTP/1.1 101 ")) return hang_up(connection);
    connection.in.erase(0, end + 4);
    connection.upgraded = true;
    listener_->on_socket_open(connection.websocket);
  }
  std::string bytes = std::exchange(connection.in, {});
  if (!bytes.empty()) listener_->on_socket_bytes(connection.websocket, bytes);
}

// --- both ---

// What still waited on it hears nothing any more.
void StageLive::hang_up(Connection& connection) {
  connection.socket.fd = Descriptor();
  if (connection.websocket != 0) listener_->on_socket_closed(connection.websocket);
  for (RequestNumber number : std::exchange(connection.waiting, {})) listener_->on_unanswered(number);
}

void StageLive::enqueue(Socket& socket, std::string_view bytes, std::size_t chunk) {
  if (chunk == 0) chunk = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += chunk) socket.out.emplace_back(bytes.substr(at, chunk));
}

// One segment at a time: the next one has its own turn.
void StageLive::write_to(Socket& socket) {
  if (!socket.out.empty()) {
    std::string& first = socket.out.front();
    auto size = ::send(socket.fd.get(), first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN) socket.out.clear();
    if (size > 0) first.erase(0, static_cast<std::size_t>(size));
    if (!socket.out.empty() && first.empty()) socket.out.pop_front();
  }
  if (socket.closes && socket.out.empty()) {
    socket.closes = false;
    ::shutdown(socket.fd.get(), SHUT_WR);
  }
}

void StageLive::read_from(Connection& connection) {
  std::array<char, 65536> buffer{};
  auto size = ::recv(connection.socket.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) return hang_up(connection);
  connection.in.append(buffer.data(), static_cast<std::size_t>(size));
  connection.websocket != 0 ? take_frames(connection) : take_answers(connection);
}

void StageLive::take_answers(Connection& connection) {
  for (;;) {
    auto end = connection.in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    HttpAnswer answer;
    answer.head = connection.in.substr(0, end + 2);
    answer.status = std::atoi(answer.head.substr(std::min<std::size_t>(9, answer.head.size())).c_str());
    answer.content_type = header_of(answer.head, "Content-Type");
    std::size_t length =
        connection.head_only ? 0 : std::strtoul(header_of(answer.head, "Content-Length").c_str(), nullptr, 10);
    if (connection.in.size() < end + 4 + length) return;
    answer.body = connection.in.substr(end + 4, length);
    connection.in.erase(0, end + 4 + length);
    if (answer.status == 100) continue;
    if (connection.waiting.empty()) continue;  // an answer to nothing that was named
    RequestNumber number = connection.waiting.front();
    connection.waiting.pop_front();
    listener_->on_answer(number, std::move(answer));
  }
}

// --- servers ---

void StageLive::accept_from(Door& door) {
  Descriptor fd(::accept4(door.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  links_[++last_link_].fd = std::move(fd);
  listener_->on_link(last_link_, door.domain);
}

void StageLive::read_from(LinkNumber link, Socket& socket) {
  std::array<char, 65536> buffer{};
  auto size = ::recv(socket.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return;
  if (size > 0) return listener_->on_link_bytes(link, {buffer.data(), static_cast<std::size_t>(size)});
  socket.fd = Descriptor();
  listener_->on_link_closed(link);
}

void StageLive::send_to_nxb(LinkNumber link, std::string_view bytes, std::size_t chunk) {
  auto at = links_.find(link);
  if (at == links_.end() || !at->second.fd) return;
  enqueue(at->second, bytes, chunk);
  write_to(at->second);
}

void StageLive::close(LinkNumber link, Close how) {
  auto at = links_.find(link);
  if (at == links_.end() || !at->second.fd) return;
  if (how == Close::Gracefully) {
    at->second.closes = true;
    return write_to(at->second);
  }
  reset(at->second.fd);
  at->second.fd = Descriptor();
}

// --- time ---

void StageLive::wait(Instant until) {
  transact(static_cast<int>(std::clamp<Duration::rep>((until - now()).count(), 0, kGlance)));
}

// Reads and writes what can be; false when nothing could within the time.
bool StageLive::transact(int timeout_ms) {
  std::vector<pollfd> set;
  auto watch = [&set](const Socket& socket) {
    short events = socket.out.empty() && !socket.closes ? POLLIN : POLLIN | POLLOUT;
    set.push_back({socket.fd ? socket.fd.get() : -1, events, 0});
  };
  std::size_t connections = connections_.size();
  std::vector<LinkNumber> links;
  for (const Connection& one : connections_) watch(one.socket);
  for (const auto& [number, socket] : links_) {
    links.push_back(number);
    watch(socket);
  }
  for (const Door& door : doors_) set.push_back({door.fd.get(), POLLIN, 0});
  if (::poll(set.data(), set.size(), timeout_ms) <= 0) return false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    short happened = set[i].revents;
    if (happened == 0) continue;
    if (i < connections) {
      if (happened & POLLOUT) write_to(connections_[i].socket);
      if (happened & ~POLLOUT) read_from(connections_[i]);
    } else if (i < connections + links.size()) {
      LinkNumber link = links[i - connections];
      if (happened & POLLOUT) write_to(links_[link]);
      if (happened & ~POLLOUT) read_from(link, links_[link]);
    } else {
      accept_from(doors_[i - connections - links.size()]);
    }
  }
  return true;
}

// A question that nxb answers in a later turn of its loop: what it had begun to do is done. With several workers only
// one of them is asked.
bool StageLive::fence() {
  if (!probe_) {
    probe_ = new_socket(0);
    timeval patience{15, 0};
    ::setsockopt(probe_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address = loopback(nxb_.port());
    if (::connect(probe_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) probe_.reset();
  }
  constexpr std::string_view kQuestion = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::array<char, 4096> answer{};
  bool sent = probe_ && ::send(probe_.get(), kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL) > 0;
  if (sent && ::recv(probe_.get(), answer.data(), answer.size(), 0) > 0) return true;
  probe_.reset();
  return false;
}

// Everything sent is with nxb when it holds as many requests as have no answer, and what it did about them has come.
// Requests that were answered meanwhile only make it wait for the answers to be read.
bool StageLive::settled(std::size_t open) {
  bool out = std::ranges::all_of(connections_, [](const Connection& one) { return one.socket.out.empty(); }) &&
             std::ranges::all_of(links_, [](const auto& one) { return one.second.out.empty(); });
  if (!out) return false;
  auto held = nxb_.counter("requests_held", -1);
  return held && *held >= open && fence() && !transact(0);
}

// Clients and servers go first: then there is nothing that nxb has to wait for.
Status StageLive::finish() {
  connections_.clear();
  links_.clear();
  doors_.clear();
  probe_.reset();
  return nxb_.stop();
}

}  // namespace nxb::scenario
