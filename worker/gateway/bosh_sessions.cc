// worker/gateway/bosh_sessions.cc - see bosh_sessions.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/bosh_sessions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/secret.h"
#include "common/log/log.h"
#include "worker/bosh/content_type.h"
#include "worker/gateway/explain.h"
#include "worker/gateway/roster.h"

namespace nxb::gateway {

using stats::Counter;

namespace {

// More events than this from one event would be a loop between a session and its upstream: what each of the requests
// that wait for a missing one can make each stream say at once, several times over.
std::size_t max_events(const bosh::SessionLimits& limits) {
  return 64 + std::size_t{4} * limits.max_streams * (limits.max_hold + 2);
}

constexpr std::size_t kMaxUa = 256;  // C-44

bosh::SessionLimits limits_from(const config::Config::Bosh& bosh) {
  bosh::SessionLimits limits;
  limits.max_wait = bosh.max_wait;
  limits.max_hold = bosh.max_bosh_connections;
  limits.default_inactivity = bosh.default_inactivity;
  limits.max_inactivity = bosh.max_inactivity;
  limits.inactivity_grace = bosh.inactivity_grace;
  limits.abort_grace = bosh.abort_grace;
  limits.features_hold = bosh.features_hold;
  limits.gap_timeout = bosh.gap_timeout;
  limits.max_pause = bosh.max_pause;
  limits.polling = bosh.polling;
  limits.max_streams = bosh.pidgin_compatible ? 1 : bosh.max_streams_per_session;
  limits.max_pending = bosh.max_pending;
  return limits;
}

}  // namespace

// One session with what the world knows of it and the session does not.
struct BoshSessions::Cell {
  Cell(const bosh::SessionLimits& limits, std::string_view sid, RequestId id, bosh::Body creation, const Client& client,
       Instant now, bosh::Actions& out)
      : content_type(bosh::content_type(creation.content)),
        begun_by(id),
        record{Kind::Bosh,  short_hash(sid), client.address,
               client.port, client.secure,   std::string(creation.ua, 0, kMaxUa),
               now},
        session(limits, std::string(sid), id, std::move(creation), now, out) {}

