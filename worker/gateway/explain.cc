// worker/gateway/explain.cc - see explain.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/explain.h"

#include <utility>

#include "common/log/line.h"

namespace nxb::gateway {

namespace {

using Fields = std::vector<log::Field>;

std::int64_t seconds(Duration duration) { return duration.count() / 1000; }

// The time of day at an instant of this process.
std::string time_of(Instant at, Instant now) { return log::timestamp(wall_clock_ms() - (now - at).count()); }

void append(Fields& fields, Fields more) {
  for (log::Field& field : more) fields.push_back(std::move(field));
}

Fields common_part(std::string_view state, const Record& record) {
  return {{"state", state},  {"kind", name_of(record.kind)}, {"sid", record.name}, {"client", record.client},
          {"ua", record.ua}, {"domain", record.domain}};
}

Fields counts(const Record& record) {
  return {{"requests", record.requests}, {"up", record.up}, {"down", record.down}};
}

void append_detail(Fields& fields, const Record& record, const Context& context) {
  const Recent& recent = context.recent;
  Instant now = context.now();
  append(fields, {{"client_port", record.client_port},
                  {"https", record.secure ? "yes" : "no"},
                  {"up_bytes", record.bytes_up},
                  {"down_bytes", record.bytes_down},
                  {"events_since", time_of(recent.whole() ? record.started : recent.since(), now)}});
  fields.push_back(log::Field::json("events", recent.json(record.name, now)));
}

std::string streams_json(const Held& held, Ports& ports, Depth depth) {
  std::string all;
  for (const Held::One& one : held.all()) {
    const upstream::Upstream* stream = ports.stream(one.id);
    Fields fields{{"stream", one.number},
                  {"domain", one.domain},
                  {"target", stream ? stream->target() : std::string()},
                  {"answered", one.opened ? "yes" : "no"}};
    if (depth == Depth::Full && stream) {
      upstream::Peer peer = stream->peer();
      append(fields, {{"address", peer.address}, {"tls", peer.tls}, {"unsent_bytes", peer.unsent}});
    }
    all += (all.empty() ? "" : ",") + log::json_object(fields);
  }
  return '[' + all + ']';
}

}  // namespace

std::string explain_alive(const Record& record, const Held& held, const Context& context, const Fields& own,
                          Depth depth) {
  Instant now = context.now();
  Fields fields = common_part("alive", record);
  append(fields, {{"started", time_of(record.started, now)},
                  {"age_seconds", seconds(now - record.started)},
                  {"idle_seconds", seconds(now - record.heard.value_or(record.started))}});
  append(fields, own);
  append(fields, counts(record));
  fields.push_back(log::Field::json("streams", streams_json(held, context.ports, depth)));
  if (depth == Depth::Full) append_detail(fields, record, context);
  return log::json_object(fields);
}

void append_window(const bosh::Session& session, Instant now, std::vector<log::Field>& fields) {
  bosh::View view = session.view();
  const bosh::RequestWindow& window = session.window();
  std::string open;
  auto append = [&](const bosh::OpenRequest& request, std::string_view how) {
    std::vector<log::Field> one{{"rid", request.rid.value},
                                {"how", request.live ? how : "lost"},
                                {"age_ms", (now - request.since).count()},
                                {"resends", static_cast<unsigned>(request.resends)}};
    open += (open.empty() ? "" : ",") + log::json_object(one);
  };
  for (const bosh::OpenRequest& request : window.held()) append(request, "held");
  for (const bosh::EarlyRequest& request : window.early()) append(request.open, "early");
  std::vector<log::Field> more{{"wait_seconds", view.wait.count() / 1000},
                               {"hold", view.hold},
                               {"inactivity_seconds", view.inactivity.count() / 1000},
                               {"acknowledges", view.acknowledges ? "yes" : "no"},
                               {"answers_kept", window.kept()},
                               {"answers_kept_bytes", window.kept_bytes()},
                               {"answers_unacknowledged", window.unacknowledged()},
                               log::Field::json("open_requests", '[' + open + ']')};
  fields.insert(fields.end(), more.begin(), more.end());
}

std::string explain_kicked(Kind kind, std::string_view name, bosh::Condition condition) {
  return log::json_object(
      Fields{{"state", "kicked"}, {"kind", name_of(kind)}, {"sid", name}, {"condition", bosh::wire_name(condition)}});
}

std::string explain_ended(const Tombstone& stone, const Context& context, Depth depth) {
  Instant now = context.now();
  const Record& record = stone.record;
  Fields fields = common_part("ended", record);
  append(fields, {{"by", bosh::name_of(stone.ending.by)},
                  {"why", stone.ending.why},
                  {"condition", bosh::wire_name(stone.ending.condition)},
                  {"started", time_of(record.started, now)},
                  {"ended", time_of(stone.at, now)},
                  {"ended_seconds_ago", seconds(now - stone.at)},
                  {"age_seconds", seconds(stone.at - record.started)}});
  if (record.heard) fields.emplace_back("last_request_seconds_before", seconds(stone.at - *record.heard));
  if (record.kind == Kind::Bosh) fields.emplace_back("last_rid", record.last_rid.value);
  if (record.kind == Kind::WebSocket) fields.emplace_back("close", close_text(record));
  append(fields, counts(record));
  append(fields, {{"undelivered", stone.ending.undelivered},
                  {"server", record.server_end->why},
                  {"stage", record.server_end->stage ? upstream::name_of(*record.server_end->stage) : ""},
                  {"target", record.server_end->target}});
  if (depth == Depth::Full) append_detail(fields, record, context);
  return log::json_object(fields);
}

std::string explain_unknown(Tombstones& ended, Instant now) {
  return log::json_object(Fields{{"state", "unknown"},
                                 {"remembers_since", time_of(ended.whole_since(now), now)},
                                 log::Field::json("remembers_all", ended.whole(now) ? "true" : "false")});
}

}  // namespace nxb::gateway
