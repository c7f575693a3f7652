// worker/gateway/gateway.cc - see gateway.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/gateway.h"

#include <utility>

#include "common/base/secret.h"
#include "common/log/line.h"
#include "worker/gateway/explain.h"
#include "worker/gateway/roster.h"

namespace nxb::gateway {

Gateway::Gateway(const config::Config& config, Ports& ports, stats::Counters& counters, std::function<Instant()> now)
    : context_{config, ports, counters, std::move(now), journal_, recent_} {}

void Gateway::on_request(RequestId id, bosh::Body&& body, const Client& client, std::string_view sid_for_creation) {
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

std::string Gateway::explain(std::string_view sid, Depth depth) {
  std::string name = is_short_hash(sid) ? std::string(sid) : short_hash(sid);
  if (auto alive = bosh_.explain(sid, depth)) return *std::move(alive);
  if (auto alive = websockets_.explain(name, depth)) return *std::move(alive);
  Instant now = context_.now();
  Tombstones& ended = census_.tombstones();
  if (const Tombstone* stone = ended.find(name, now)) return explain_ended(*stone, context_, depth);
  return explain_unknown(ended, now);
}

std::string Gateway::list(std::string_view text) {
  auto query = ipc::parse_session_query(text);
  if (!query) return "{}";  // the supervisor wrote it
  Roster roster(*query, context_.now());
  bosh_.survey(roster);
  websockets_.survey(roster);
  return roster.json();
}

std::string Gateway::kick(std::string_view sid, std::string_view word) {
  bosh::Condition condition = bosh::condition_named(word);
  std::string name = is_short_hash(sid) ? std::string(sid) : short_hash(sid);
  if (condition == bosh::Condition::None) return "{}";  // the supervisor knows which there are
  std::optional<Kind> kind;
  if (bosh_.kick(sid, condition)) {
    kind = Kind::Bosh;
  } else if (websockets_.kick(name, condition)) {
    kind = Kind::WebSocket;
  }
  return kind ? explain_kicked(*kind, name, condition) : explain(sid);
}

void Gateway::drain(bool on) {
  census_.drain(on);
  if (!on) farewell_ = {};
}

void Gateway::say_goodbye(Duration over) {
  farewell_ = Farewell(bosh_.live(), websockets_.all(), context_.now(), over);
  say_due_goodbyes();
}

void Gateway::say_due_goodbyes() {
  while (auto session = farewell_.take(context_.now())) {
    if (const auto* key = std::get_if<SessionKey>(&*session)) bosh_.say_goodbye(*key);
    if (const auto* id = std::get_if<SocketId>(&*session)) websockets_.say_goodbye(*id);
  }
}

std::string Gateway::watch(std::string_view sid) {
  std::string name = is_short_hash(sid) ? std::string(sid) : short_hash(sid);
  if (!bosh_.explain(sid, Depth::Brief) && !websockets_.explain(name, Depth::Brief)) return explain(sid);
  journal_.watch(name);
  return log::json_object(std::vector<log::Field>{{"state", "watched"}, {"sid", name}});
}

std::string Gateway::unwatch(std::string_view name) {
  journal_.unwatch(name);
  return "{}";
}

void Gateway::reconfigure() {
  bosh_.reconfigure();
  websockets_.reconfigure();
}

}  // namespace nxb::gateway
