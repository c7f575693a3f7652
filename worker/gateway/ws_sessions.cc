// worker/gateway/ws_sessions.cc - see ws_sessions.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/ws_sessions.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/secret.h"
#include "worker/gateway/explain.h"
#include "worker/gateway/pump.h"
#include "worker/gateway/roster.h"

namespace nxb::gateway {

namespace {

constexpr std::size_t kMaxEvents = 64;    // that one event may cause; more would be a loop between session and server
constexpr std::size_t kNameBytes = 18;    // random ones, as in a sid
constexpr std::uint32_t kOnlyStream = 1;  // W-39

ws::SessionLimits limits_from(const config::Config::WebSocket& websocket) {
  ws::SessionLimits limits;
  limits.ping_interval = websocket.ping_interval;
  limits.max_unsent = websocket.max_buffer;
  limits.slow_above = ws::slow_above(limits.max_unsent);
  limits.legacy_framing = websocket.legacy_framing;
  limits.see_other_uri = websocket.see_other_uri;
  return limits;
}

// What is said to a connection that cannot have a session: whether it is the worker's trouble or the client's doing.
ws::Refused refusal(Census::Objection objection) {
  using Objection = Census::Objection;
  bool ours = objection == Objection::Draining || objection == Objection::Full;
  return {ours ? ws::CloseCode::TryAgainLater : ws::CloseCode::PolicyViolation, Census::name_of(objection)};
}

// Where a client may name a domain; null: it cannot there.
std::string* domain_in(ws::Event& event) {
  auto* arrived = std::get_if<ws::MessageArrived>(&event);
  if (!arrived) return nullptr;
  ws::Message& message = arrived->message;
  bool header = message.kind == ws::Message::Kind::Open || message.kind == ws::Message::Kind::LegacyHeader;
  return header ? &message.to : nullptr;
}

}  // namespace

// One session with what the world knows of it and the session does not.
struct WsSessions::Cell {
  Cell(const ws::SessionLimits& l, std::string name, const Client& client, Instant now)
      : limits(l),
        record{Kind::WebSocket, short_hash(name), client.address, client.port, client.secure, {}, now},
        heard_or_told(now),
        session(l, std::move(name), now) {}

