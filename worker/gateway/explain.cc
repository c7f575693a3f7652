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

std::string streams_json(const Held& held, Ports& ports) {
  std::string all;
  for (const Held::One& one : held.all()) {
    const upstream::Upstream* stream = ports.stream(one.id);
    Fields fields{{"stream", one.number},
                  {"domain", one.domain},
                  {"target", stream ? stream->target() : std::string()},
                  {"answered", one.opened ? "yes" : "no"}};
    all += (all.empty() ? "" : ",") + log::json_object(fields);
  }
  return '[' + all + ']';
}

}  // namespace

std::string explain_alive(const Record& record, const Held& held, const Context& context, const Fields& own) {
  Instant now = context.now();
  Fields fields = common_part("alive", record);
  append(fields, {{"started", time_of(record.started, now)},
                  {"age_seconds", seconds(now - record.started)},
                  {"idle_seconds", seconds(now - record.heard.value_or(record.started))}});
  append(fields, own);
  append(fields, counts(record));
  fields.push_back(log::Field::json("streams", streams_json(held, context.ports)));
  return log::json_object(fields);
}

std::string explain_ended(const Tombstone& stone, Instant now) {
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
  if (record.kind == Kind::WebSocket) fields.emplace_back("close", record.close_code);
  append(fields, counts(record));
  append(fields, {{"undelivered", stone.ending.undelivered},
                  {"server", record.server_end},
                  {"stage", record.stage ? upstream::name_of(*record.stage) : ""},
                  {"target", record.target}});
  return log::json_object(fields);
}

std::string explain_unknown(Tombstones& ended, Instant now) {
  return log::json_object(Fields{{"state", "unknown"},
                                 {"remembers_since", time_of(ended.whole_since(now), now)},
                                 log::Field::json("remembers_all", ended.whole(now) ? "true" : "false")});
}

}  // namespace nxb::gateway
