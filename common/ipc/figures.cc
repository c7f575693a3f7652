// common/ipc/figures.cc - see figures.h.
// SPDX-License-Identifier: MIT
#include "common/ipc/figures.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace nxb::ipc {

using nlohmann::json;

namespace {

double rounded(double value) { return std::round(value * 1000) / 1000; }

json to_json(const WorkerFigures& worker) {
  return {{"index", worker.index},
          {"pid", worker.pid},
          {"state", worker.state},
          {"uptime_ms", worker.uptime_ms},
          {"restarts", worker.restarts},
          {"last_exit", worker.last_exit},
          {"cpu_seconds", rounded(worker.cpu_seconds)},
          {"cpu_share", rounded(worker.cpu_share)},
          {"memory_bytes", worker.memory_bytes}};
}

json to_json(const Series& series) {
  json points = json::array();
  for (const auto& point : series.points) points.push_back(point ? json(rounded(*point)) : json(nullptr));
  return points;
}

// A member of that kind, or nothing is read.
template <class T>
bool read(const json& object, const char* name, T& out) {
  auto at = object.find(name);
  if (at == object.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!at->is_string()) return false;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!at->is_boolean()) return false;
  } else {
    if (!at->is_number()) return false;
  }
  out = at->template get<T>();
  return true;
}

bool read(const json& object, WorkerFigures& worker) {
  return object.is_object() && read(object, "index", worker.index) && read(object, "pid", worker.pid) &&
         read(object, "state", worker.state) && read(object, "uptime_ms", worker.uptime_ms) &&
         read(object, "restarts", worker.restarts) && read(object, "last_exit", worker.last_exit) &&
         read(object, "cpu_seconds", worker.cpu_seconds) && read(object, "cpu_share", worker.cpu_share) &&
         read(object, "memory_bytes", worker.memory_bytes);
}

}  // namespace

std::string encode(const Figures& figures) {
  json workers = json::array();
  for (const WorkerFigures& worker : figures.workers) workers.push_back(to_json(worker));
  json series = json::object();
  for (const Series& one : figures.history) series[one.name] = to_json(one);
  json all{{"state", figures.state},
           {"reload_success", figures.reload_success},
           {"workers", std::move(workers)},
           {"history", {{"every_ms", figures.every_ms}, {"series", std::move(series)}}}};
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Figures> decode_figures(std::string_view text) {
  const Error wrong{Code::BadInput, "these are no figures"};
  json all = json::parse(text, nullptr, false);
  if (!all.is_object()) return wrong;
  Figures figures;
  if (!read(all, "state", figures.state) || !read(all, "reload_success", figures.reload_success)) return wrong;
  auto workers = all.find("workers");
  if (workers == all.end() || !workers->is_array()) return wrong;
  for (const json& object : *workers) {
    if (!read(object, figures.workers.emplace_back())) return wrong;
  }
  return figures;
}

}  // namespace nxb::ipc