  const ws::SessionLimits& limits;  // an element of limits_
  Record record;
  Held held;
  std::uint64_t unsent = 0;  // the most since the session was told
  Instant heard_or_told;     // when a frame was last on the connection, either way
  Pump<ws::Session, ws::Event, ws::Action> pump;
  ws::Session session;
};

WsSessions::WsSessions(const Context& context, Census& census, Links& links, CutWatch& cuts)
    : context_(context), census_(census), links_(links), cuts_(cuts), limits_{limits_from(context.config.websocket)} {}

WsSessions::~WsSessions() = default;

void WsSessions::on_socket(SocketId id, const Client& client) {
  auto made = std::make_unique<Cell>(limits_.back(), random_token(kNameBytes), client, context_.now());
  auto [at, fresh] = cells_.emplace(id, std::move(made));
  if (!NXB_EXPECT(fresh, "a WebSocket is told of once")) return;
  Cell& cell = *at->second;
  Census::Objection objection = census_.judge(Kind::WebSocket, client.address);
  if (objection != Census::Objection::None) return deliver(id, refusal(objection));
  census_.begin(cell.record);
  settle(id, cell);
}

void WsSessions::on_event(SocketId id, ws::Event event) {
  std::string* domain = domain_in(event);
  if (domain && domain->empty()) *domain = context_.config.upstream.default_domain;  // as B-17
  if (auto at = cells_.find(id); at != cells_.end()) {
    Record& record = at->second->record;
    if (std::holds_alternative<ws::MessageArrived>(event)) {
      ++record.requests;
      record.heard = context_.now();
    }
    if (const auto* close = std::get_if<ws::CloseArrived>(&event)) record.close_code = close->code;
    watch(*at->second, event);
  }
  deliver(id, std::move(event));
}

// Who says goodbye was not cut off.
void WsSessions::watch(Cell& cell, const ws::Event& event) {
  cuts_.look();
  const auto* gone = std::get_if<ws::ConnectionGone>(&event);
  if (!gone) {
    cell.heard_or_told = context_.now();
  } else if (gone->by_peer && cell.record.live && cell.record.close_code == 0 && !census_.draining()) {
    cuts_.cut(Kind::WebSocket, context_.now() - cell.heard_or_told, cell.record.client);
  }
}

void WsSessions::on_deadline(SocketId id) { deliver(id, ws::TimePassed{}); }

void WsSessions::on_server(SocketId id, upstream::Event event) {
  if (auto at = cells_.find(id); at != cells_.end()) {
    links_.heard(at->second->held, at->second->record, kOnlyStream, event);
    // Sent at once; what a slow client does not take is the socket's.
    if (std::holds_alternative<upstream::Arrived>(event)) {
      context_.counters.observe(stats::Histogram::delivery, Duration::zero());
    }
  }
  deliver(id, ws::ServerSpoke{std::move(event)});
}

// Of earlier limits only those stay that a session began with.
void WsSessions::reconfigure() {
  std::set<const ws::SessionLimits*> used;
  for (const auto& [id, cell] : cells_) used.insert(&cell->limits);
  limits_.remove_if([&used](const ws::SessionLimits& limits) { return !used.contains(&limits); });
  limits_.push_back(limits_from(context_.config.websocket));
}

std::vector<SocketId> WsSessions::all() const {
  std::vector<SocketId> all;
  for (const auto& [id, cell] : cells_) all.push_back(id);
  return all;
}

bool WsSessions::kick(std::string_view name, bosh::Condition condition) {
  auto at = std::ranges::find_if(
      cells_, [name](const auto& each) { return each.second->record.name == name && each.second->record.live; });
  if (at == cells_.end()) return false;
  deliver(at->first, ws::Kicked{condition});
  return true;
}

void WsSessions::survey(Roster& roster) const {
  for (const auto& [id, cell] : cells_) {
    if (!cell->record.live) continue;
    roster.offer({&cell->record, &cell->held, context_.ports.unsent(id), ws::name_of(cell->session.state())});
  }
}

std::optional<std::string> WsSessions::explain(std::string_view name, Depth depth) const {
  for (const auto& [id, cell] : cells_) {
    if (cell->record.name != name || !cell->record.live) continue;
    std::vector<log::Field> own{{"phase", ws::name_of(cell->session.state())},
                                {"unsent_bytes", context_.ports.unsent(id)}};
    return explain_alive(cell->record, cell->held, context_, own, depth);
  }
  return std::nullopt;
}

// --- sessions come and go ---

void WsSessions::deliver(SocketId id, ws::Event&& event) {
  auto at = cells_.find(id);
  if (at == cells_.end()) return;  // it is gone; a late event is not an error
  Cell& cell = *at->second;
  auto each = [&](ws::Action& action) { std::visit([&](auto& known) { perform(id, cell, known); }, action); };
  auto after = [&] { return slowness(cell); };
  switch (cell.pump.run(cell.session, std::move(event), context_.now, kMaxEvents, each, after)) {
    case Pumped::AtRest:
      return settle(id, cell);
    case Pumped::ByAnother:
      return;
    case Pumped::Restless:
      return give_up(id, cell);
  }
}

// The session hears at once that its client is slow: before its server is read again, which may say as much in no time.
std::optional<ws::Event> WsSessions::slowness(Cell& cell) const {
  std::uint64_t unsent = std::exchange(cell.unsent, 0);
  if (unsent <= cell.limits.slow_above) return std::nullopt;
  return ws::Unsent{unsent};
}

// A session that cannot come to rest is ended (U-72).
void WsSessions::give_up(SocketId id, Cell& cell) {
  context_.ports.send_frame(id, ws::Opcode::Close, ws::close_payload(ws::CloseCode::InternalError));
  context_.ports.close_socket(id);
  links_.abandon(cell.held, cell.record);
  census_.end(cell.record, {"internal error", bosh::Condition::InternalServerError});
  forget(id);
}

// Between events: the deadline follows the session, and one that is gone leaves.
void WsSessions::settle(SocketId id, Cell& cell) {
  if (cell.session.state() == ws::State::Gone) return forget(id);
  context_.ports.wake_socket_at(id, cell.session.next_deadline());
}

void WsSessions::forget(SocketId id) {
  context_.ports.wake_socket_at(id, std::nullopt);
  cells_.erase(id);
}

// --- actions ---

// Above max_unsent the session fails next: the rest of what one event made it say would only be held.
void WsSessions::perform(SocketId id, Cell& cell, ws::Send& send) {
  if (cell.unsent > cell.limits.max_unsent && send.opcode != ws::Opcode::Close) return;
  context_.ports.send_frame(id, send.opcode, send.payload);
  cell.heard_or_told = context_.now();
  cell.unsent = std::max<std::uint64_t>(cell.unsent, context_.ports.unsent(id));
}

void WsSessions::perform(SocketId id, Cell& /*cell*/, ws::HangUp& /*hang_up*/) { context_.ports.close_socket(id); }

void WsSessions::perform(SocketId /*id*/, Cell& cell, ws::Forward& forward) {
  links_.send(cell.held, cell.record, kOnlyStream, forward.elements, forward.count);
}

void WsSessions::perform(SocketId id, Cell& cell, ws::OpenStream& open) {
  auto refused = links_.open({Kind::WebSocket, id.value, kOnlyStream}, cell.held, cell.record, open.spec);
  if (refused) deliver(id, ws::ServerSpoke{*std::move(refused)});
}

void WsSessions::perform(SocketId /*id*/, Cell& cell, ws::RestartStream& /*restart*/) {
  links_.restart(cell.held, cell.record, kOnlyStream, {});
}

void WsSessions::perform(SocketId /*id*/, Cell& cell, ws::CloseStream& close) {
  links_.close(cell.held, cell.record, kOnlyStream, close.parting);
}

void WsSessions::perform(SocketId /*id*/, Cell& cell, ws::ReadServer& read) {
  links_.set_reading(cell.held, kOnlyStream, read.on);
}

void WsSessions::perform(SocketId id, Cell& /*cell*/, ws::ReadClient& read) { context_.ports.read_socket(id, read.on); }

// Of one that was refused nobody heard that it began.
void WsSessions::perform(SocketId /*id*/, Cell& cell, ws::Ended& ended) {
  census_.end(cell.record, {ended.why, ended.condition, ended.by, 0, ended.by_stream});
}

}  // namespace nxb::gateway
