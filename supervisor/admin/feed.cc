// supervisor/admin/feed.cc - see feed.h.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/feed.h"

#include <algorithm>

#include "common/base/domain.h"
#include "common/base/secret.h"
#include "common/ipc/event_type.h"
#include "common/log/line.h"
#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

std::string text_of(const Json& object, const char* name) {
  auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Json begin_event(std::string_view type, std::optional<std::uint32_t> worker) {
  Json json;
  json["time"] = log::timestamp(wall_clock_ms());
  if (worker) json["worker"] = *worker;
  json["type"] = std::string(type);
  return json;
}

constexpr std::string_view kElements = ipc::name_of(ipc::EventType::stanza);
constexpr std::string_view kEnd = ipc::name_of(ipc::EventType::session_end);

Status check_type(std::string_view name) {
  if (std::ranges::find(ipc::kEventNames, name) != ipc::kEventNames.end()) return Done{};
  std::string names;
  for (std::string_view each : ipc::kEventNames) names += (names.empty() ? "" : ", ") + std::string(each);
  return Error{Code::BadInput, "unknown type \"" + std::string(name.substr(0, 32)) + "\"; there are: " + names};
}

}  // namespace

std::optional<Event> event_of(std::uint32_t worker, std::string_view line) {
  Json told = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!told.is_object()) return std::nullopt;
  Event event{text_of(told, "type"), text_of(told, "sid"), text_of(told, "domain"), {}};
  if (!check_type(event.type)) return std::nullopt;
  Json json;
  json["time"] = text_of(told, "time");
  json["worker"] = worker;
  for (auto& [key, value] : told.items()) {
    if (key != "time" && key != "worker") json[key] = std::move(value);
  }
  event.line = line_of(json);
  return event;
}

Event worker_start_event(std::uint32_t worker, int pid, std::uint64_t restarts) {
  std::string type(ipc::name_of(ipc::EventType::worker_start));
  Json json = begin_event(type, worker);
  json["pid"] = pid;
  json["restarts"] = restarts;
  return {type, {}, {}, line_of(json)};
}

Event worker_exit_event(std::uint32_t worker, int pid, std::string_view how, Duration age) {
  std::string type(ipc::name_of(ipc::EventType::worker_exit));
  Json json = begin_event(type, worker);
  json["pid"] = pid;
  json["how"] = std::string(how);
  json["age"] = age.count() / 1000;
  return {type, {}, {}, line_of(json)};
}

std::string dropped_line(std::optional<std::uint32_t> worker, std::uint64_t count) {
  Json json = begin_event("dropped", worker);
  json["count"] = count;
  return line_of(json);
}

Result<Filter> Filter::of(const Request& request) {
  Filter filter;
  std::string types = request.argument("type");
  for (std::size_t at = 0; !types.empty() && at <= types.size();) {
    std::size_t comma = std::min(types.find(',', at), types.size());
    std::string name = types.substr(at, comma - at);
    NXB_TRY([[maybe_unused]] auto known, check_type(name));
    filter.types_.push_back(std::move(name));
    at = comma + 1;
  }
  if (std::string text = request.argument("sid"); !text.empty()) {
    NXB_TRY(std::string sid, parse_sid(text));
    filter.sid_ = is_sid(sid) ? short_hash(sid) : sid;
  }
  filter.domain_ = plain_domain(request.argument("domain"));
  return filter;
}

Filter Filter::for_elements_of(std::string_view sid) {
  Filter filter;
  filter.watched_ = is_sid(sid) ? short_hash(sid) : std::string(sid);
  return filter;
}

// Whoever asks for events never gets elements, also if somebody else watches.
bool Filter::wants(const Event& event) const {
  if (!watched_.empty()) return event.sid == watched_ && (event.type == kElements || event.type == kEnd);
  if (event.type == kElements) return false;
  if (!types_.empty() && std::ranges::find(types_, event.type) == types_.end()) return false;
  if (!sid_.empty() && event.sid != sid_) return false;
  return domain_.empty() || event.domain == domain_;
}

}  // namespace nxb::supervisor::admin
