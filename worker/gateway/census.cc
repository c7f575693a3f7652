// worker/gateway/census.cc - see census.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/census.h"

#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/log/log.h"
#include "worker/gateway/causes.h"

namespace nxb::gateway {

using ipc::EventType;
using stats::Counter;

std::string_view Census::name_of(Objection objection) {
  switch (objection) {
    case Objection::None:
      return "";
    case Objection::Draining:
      return "shutdown";
    case Objection::Full:
      return "max_sessions";
    case Objection::AddressFull:
      return "max_sessions_per_address";
    case Objection::TooFast:
      return "session_rate";
  }
  return "";
}

Census::Objection Census::judge(Kind kind, std::string_view address) {
  if (draining_) return Objection::Draining;
  const config::Config::Server& server = context_.config.server;
  Objection objection = Objection::None;
  if (live_ >= server.max_sessions) {  // B-40
    objection = Objection::Full;
  } else {
    Admission::Limits limits{server.max_sessions_per_address, {server.session_rate, server.session_burst}};
    Admission::Verdict verdict = admission_.judge(address, limits, context_.now());
    if (verdict == Admission::Verdict::TooMany) objection = Objection::AddressFull;
    if (verdict == Admission::Verdict::TooFast) objection = Objection::TooFast;
  }
  if (objection == Objection::None) return objection;
  bool rate = objection == Objection::TooFast;
  context_.counters.add(rate ? Counter::sessions_refused_rate : Counter::sessions_refused_limit);
  log::warn("session.refused", {{"kind", gateway::name_of(kind)}, {"client", address}, {"why", name_of(objection)}});
  return objection;
}

void Census::begin(Record& record) {
  record.live = true;
  ++live_;
  record.counted = context_.config.server.max_sessions_per_address != 0;
  if (record.counted) admission_.opened(record.client);
  context_.counters.add(Counter::sessions);
  if (record.kind == Kind::WebSocket) context_.counters.add(Counter::websockets);
  context_.counters.add(Counter::sessions_opened);
}

bool Census::admit_stream(Record& record, std::uint32_t number, std::string_view domain) {
  const config::Config::Server& server = context_.config.server;
  Rate rate{server.session_rate, server.session_burst};
  if (number != 1 && !admission_.take(record.client, rate, context_.now())) {
    refuse_stream(record, number, domain);
    return false;
  }
  log::owed(number == 1 ? "session.start" : "session.add_stream", {{"kind", gateway::name_of(record.kind)},
                                                                   {"sid", record.name},
                                                                   {"domain", domain},
                                                                   {"client", record.client},
                                                                   {"ua", record.ua}});
  if (number == 1) {
    record.domain = domain;
    context_.note(EventType::session_start, record);
  }
  if (number == 1 && context_.journal.listening()) {
    context_.journal.tell(EventType::session_start, record.name, domain,
                          {{"kind", gateway::name_of(record.kind)}, {"client", record.client}, {"ua", record.ua}});
  }
  return true;
}

void Census::refuse_stream(const Record& record, std::uint32_t number, std::string_view domain) {
  std::string_view why = name_of(Objection::TooFast);
  context_.counters.add(Counter::streams_refused_rate);
  log::warn("session.refused", {{"kind", gateway::name_of(record.kind)},
                                {"sid", record.name},
                                {"stream", number},
                                {"domain", domain},
                                {"client", record.client},
                                {"why", why}});
  if (!context_.journal.listening()) return;
  context_.journal.tell(
      EventType::error, record.name, domain,
      {{"stream", number}, {"condition", bosh::wire_name(bosh::Condition::PolicyViolation)}, {"why", why}});
}

// What the operator or the worker wanted is no error.
void Census::count_error(const Record& record, const Ending& ending) {
  using bosh::Condition;
  if (ending.condition == Condition::None || ending.condition == Condition::SystemShutdown) return;
  if (ending.by == bosh::EndedBy::Operator) return;
  if (ending.condition == Condition::SeeOtherUri) return context_.counters.add(Counter::sessions_referred);
  context_.counters.add(Counter::errors);
  if (!context_.journal.listening()) return;
  context_.journal.tell(EventType::error, record.name, record.domain,
                        {{"condition", bosh::wire_name(ending.condition)}, {"why", ending.why}});
}

void Census::end(Record& record, const Ending& ending) {
  if (!std::exchange(record.live, false)) return;
  --live_;
  if (record.counted) admission_.ended(record.client);
  context_.counters.sub(Counter::sessions);
  if (record.kind == Kind::WebSocket) context_.counters.sub(Counter::websockets);
  context_.counters.add(Counter::sessions_ended);
  context_.counters.ended(record.kind == Kind::Bosh ? stats::Transport::bosh : stats::Transport::websocket,
                          cause_of(ending));
  context_.counters.add(Counter::undelivered, ending.undelivered);
  context_.note(EventType::session_end, record);
  count_error(record, ending);
  if (!ending.by_stream) record.server_end.reset();  // what an earlier stream said has no part in this end
  tombstones_.put(record, ending, context_.now());
  tell_end(record, ending);
}

// The same fields in the log and in the event, which names sid and domain by itself.
void Census::tell_end(const Record& record, const Ending& ending) {
  if (!context_.journal.listening() && !log::enabled(log::Level::Info)) return;  // nobody wants the fields
  std::vector<log::Field> fields{{"kind", gateway::name_of(record.kind)},
                                 {"client", record.client},
                                 {"by", bosh::name_of(ending.by)},
                                 {"why", ending.why},
                                 {"condition", bosh::wire_name(ending.condition)},
                                 {"server", record.server_end->why},
                                 {"close", close_text(record)},
                                 {"ua", record.ua},
                                 {"age", (context_.now() - record.started).count() / 1000},
                                 {"requests", record.requests},
                                 {"up", record.up},
                                 {"down", record.down},
                                 {"undelivered", ending.undelivered}};
  if (context_.journal.listening()) {
    if (ending.undelivered != 0) {
      context_.journal.tell(EventType::no_client, record.name, record.domain, {{"count", ending.undelivered}});
    }
    context_.journal.tell(EventType::session_end, record.name, record.domain, fields);
  }
  fields.insert(fields.begin() + 1, {{"sid", record.name}, {"domain", record.domain}});
  log::owed("session.end", fields);
}

}  // namespace nxb::gateway
