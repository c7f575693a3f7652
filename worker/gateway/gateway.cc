// worker/gateway/gateway.cc - see gateway.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/gateway.h"

#include <utility>

#include "common/base/secret.h"
#include "worker/gateway/explain.h"

namespace nxb::gateway {

Gateway::Gateway(const config::Config& config, Ports& ports, stats::Counters& counters, std::function<Instant()> now)
    : context_{config, ports, counters, std::move(now), journal_} {}

void Gateway::on_request(RequestId id, bosh::Body body, const Client& client, std::string_view sid_for_creation) {
  bosh_.on_request(id, std::move(body), client, sid_for_creation);
}

void Gateway::on_request_gone(RequestId id) { bosh_.on_request_gone(id); }

void Gateway::on_deadline(SessionKey session) { bosh_.on_deadline(session); }

void Gateway::on_socket(SocketId id, const Client& client) { websockets_.on_socket(id, client); }

void Gateway::on_socket_event(SocketId id, ws::Event event) { websockets_.on_event(id, std::move(event)); }

void Gateway::on_socket_deadline(SocketId id) { websockets_.on_deadline(id); }

void Gateway::on_stream_event(StreamId stream, upstream::Event event) {
  std::optional<Links::Owner> owner = links_.heard(stream, event);
  if (!owner) return;
  if (owner->kind == Kind::WebSocket) return websockets_.on_server(SocketId{owner->session}, std::move(event));
  bosh_.on_server(SessionKey{owner->session}, owner->number, std::move(event));
}

std::string Gateway::explain(std::string_view sid) {
  std::string name = is_short_hash(sid) ? std::string(sid) : short_hash(sid);
  if (auto alive = bosh_.explain(sid)) return *std::move(alive);
  if (auto alive = websockets_.explain(name)) return *std::move(alive);
  Instant now = context_.now();
  Tombstones& ended = census_.tombstones();
  if (const Tombstone* stone = ended.find(name, now)) return explain_ended(*stone, now);
  return explain_unknown(ended, now);
}

void Gateway::reconfigure() {
  bosh_.reconfigure();
  websockets_.reconfigure();
}

void Gateway::shut_down() {
  census_.shut_down();
  bosh_.shut_down();
  websockets_.shut_down();
}

}  // namespace nxb::gateway
