// worker/gateway/gateway.cc - see gateway.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/gateway.h"

#include <algorithm>
#include <utility>

#include "common/base/secret.h"
#include "common/log/log.h"
#include "worker/bosh/content_type.h"

namespace nxb::gateway {

using stats::Counter;

namespace {

// More events than this from one event would be a loop between a session and its upstream: what each of the requests
// that wait for a missing one can make each stream say at once, several times over.
std::size_t max_inbox(const bosh::SessionLimits& limits) {
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
struct Gateway::Cell {
  Cell(const bosh::SessionLimits& limits, std::string_view sid_text, RequestId id, bosh::Body creation,
       const Client& client, Instant now, bosh::Actions& out)
      : content_type(bosh::content_type(creation.content)),
        started(now),
        secure(client.secure),
        client_address(client.address),
        ua(creation.ua, 0, kMaxUa),
        session(limits, std::string(sid_text), id, std::move(creation), now, out) {}

  StreamId* find(bosh::StreamNumber number) {
    auto at = std::ranges::find(streams, number, &OpenStream::number);
    return at == streams.end() ? nullptr : &at->id;
  }
  void drop(bosh::StreamNumber number) {
    std::erase_if(streams, [number](const OpenStream& open) { return open.number == number; });
  }

  std::string_view content_type;  // of every answer (B-23); a literal
  Instant started;
  struct OpenStream {
    bosh::StreamNumber number;
    StreamId id;
  };
  std::vector<OpenStream> streams;  // nearly always one
  std::uint32_t requests = 0;       // for the log line that ends it
  std::uint64_t up = 0;             // elements from the client
  std::uint64_t down = 0;           // elements from the server
  TokenBucket bucket;               // of its requests (H-46)
  const bool secure;                // created over https (B-111)
  bool pumping = false;
  bool live = true;            // Ended was not seen yet
  std::size_t remembered = 0;  // bytes, from then on
  std::string client_address;
  std::string ua;  // the client's name for itself, for the log only (C-44)
  std::vector<bosh::Event> inbox;
  bosh::Session session;
};

Gateway::Gateway(const config::Config& config, Ports& ports, stats::Counters& counters, std::function<Instant()> now)
    : config_(config), limits_(limits_from(config.bosh)), ports_(ports), counters_(counters), now_(std::move(now)) {}

Gateway::~Gateway() = default;

void Gateway::on_request(RequestId id, bosh::Body body, const Client& client, std::string_view sid_for_creation) {
  if (body.sid.empty()) return create(id, std::move(body), client, sid_for_creation);
  auto at = by_sid_.find(body.sid);
  if (at == by_sid_.end()) {
    counters_.add(Counter::unknown_sids);
    return refuse(id, bosh::Condition::ItemNotFound, false);  // 200 for everybody (B-106)
  }
  Cell& cell = *cells_.find(at->second);
  if (cell.secure && !client.secure) {  // B-111: somebody may have listened; the session does not hear of it
    counters_.add(Counter::connections_dropped_insecure);
    log::warn("session.insecure_request", {{"sid", short_hash(body.sid)}, {"client", client.address}});
    return ports_.hang_up(id);
  }
  if (cell.live && !cell.bucket.take({config_.bosh.request_rate, config_.bosh.request_burst}, now_())) {
    counters_.add(Counter::requests_over_rate);
    body.problem = bosh::Condition::PolicyViolation;  // H-46
  }
  counters_.add(Counter::requests_held);
  open_requests_.emplace(id, at->second);
  deliver(at->second, bosh::RequestArrived{id, std::move(body)});
}

void Gateway::on_request_gone(RequestId id) {
  auto at = open_requests_.find(id);
  if (at == open_requests_.end()) return;
  SessionKey key = at->second;
  open_requests_.erase(at);
  counters_.sub(Counter::requests_held);
  counters_.add(Counter::client_aborts);
  deliver(key, bosh::RequestGone{id});
}

void Gateway::on_deadline(SessionKey session) { deliver(session, bosh::TimePassed{}); }

void Gateway::on_stream_event(StreamId stream, upstream::Event event) {
  auto at = streams_.find(stream);
  if (at == streams_.end()) return;
  const auto [key, number] = at->second;
  if (const auto* arrived = std::get_if<upstream::Arrived>(&event)) {
    counters_.add(Counter::stanzas_to_clients, arrived->stanzas.size());
    if (Cell* cell = cells_.find(key)) cell->down += arrived->stanzas.size();
  }
  if (std::holds_alternative<upstream::Closed>(event)) {
    streams_.erase(at);
    ports_.drop_stream(stream);
    if (Cell* cell = cells_.find(key); cell && cell->find(number)) {
      cell->drop(number);
      counters_.add(Counter::streams_closed_server);
    }
  }
  deliver(key, bosh::ServerSpoke{number, std::move(event)});
}

void Gateway::shut_down() {
  shutting_down_ = true;
  std::vector<SessionKey> all;
  cells_.for_each([&](SessionKey key, Cell& cell) {
    if (cell.live) all.push_back(key);
  });
  for (SessionKey key : all) deliver(key, bosh::ShutDown{});
}

// --- sessions come and go ---

void Gateway::create(RequestId id, bosh::Body body, const Client& client, std::string_view sid) {
  if (body.to.empty()) body.to = config_.upstream.default_domain;  // B-17
  // An empty sid names no session and asks for none: everybody is told so with 200 (B-15, B-106).
  bool legacy = !body.ver.has_value() && body.problem != bosh::Condition::ItemNotFound;
  if (shutting_down_) return refuse(id, bosh::Condition::SystemShutdown, legacy);
  if (body.problem != bosh::Condition::None) return refuse(id, body.problem, legacy);
  bosh::Condition wrong = objection(client.address, sid);
  if (wrong != bosh::Condition::None) return refuse(id, wrong, legacy);

  bosh::Actions actions;
  SessionKey key = cells_.reserve();
  Cell& cell = cells_.put(key, std::make_unique<Cell>(limits_, sid, id, std::move(body), client, now_(), actions));
  by_sid_.emplace(cell.session.sid(), key);
  open_requests_.emplace(id, key);
  ++live_;
  if (config_.server.max_sessions_per_address != 0) admission_.opened(client.address);
  cell.requests = 1;
  counters_.add(Counter::requests_held);
  counters_.add(Counter::sessions);
  counters_.add(Counter::sessions_opened);

  cell.pumping = true;
  for (auto& action : actions) perform(key, cell, action);
  pump(key, cell);
}

// Why there can be no session for this address just now; None: there can.
bosh::Condition Gateway::objection(std::string_view address, std::string_view sid) {
  using bosh::Condition;
  const config::Config::Server& server = config_.server;
  if (!config_.bosh.see_other_uri.empty()) return Condition::SeeOtherUri;  // B-109
  if (by_sid_.contains(sid)) return Condition::InternalServerError;        // B-29
  if (live_ >= server.max_sessions) {                                      // B-40
    counters_.add(Counter::sessions_refused_limit);
    log::warn("session.refused", {{"client", address}, {"why", "max_sessions"}});
    return Condition::InternalServerError;
  }
  Admission::Limits limits{server.max_sessions_per_address, {server.session_rate, server.session_burst}};
  Admission::Verdict verdict = admission_.judge(address, limits, now_());
  if (verdict == Admission::Verdict::Welcome) return Condition::None;
  bool too_many = verdict == Admission::Verdict::TooMany;
  counters_.add(too_many ? Counter::sessions_refused_limit : Counter::sessions_refused_rate);
  log::warn("session.refused", {{"client", address}, {"why", too_many ? "max_sessions_per_address" : "session_rate"}});
  return Condition::PolicyViolation;
}

// An answer for which no session exists or is made (B-36, B-40, B-41): no state is kept.
void Gateway::refuse(RequestId id, bosh::Condition condition, bool legacy_client) {
  bool referred = condition == bosh::Condition::SeeOtherUri;
  counters_.add(referred ? Counter::sessions_referred : Counter::errors);
  Reply reply;
  reply.status = bosh::http_status(condition, legacy_client);
  reply.body = referred ? bosh::write_see_other_uri(config_.bosh.see_other_uri) : bosh::write_terminate(condition);
  ports_.reply(id, std::move(reply));
}

void Gateway::deliver(SessionKey key, bosh::Event event) {
  Cell* cell = cells_.find(key);
  if (!cell) return;  // it ended first; a late event is not an error
  cell->inbox.push_back(std::move(event));
  if (std::exchange(cell->pumping, true)) return;  // raised by an action below: that loop takes it
  pump(key, *cell);
}

// Feeds the queued events to the session and performs what it asks for, until neither is left.
void Gateway::pump(SessionKey key, Cell& cell) {
  bosh::Actions actions;
  for (std::size_t i = 0; i < cell.inbox.size(); ++i) {
    if (!NXB_EXPECT(i < max_inbox(limits_), "one event causes bounded work")) return give_up(key, cell);
    if (std::holds_alternative<bosh::RequestArrived>(cell.inbox[i])) ++cell.requests;
    bosh::Event event = std::move(cell.inbox[i]);
    cell.session.on(std::move(event), now_(), actions);
    for (auto& action : actions) perform(key, cell, action);
    actions.clear();
  }
  cell.inbox.clear();
  cell.inbox.shrink_to_fit();  // an idle session keeps nothing
  cell.pumping = false;
  settle(key, cell);
}

// A session that cannot come to rest is ended: its requests are told, its stream is let go, nothing is remembered.
void Gateway::give_up(SessionKey key, Cell& cell) {
  std::vector<RequestId> open;
  for (const auto& [id, owner] : open_requests_) {
    if (owner == key) open.push_back(id);
  }
  for (RequestId id : open) {
    bosh::Respond respond{id, 200, bosh::write_terminate(bosh::Condition::InternalServerError)};
    perform(key, cell, respond);
  }
  while (!cell.streams.empty()) {
    bosh::CloseStream close{cell.streams.back().number, upstream::Parting::ClientLost, {}};
    perform(key, cell, close);
  }
  bosh::Ended ended{"internal error", bosh::Condition::InternalServerError};
  if (cell.live) perform(key, cell, ended);
  forget(key);
}

// Between events: the deadline follows the session, and a forgotten session leaves.
void Gateway::settle(SessionKey key, Cell& cell) {
  if (cell.session.state() == bosh::State::Forgotten) return forget(key);
  ports_.wake_at(key, cell.session.next_deadline());
}

void Gateway::forget(SessionKey key) {
  Cell* cell = cells_.find(key);
  if (!cell) return;
  by_sid_.erase(cell->session.sid());
  remembered_bytes_ -= cell->remembered;
  ports_.wake_at(key, std::nullopt);
  cells_.take(key);
}

// --- actions ---

void Gateway::perform(SessionKey key, Cell& cell, bosh::Action& action) {
  std::visit([&](auto& known) { perform(key, cell, known); }, action);
}

void Gateway::perform(SessionKey /*key*/, Cell& cell, bosh::Respond& respond) {
  if (open_requests_.erase(respond.to) != 0) counters_.sub(Counter::requests_held);
  if (respond.replay) counters_.add(Counter::replays);
  Reply reply;
  reply.status = respond.status;
  reply.body = std::move(respond.body);
  reply.content_type = cell.content_type;
  ports_.reply(respond.to, std::move(reply));
}

void Gateway::perform(SessionKey /*key*/, Cell& cell, bosh::Forward& forward) {
  StreamId* stream = cell.find(forward.stream);
  if (!stream) return;
  cell.up += forward.count;
  counters_.add(Counter::stanzas_from_clients, forward.count);
  ports_.stream(*stream)->send(forward.elements);
}

void Gateway::perform(SessionKey key, Cell& cell, bosh::OpenStream& open) {
  const config::Config::Server& server = config_.server;
  Rate rate{server.session_rate, server.session_burst};
  // H-46: the session's own first stream was judged with it. One more is as much work for the world as a session.
  if (open.stream != 1 && !admission_.take(cell.client_address, rate, now_())) {
    counters_.add(Counter::streams_refused_rate);
    upstream::Closed refused{bosh::Condition::PolicyViolation, {}, "too fast"};
    return deliver(key, bosh::ServerSpoke{open.stream, std::move(refused)});  // the loop of pump() takes it
  }
  StreamId stream{++last_stream_};
  cell.streams.push_back({open.stream, stream});
  streams_.emplace(stream, StreamOwner{key, open.stream});
  open.spec.client_address = cell.client_address;
  log::info(open.stream == 1 ? "session.start" : "session.add_stream", {{"sid", short_hash(cell.session.sid())},
                                                                        {"domain", open.spec.domain},
                                                                        {"client", cell.client_address},
                                                                        {"ua", cell.ua}});
  ports_.make_stream(stream).open(open.spec);
}

void Gateway::perform(SessionKey /*key*/, Cell& cell, bosh::RestartStream& restart) {
  StreamId* stream = cell.find(restart.stream);
  if (!stream) return;
  counters_.add(Counter::restarts);
  ports_.stream(*stream)->restart(restart.attributes);
}

void Gateway::perform(SessionKey /*key*/, Cell& cell, bosh::CloseStream& close) {
  StreamId* found = cell.find(close.stream);
  if (!found) return;
  StreamId stream = *found;
  cell.drop(close.stream);
  counters_.add(Counter::streams_closed_client);
  ports_.stream(stream)->close(close.parting, close.undelivered);
}

void Gateway::perform(SessionKey /*key*/, Cell& cell, bosh::ReadServer& read) {
  if (!read.on) counters_.add(Counter::server_read_pauses);
  if (StreamId* stream = cell.find(read.stream)) ports_.stream(*stream)->set_reading(read.on);
}

void Gateway::perform(SessionKey /*key*/, Cell& /*cell*/, bosh::Acknowledged& acknowledged) {
  counters_.add(Counter::responses_acked, acknowledged.answers);
}

void Gateway::perform(SessionKey key, Cell& cell, bosh::Ended& ended) {
  if (!NXB_EXPECT(std::exchange(cell.live, false), "a session ends once")) return;
  --live_;
  admission_.ended(cell.client_address);
  counters_.sub(Counter::sessions);
  counters_.add(Counter::sessions_ended);
  counters_.add(Counter::undelivered, ended.undelivered);
  bool ours = ended.condition == bosh::Condition::SystemShutdown;
  if (ended.condition != bosh::Condition::None && !ours) counters_.add(Counter::errors);
  log::info("session.end", {{"sid", short_hash(cell.session.sid())},
                            {"why", ended.why},
                            {"condition", bosh::wire_name(ended.condition)},
                            {"ua", cell.ua},
                            {"age", (now_() - cell.started).count() / 1000},
                            {"requests", cell.requests},
                            {"up", cell.up},
                            {"down", cell.down},
                            {"undelivered", ended.undelivered}});
  remembered_.push_back(key);
  remembered_bytes_ += cell.remembered = cell.session.remembered_bytes();
  while (!remembered_.empty() && (remembered_.size() > kRemembered || remembered_bytes_ > kRememberedBytes)) {
    SessionKey oldest = remembered_.front();
    remembered_.pop_front();
    if (oldest == key || !cells_.find(oldest)) continue;
    counters_.add(Counter::endings_dropped);
    forget(oldest);
  }
}

}  // namespace nxb::gateway