  std::string_view content_type;  // of every answer (B-23); a literal
  TokenBucket bucket;             // of its requests (H-46)
  const RequestId begun_by;
  std::size_t remembered = 0;            // bytes, once it has ended
  std::optional<Instant> waiting_since;  // the first of the stanzas that the client has not got
  Record record;
  Held held;
  Pump<bosh::Session, bosh::Event, bosh::Action> pump;
  bosh::Session session;
};

BoshSessions::BoshSessions(const Context& context, Census& census, Links& links, CutWatch& cuts)
    : context_(context), census_(census), links_(links), cuts_(cuts), limits_(limits_from(context.config.bosh)) {}

BoshSessions::~BoshSessions() = default;

void BoshSessions::on_request(RequestId id, bosh::Body&& body, const Client& client,
                              std::string_view sid_for_creation) {
  if (body.sid.empty()) return create(id, std::move(body), client, sid_for_creation);
  auto at = by_sid_.find(body.sid);
  if (at == by_sid_.end()) {
    context_.counters.add(Counter::unknown_sids);
    bool ended = census_.tombstones().find(short_hash(body.sid), context_.now()) != nullptr;
    context_.counters.unknown_sid(ended ? stats::SidReason::ended : stats::SidReason::unknown);
    return refuse(id, bosh::Condition::ItemNotFound, false);  // 200 for everybody (B-106)
  }
  Cell& cell = *cells_.find(at->second);
  if (cell.record.secure && !client.secure) {  // B-111: somebody may have listened; the session does not hear of it
    context_.counters.add(Counter::connections_dropped_insecure);
    log::warn("session.insecure_request", {{"sid", cell.record.name}, {"client", client.address}});
    return context_.ports.hang_up(id);
  }
  const config::Config::Bosh& bosh = context_.config.bosh;
  if (cell.record.live && !cell.bucket.take({bosh.request_rate, bosh.request_burst}, context_.now())) {
    context_.counters.add(Counter::requests_over_rate);
    body.problem = bosh::Condition::PolicyViolation;  // H-46
  }
  ++cell.record.requests;
  cell.record.heard = context_.now();
  cell.record.last_rid = std::max(cell.record.last_rid, body.rid.value_or(Rid()));
  context_.counters.add(Counter::requests_held);
  cuts_.look();
  open_requests_.emplace(id, OpenRequest{at->second, context_.now()});
  deliver(at->second, bosh::RequestArrived{id, std::move(body)});
}

void BoshSessions::on_request_gone(RequestId id) {
  auto at = open_requests_.find(id);
  if (at == open_requests_.end()) return;
  SessionKey key = at->second.session;
  const Cell* cell = cells_.find(key);
  if (cell && !census_.draining()) cuts_.cut(Kind::Bosh, context_.now() - at->second.since, cell->record.client);
  open_requests_.erase(at);
  context_.counters.sub(Counter::requests_held);
  context_.counters.add(Counter::client_aborts);
  deliver(key, bosh::RequestGone{id});
}

void BoshSessions::on_deadline(SessionKey session) { deliver(session, bosh::TimePassed{}); }

void BoshSessions::on_server(SessionKey session, bosh::StreamNumber stream, upstream::Event event) {
  if (Cell* cell = cells_.find(session)) {
    links_.heard(cell->held, cell->record, stream, event);
    if (!cell->waiting_since && std::holds_alternative<upstream::Arrived>(event)) cell->waiting_since = context_.now();
  }
  deliver(session, bosh::ServerSpoke{stream, std::move(event)});
}

void BoshSessions::reconfigure() { limits_ = limits_from(context_.config.bosh); }

std::vector<SessionKey> BoshSessions::live() {
  std::vector<SessionKey> all;
  cells_.for_each([&](SessionKey key, Cell& cell) {
    if (cell.record.live) all.push_back(key);
  });
  return all;
}

// A live one, by its full sid or by its name in the log; nothing: it is not here.
SessionKey BoshSessions::live_one(std::string_view sid) {
  SessionKey found;
  if (auto at = by_sid_.find(sid); at != by_sid_.end()) {
    if (cells_.find(at->second)->record.live) found = at->second;
  } else {
    cells_.for_each([&](SessionKey key, Cell& cell) {
      if (cell.record.name == sid && cell.record.live) found = key;
    });
  }
  return found;
}

bool BoshSessions::kick(std::string_view sid, bosh::Condition condition) {
  SessionKey key = live_one(sid);
  if (key) deliver(key, bosh::Kicked{condition});
  return static_cast<bool>(key);
}

void BoshSessions::survey(Roster& roster) {
  cells_.for_each([&](SessionKey, Cell& cell) {
    if (!cell.record.live) return;
    bosh::View view = cell.session.view();
    roster.offer({&cell.record, &cell.held, view.pending, bosh::name_of(view.state)});
  });
}

std::optional<std::string> BoshSessions::explain(std::string_view sid, Depth depth) {
  SessionKey key = live_one(sid);
  Cell* found = key ? cells_.find(key) : nullptr;
  if (!found) return std::nullopt;
  bosh::View view = found->session.view();
  std::vector<log::Field> own{{"phase", bosh::name_of(view.state)},
                              {"paused", view.paused ? "yes" : "no"},
                              {"last_rid", view.last.value},
                              {"answered_rid", view.answered.value},
                              {"window", view.requests},
                              {"requests_held", view.held - std::min(view.held, view.early)},
                              {"requests_early", view.early},
                              {"pending_bytes", view.pending}};
  if (depth == Depth::Full) append_window(found->session, context_.now(), own);
  return explain_alive(found->record, found->held, context_, own, depth);
}

// --- sessions come and go ---

void BoshSessions::create(RequestId id, bosh::Body&& body, const Client& client, std::string_view sid) {
  if (body.to.empty()) body.to = context_.config.upstream.default_domain;  // B-17
  // An empty sid names no session and asks for none: everybody is told so with 200 (B-15, B-106).
  bool legacy = !body.ver.has_value() && body.problem != bosh::Condition::ItemNotFound;
  if (census_.draining()) return refuse(id, bosh::Condition::SystemShutdown, legacy);
  if (body.problem != bosh::Condition::None) return refuse(id, body.problem, legacy);
  bosh::Condition wrong = objection(client.address, sid);
  if (wrong != bosh::Condition::None) return refuse(id, wrong, legacy);

  bosh::Actions actions;
  Rid rid = body.rid.value_or(Rid());
  SessionKey key = cells_.reserve();
  Cell& cell =
      cells_.put(key, std::make_unique<Cell>(limits_, sid, id, std::move(body), client, context_.now(), actions));
  by_sid_.emplace(cell.session.sid(), key);
  open_requests_.emplace(id, OpenRequest{key, context_.now()});
  cell.record.requests = 1;
  cell.record.heard = context_.now();
  cell.record.last_rid = rid;
  context_.counters.add(Counter::requests_held);
  census_.begin(cell.record);
  auto each = [&](bosh::Action& action) { perform(key, cell, action); };
  came_to(key, cell, cell.pump.begin(cell.session, std::move(actions), context_.now, max_events(limits_), each));
}

// Why there can be no session for this address just now; None: there can.
bosh::Condition BoshSessions::objection(std::string_view address, std::string_view sid) {
  using bosh::Condition;
  if (!context_.config.bosh.see_other_uri.empty()) return Condition::SeeOtherUri;  // B-109
  if (by_sid_.contains(sid)) return Condition::InternalServerError;                // B-29
  switch (census_.judge(Kind::Bosh, address)) {
    case Census::Objection::None:
      return Condition::None;
    case Census::Objection::Draining:
      return Condition::SystemShutdown;
    case Census::Objection::Full:
      return Condition::InternalServerError;  // B-40
    case Census::Objection::AddressFull:
    case Census::Objection::TooFast:
      return Condition::PolicyViolation;
  }
  return Condition::PolicyViolation;
}

// An answer for which no session exists or is made (B-36, B-40, B-41): no state is kept.
void BoshSessions::refuse(RequestId id, bosh::Condition condition, bool legacy_client) {
  bool referred = condition == bosh::Condition::SeeOtherUri;
  context_.counters.add(referred ? Counter::sessions_referred : Counter::errors);
  if (!referred && context_.journal.listening()) {
    context_.journal.tell(ipc::EventType::error, {}, {},
                          {{"condition", bosh::wire_name(condition)}, {"why", "no session for this request"}});
  }
  Reply reply;
  reply.status = bosh::http_status(condition, legacy_client);
  reply.body =
      referred ? bosh::write_see_other_uri(context_.config.bosh.see_other_uri) : bosh::write_terminate(condition);
  context_.ports.reply(id, std::move(reply));
}

void BoshSessions::deliver(SessionKey key, bosh::Event&& event) {
  Cell* cell = cells_.find(key);
  if (!cell) return;  // it ended first; a late event is not an error
  auto each = [&](bosh::Action& action) { perform(key, *cell, action); };
  came_to(key, *cell, cell->pump.run(cell->session, std::move(event), context_.now, max_events(limits_), each));
}

void BoshSessions::came_to(SessionKey key, Cell& cell, Pumped pumped) {
  switch (pumped) {
    case Pumped::AtRest:
      return settle(key, cell);
    case Pumped::ByAnother:
      return;
    case Pumped::Restless:
      return give_up(key, cell);
  }
}

// A session that cannot come to rest is ended: its requests are told, its streams are let go, nothing is remembered.
void BoshSessions::give_up(SessionKey key, Cell& cell) {
  std::vector<RequestId> open;
  for (const auto& [id, request] : open_requests_) {
    if (request.session == key) open.push_back(id);
  }
  for (RequestId id : open) {
    bosh::Respond respond{id, 200, bosh::write_terminate(bosh::Condition::InternalServerError)};
    perform(key, cell, respond);
  }
  links_.abandon(cell.held, cell.record);
  census_.end(cell.record, {"internal error", bosh::Condition::InternalServerError});
  forget(key);
}

// Between events: the deadline follows the session, and a forgotten session leaves.
void BoshSessions::settle(SessionKey key, Cell& cell) {
  if (cell.session.state() == bosh::State::Forgotten) return forget(key);
  if (cell.waiting_since) note_delivery(cell);
  context_.ports.wake_at(key, cell.session.next_deadline());
}

// Once an answer has taken all that waited. What a session's end bounced was not delivered.
void BoshSessions::note_delivery(Cell& cell) {
  if (cell.session.view().pending != 0) return;
  Instant since = *std::exchange(cell.waiting_since, std::nullopt);
  if (cell.record.live) context_.counters.observe(stats::Histogram::delivery, context_.now() - since);
}

void BoshSessions::remember(SessionKey key, Cell& cell) {
  remembered_.push_back(key);
  remembered_bytes_ += cell.remembered = cell.session.remembered_bytes();
  while (!remembered_.empty() && (remembered_.size() > kRemembered || remembered_bytes_ > kRememberedBytes)) {
    SessionKey oldest = remembered_.front();
    remembered_.pop_front();
    if (oldest == key || !cells_.find(oldest)) continue;
    context_.counters.add(Counter::endings_dropped);
    forget(oldest);
  }
}

void BoshSessions::forget(SessionKey key) {
  Cell* cell = cells_.find(key);
  if (!cell) return;
  by_sid_.erase(cell->session.sid());
  remembered_bytes_ -= cell->remembered;
  context_.ports.wake_at(key, std::nullopt);
  cells_.take(key);
}

// --- actions ---

void BoshSessions::perform(SessionKey key, Cell& cell, bosh::Action& action) {
  std::visit([&](auto& known) { perform(key, cell, known); }, action);
}

void BoshSessions::perform(SessionKey /*key*/, Cell& cell, bosh::Respond& respond) {
  if (auto at = open_requests_.find(respond.to); at != open_requests_.end()) {
    context_.counters.sub(Counter::requests_held);
    context_.counters.observe(stats::Histogram::hold, context_.now() - at->second.since);
    open_requests_.erase(at);
  }
  if (respond.replay) context_.counters.add(Counter::replays);
  Reply reply;
  reply.status = respond.status;
  reply.body = std::move(respond.body);
  reply.content_type = cell.content_type;
  reply.begins_session = respond.to == cell.begun_by;
  reply.secure = cell.record.secure;
  context_.ports.reply(respond.to, std::move(reply));
}

void BoshSessions::perform(SessionKey /*key*/, Cell& cell, bosh::Forward& forward) {
  links_.send(cell.held, cell.record, forward.stream, forward.elements, forward.count);
}

void BoshSessions::perform(SessionKey key, Cell& cell, bosh::OpenStream& open) {
  auto refused = links_.open({Kind::Bosh, key.value, open.stream}, cell.held, cell.record, open.spec);
  if (refused) deliver(key, bosh::ServerSpoke{open.stream, *std::move(refused)});
}

void BoshSessions::perform(SessionKey /*key*/, Cell& cell, bosh::RestartStream& restart) {
  links_.restart(cell.held, cell.record, restart.stream, restart.attributes);
}

void BoshSessions::perform(SessionKey /*key*/, Cell& cell, bosh::CloseStream& close) {
  links_.close(cell.held, cell.record, close.stream, close.parting, close.undelivered);
}

void BoshSessions::perform(SessionKey /*key*/, Cell& cell, bosh::ReadServer& read) {
  links_.set_reading(cell.held, read.stream, read.on);
}

void BoshSessions::perform(SessionKey /*key*/, Cell& cell, bosh::Acknowledged& acknowledged) {
  links_.acknowledged(cell.held, acknowledged.answers);
  context_.note(ipc::EventType::response_acknowledged, cell.record, 0, acknowledged.answers);
  if (!context_.journal.listening()) return;
  context_.journal.tell(ipc::EventType::response_acknowledged, cell.record.name, cell.record.domain,
                        {{"count", acknowledged.answers}});
}

void BoshSessions::perform(SessionKey key, Cell& cell, bosh::Ended& ended) {
  if (!NXB_EXPECT(cell.record.live, "a session ends once")) return;
  census_.end(cell.record, {ended.why, ended.condition, ended.by, ended.undelivered, ended.by_stream});
  remember(key, cell);
}

}  // namespace nxb::gateway
