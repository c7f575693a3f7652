// supervisor/admin/reload.cc - see reload.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/reload.h"

#include <string_view>
#include <vector>

#include "common/ipc/event_type.h"
#include "common/log/line.h"
#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : std::string(between)) + word;
  return text;
}

std::string refused_by(const ReloadReport& report) {
  std::string text;
  for (const auto& verdict : report.workers) {
    if (verdict.state != "refused") continue;
    text += (text.empty() ? "" : "\n") + ("worker " + std::to_string(verdict.worker)) + ": " + verdict.error;
  }
  return text;
}

std::string error_of(const ReloadReport& report) {
  if (!report.errors.empty()) return "nothing was changed:\n" + joined(report.errors, "\n");
  return refused_by(report);
}

}  // namespace

std::string reload_line(const ReloadReport& report) {
  Json json;
  json["ok"] = report.ok();
  if (!report.ok()) json["error"] = error_of(report);
  json["errors"] = report.errors;
  json["warnings"] = report.warnings;
  json["changed"] = report.changed;
  json["needs_restart"] = report.needs_restart;
  json["workers"] = Json::array();
  for (const auto& verdict : report.workers) {
    Json worker;
    worker["index"] = verdict.worker;
    worker["state"] = verdict.state;
    json["workers"].push_back(std::move(worker));
  }
  return line_of(json);
}

Event reload_event(const ReloadReport& report) {
  std::string type(ipc::name_of(ipc::EventType::reload));
  Json json;
  json["time"] = log::timestamp(report.at_ms);
  json["type"] = type;
  json["result"] = report.ok() ? "ok" : "failed";
  json["changed"] = joined(report.changed, " ");
  json["needs_restart"] = joined(report.needs_restart, " ");
  json["error"] = report.ok() ? "" : error_of(report);
  return {type, {}, {}, line_of(json)};
}

}  // namespace nxb::supervisor::admin
