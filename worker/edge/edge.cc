// worker/edge/edge.cc - see edge.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/edge.h"

#include <unistd.h>

#include <utility>

#include "common/base/address.h"
#include "common/config/host.h"
#include "common/log/log.h"
#include "worker/edge/http_connection.h"

namespace nxb::edge {

using stats::Counter;

namespace {

std::string host_name() {
  std::string name = config::host_name();
  return name.empty() ? "this host" : name;
}

http::Limits limits_of(const config::Config& config) {
  http::Limits limits;
  limits.body = config.bosh.max_data_held;
  return limits;
}

}  // namespace

// One listening socket.
class Edge::Port final : public uv::Listener::Sink {
 public:
  Port(Edge& edge, std::uint16_t index) : edge_(edge), index_(index) {}
  std::uint16_t index() const { return index_; }
  std::unique_ptr<uv::Listener> listener;

 private:
  void on_accepted(int fd) override { edge_.accepted(Descriptor(fd), index_); }
  void on_exhausted() override {
    edge_.shared_.context.counters.add(Counter::accept_pauses);
    log::warn("edge.out_of_descriptors");
  }
  Edge& edge_;
  std::uint16_t index_;
};

Edge::Edge(const Context& context)
    : shared_{.context = context,
              .replies = http::Replies(context.config.http, context.config.sticky),
              .parsers = http::ParserPool(limits_of(context.config)),
              .pages = Pages(host_name()),
              .monitor = MonitorPage(host_name()),
              .supervised = Supervised(context.loop, context.deadlines, context.ask,
                                       [this](RequestId of) {
                                         if (auto* connection = connections_.find(of.conn)) connection->show(of.number);
                                       }),
              .trusted = {},
              .family = {},
              .failures = {},
              .balance = Balance(context.index, context.workers),
              .closed = [this](ConnId id) { closed(id); },
              .upgraded = [this](ConnId id, Upgraded connection) { upgraded(id, std::move(connection)); }},
      peers_(context.config.server.max_connections_per_address, shared_.trusted),
      greetings_(shared_.context, shared_.trusted,
                 {.heard = [this](relay::Handover newcomer) { welcome(std::move(newcomer)); },
                  .fewer = [this] { watch_capacity(); }}),
      tls_(shared_.context,
           {.secured = [this](relay::Handover newcomer) { take(std::move(newcomer)); },
            .counted = [this](const std::string& peer, std::uint16_t listener) { peers_.opened(peer, listener); },
            .uncounted = [this](const std::string& peer, std::uint16_t listener) { peers_.closed(peer, listener); },
            .fewer = [this] { watch_capacity(); }}),
      sockets_(shared_.context, [this](const std::string& peer, std::uint16_t listener) { forget(peer, listener); }) {
  shared_.family = context.deadlines.add(*this);
  read_trusted();
}

void Edge::read_trusted() {
  shared_.trusted.clear();
  for (const config::Listen& listen : shared_.context.config.listen)
    shared_.trusted.emplace_back(listen.trusted_proxies, listen.accept_proxy);
}

Edge::~Edge() {
  connections_.for_each(
      [this](ConnId id, HttpConnection&) { shared_.context.deadlines.clear(shared_.family, id.value); });
}

Status Edge::listen(int fd, std::uint16_t listener) {
  auto port = std::make_unique<Port>(*this, listener);
  NXB_TRY(port->listener, uv::Listener::adopt(shared_.context.loop, fd, *port));
  port->listener->bequeath(shared_.context.config.http.http_socket_keepalive);  // C-09
  if (!accepting_ || shared_.shutting_down) port->listener->pause();
  ports_.push_back(std::move(port));
  return Done{};
}

void Edge::unlisten(std::uint16_t listener) {
  for (auto& port : ports_) {
    if (port->index() != listener) continue;
    port->listener.reset();
    shared_.context.loop.retire(std::move(port));
  }
  std::erase(ports_, nullptr);
}

// Who counts depends on who is trusted: all are counted again.
void Edge::reconfigure() {
  const config::Config& config = shared_.context.config;
  shared_.replies.change(config.http, config.sticky);
  shared_.parsers.change(limits_of(config));
  for (const auto& port : ports_) port->listener->bequeath(config.http.http_socket_keepalive);
  read_trusted();
  peers_.start_over(config.server.max_connections_per_address);
  connections_.for_each(
      [this](ConnId, HttpConnection& connection) { peers_.opened(connection.peer(), connection.listener()); });
  sockets_.for_each([this](const WsConnection& socket) { peers_.opened(socket.peer(), socket.listener()); });
  tls_.for_each_counted([this](const std::string& peer, std::uint16_t listener) { peers_.opened(peer, listener); });
  watch_capacity();
}

void Edge::accepted(Descriptor fd, std::uint16_t listener) {
  shared_.context.counters.add(Counter::connections_accepted);
  auto peer = Address::peer_of(fd.get());
  if (!peer) return;  // it went away while it waited
  if (greetings_.wanted_at(listener)) {
    greetings_.take(std::move(fd), listener, *peer);
    return watch_capacity();
  }
  relay::Handover newcomer;
  newcomer.fd = std::move(fd);
  newcomer.listener = listener;
  newcomer.peer = peer->text();
  welcome(std::move(newcomer));
}

// Accepted by this worker, from whom is known.
void Edge::welcome(relay::Handover newcomer) {
  if (!tls_.wanted_at(newcomer.listener)) return take(std::move(newcomer));
  // One that may not stay is told so under TLS, too (H-45), as long as that costs a bounded number of handshakes.
  if (shared_.shutting_down) return;
  if (peers_.judge(newcomer.peer, newcomer.listener) == PeerLimit::Verdict::Shut) {
    return shared_.context.counters.add(Counter::connections_refused_address);
  }
  peers_.opened(newcomer.peer, newcomer.listener);
  tls_.take(std::move(newcomer));
  watch_capacity();
}

HttpConnection* Edge::adopt(int fd, std::uint16_t listener, std::string peer) {
  ConnId id = connections_.reserve();
  auto made = HttpConnection::make(shared_, id, fd, listener, std::move(peer));
  if (!made) {
    connections_.take(id);
    log::warn("edge.adopt_failed", {{"why", made.error().text}});
    return nullptr;
  }
  shared_.context.counters.add(Counter::connections);
  HttpConnection& connection = connections_.put(id, *std::move(made));
  peers_.opened(connection.peer(), listener);
  return &connection;
}

void Edge::take(relay::Handover handover) {
  PeerLimit::Verdict verdict = peers_.judge(handover.peer, handover.listener);
  if (verdict != PeerLimit::Verdict::Welcome) {
    shared_.context.counters.add(Counter::connections_refused_address);
    log::warn("edge.peer_limit", {{"peer", handover.peer}});
  }
  if (verdict == PeerLimit::Verdict::Shut) return;
  if (verdict == PeerLimit::Verdict::Refused) return turn_away(std::move(handover));
  HttpConnection* connection = adopt(handover.fd.release(), handover.listener, handover.peer);
  if (!connection) return;
  if (shared_.shutting_down) connection->last_request();
  connection->resume(std::move(handover));
  watch_capacity();
}

void Edge::turn_away(relay::Handover handover) {
  HttpConnection* connection = adopt(handover.fd.release(), handover.listener, handover.peer);
  if (connection) connection->refuse(handover.bytes);
  watch_capacity();
}

void Edge::take_back(relay::Handover handover) {
  HttpConnection* connection = adopt(handover.fd.release(), handover.listener, handover.peer);
  if (connection) connection->take_back(std::move(handover));
  watch_capacity();
}

void Edge::reply(RequestId to, gateway::Reply reply) {
  if (HttpConnection* connection = connections_.find(to.conn)) connection->reply(to.number, std::move(reply));
}

void Edge::hang_up(RequestId of) {
  if (HttpConnection* connection = connections_.find(of.conn)) connection->hang_up();
}

void Edge::closed(ConnId id) {
  std::unique_ptr<HttpConnection> connection = connections_.take(id);
  forget(connection->peer(), connection->listener());
  shared_.context.loop.retire(std::move(connection));
}

void Edge::upgraded(ConnId id, Upgraded connection) {
  shared_.context.loop.retire(connections_.take(id));
  sockets_.add(std::move(connection));
}

void Edge::forget(const std::string& peer, std::uint16_t listener) {
  shared_.context.counters.sub(Counter::connections);
  peers_.closed(peer, listener);
  watch_capacity();
}

void Edge::watch_capacity() {
  const std::size_t most = shared_.context.config.server.max_connections;
  bool room = connections() < most && tls_.size() < most;
  if (room == std::exchange(accepting_, room) || shared_.shutting_down) return;
  for (const auto& port : ports_) room ? port->listener->resume() : port->listener->pause();
  shared_.context.mailroom.take_in(room);  // the limit holds for connections of other workers, too (H-45)
  if (room) return;
  shared_.context.counters.add(Counter::connection_limit_pauses);
  log::warn("edge.connection_limit", {{"connections", connections()}});
}

void Edge::shut_down() {
  if (std::exchange(shared_.shutting_down, true)) return;
  for (const auto& port : ports_) port->listener->pause();
  greetings_.shut_down();
  tls_.shut_down();
  connections_.for_each([](ConnId, HttpConnection& connection) { connection.shut_down(); });
}

void Edge::on_deadline(std::uint64_t id, Instant now) {
  if (HttpConnection* connection = connections_.find(ConnId{id})) connection->on_deadline(now);
}

}  // namespace nxb::edge
