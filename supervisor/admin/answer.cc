// supervisor/admin/answer.cc - see answer.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/answer.h"

#include <algorithm>

#include "common/log/line.h"
#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

std::uint64_t value_of(const stats::Values& values, stats::Counter counter) {
  return values[static_cast<std::size_t>(counter)];
}

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1000.0; }

Json counters_of(const stats::Values& values) {
  Json json = Json::object();
  for (std::size_t i = 0; i < values.size(); ++i) json[std::string(stats::kCounters[i].name)] = values[i];
  return json;
}

Json last_reload(const Snapshot& now) {
  if (!now.last_reload) return nullptr;
  Json json;
  json["time"] = log::timestamp(now.last_reload->at_ms);
  json["ok"] = now.last_reload->ok();
  json["needs_restart"] = now.last_reload->needs_restart;
  return json;
}

Json status(const Source& source) {
  Snapshot now = source.snapshot();
  auto ready = std::ranges::count_if(
      now.workers, [](const WorkerRow& row) { return row.state == "ready" || row.state == "draining"; });
  Json json;
  json["ok"] = true;
  json["version"] = NXB_VERSION;
  json["pid"] = now.pid;
  json["state"] = now.state;
  json["uptime_seconds"] = seconds(now.uptime);
  json["config"] = now.config_path;
  json["warnings"] = now.warnings;
  json["log_file"] = now.log_file.empty() ? Json(nullptr) : Json(now.log_file);
  json["last_reload"] = last_reload(now);
  json["listen"] = now.listen;
  json["workers"] = {{"ready", ready}, {"total", now.workers.size()}};
  json["sessions"] = value_of(now.total, stats::Counter::sessions);
  return json;
}

Json stats(const Source& source) {
  Snapshot now = source.snapshot();
  Json json;
  json["ok"] = true;
  json["workers"] = Json::array();
  for (const WorkerRow& row : now.workers) {
    Json worker;
    worker["index"] = row.index;
    worker["counters"] = counters_of(row.counters);
    json["workers"].push_back(std::move(worker));
  }
  json["total"] = counters_of(now.total);
  json["lately"] = {{"seconds", seconds(now.lately_over)}, {"total", Json::object()}};
  for (const auto& [name, value] : now.lately) json["lately"]["total"][std::string(name)] = value;
  json["gauges"] = Json::array();  // what may go down; all others never do
  for (const auto& info : stats::kCounters) {
    if (info.kind != stats::Kind::Sum) json["gauges"].push_back(std::string(info.name));
  }
  return json;
}

Json workers(const Source& source) {
  Json json;
  json["ok"] = true;
  json["workers"] = Json::array();
  for (const WorkerRow& row : source.snapshot().workers) {
    auto usage = row.pid > 0 ? source.usage(row.pid) : std::nullopt;
    Json worker;
    worker["index"] = row.index;
    worker["pid"] = row.pid > 0 ? Json(row.pid) : Json(nullptr);
    worker["generation"] = row.generation;
    worker["state"] = row.state;
    worker["sessions"] = value_of(row.counters, stats::Counter::sessions);
    worker["connections"] = value_of(row.counters, stats::Counter::connections);
    worker["cpu_seconds"] = usage ? Json(usage->cpu_seconds) : Json(nullptr);
    worker["rss_bytes"] = usage ? Json(usage->rss_bytes) : Json(nullptr);
    worker["pss_bytes"] = usage && usage->pss_bytes ? Json(*usage->pss_bytes) : Json(nullptr);
    worker["uptime_seconds"] = seconds(row.uptime);
    worker["restarts"] = row.restarts;
    worker["last_exit"] = row.last_exit.empty() ? Json(nullptr) : Json(row.last_exit);
    json["workers"].push_back(std::move(worker));
  }
  return json;
}

}  // namespace

std::string refusal(std::string_view why) {
  Json json;
  json["ok"] = false;
  json["error"] = std::string(why);
  return line_of(json);
}

std::string answer(Command snapshot, const Source& source) {
  switch (snapshot) {
#define NXB_ADMIN_ROW(name, help) \
  case Command::name:             \
    return line_of(name(source));
    NXB_ADMIN_SNAPSHOTS(NXB_ADMIN_ROW)
#undef NXB_ADMIN_ROW
    case Command::reload:
    case Command::events:
    case Command::watch:
#define NXB_ADMIN_ROW(name, help) case Command::name:
      NXB_ADMIN_INQUIRIES(NXB_ADMIN_ROW)
      NXB_ADMIN_ORDERS(NXB_ADMIN_ROW)
      NXB_ADMIN_SETTINGS(NXB_ADMIN_ROW)
#undef NXB_ADMIN_ROW
      break;
  }
  return refusal("not answered at once");
}

}  // namespace nxb::supervisor::admin
