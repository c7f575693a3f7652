// supervisor/admin/answer.cc - see answer.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "supervisor/admin/commands.def"

namespace nxb::supervisor::admin {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& json) {
  // replace: a path may hold bytes that are not UTF-8; dump() must not throw.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::uint64_t value_of(const stats::Values& values, stats::Counter counter) {
  return values[static_cast<std::size_t>(counter)];
}

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1000.0; }

Json counters_of(const stats::Values& values) {
  Json json = Json::object();
  for (std::size_t i = 0; i < values.size(); ++i) json[std::string(stats::kCounters[i].name)] = values[i];
  return json;
}

Json status(const Source& source) {
  Snapshot now = source.snapshot();
  auto ready = std::ranges::count_if(now.workers, [](const WorkerRow& row) { return row.state == "ready"; });
  Json json;
  json["ok"] = true;
  json["version"] = NXB_VERSION;
  json["pid"] = now.pid;
  json["state"] = now.state;
  json["uptime_seconds"] = seconds(now.uptime);
  json["config"] = now.config_path;
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
  json["gauges"] = Json::array();  // what may go down; all others never do
  for (const auto& info : stats::kCounters) {
    if (info.kind == stats::Kind::Gauge) json["gauges"].push_back(std::string(info.name));
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
    worker["pss_bytes"] = usage ? Json(usage->pss_bytes) : Json(nullptr);
    worker["uptime_seconds"] = seconds(row.uptime);
    worker["restarts"] = row.restarts;
    worker["last_exit"] = row.last_exit.empty() ? Json(nullptr) : Json(row.last_exit);
    json["workers"].push_back(std::move(worker));
  }
  return json;
}

struct Command {
  std::string_view name;
  Json (*run)(const Source&);
};
#define NXB_ADMIN_ROW(name, help) Command{#name, &name},
constexpr Command kCommands[] = {NXB_ADMIN_COMMANDS(NXB_ADMIN_ROW)};
#undef NXB_ADMIN_ROW

}  // namespace

std::string refusal(std::string_view why) {
  Json json;
  json["ok"] = false;
  json["error"] = std::string(why);
  return line_of(json);
}

std::string answer(std::string_view line, const Source& source) {
  Json request = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!request.is_object()) return refusal("a request is one JSON object on one line, like {\"command\":\"status\"}");
  auto name = request.find("command");
  if (name == request.end() || !name->is_string()) return refusal("\"command\" is missing or not a string");
  const auto& wanted = name->get_ref<const std::string&>();
  for (const Command& command : kCommands) {
    if (command.name == wanted) return line_of(command.run(source));
  }
  return refusal("unknown command; there are: " + [] {
    std::string names;
    for (const Command& command : kCommands) names += (names.empty() ? "" : ", ") + std::string(command.name);
    return names;
  }());
}

}  // namespace nxb::supervisor::admin
