// supervisor/admin/sessions.cc - see sessions.h. What a worker says is looked at before it is believed.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/sessions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

struct Row {
  std::uint64_t rank;
  Json json;
};

std::uint64_t number(const Json& object, const char* name) {
  auto at = object.find(name);
  return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

std::uint64_t rank_of(ipc::SessionOrder order, const Json& row) {
  switch (order) {
    case ipc::SessionOrder::Age:
      return number(row, "age_seconds");
    case ipc::SessionOrder::Idle:
      return number(row, "idle_seconds");
    case ipc::SessionOrder::Bytes:
      return number(row, "up_bytes") + number(row, "down_bytes");
    case ipc::SessionOrder::Queue:
      return number(row, "queued_bytes");
  }
  return 0;
}

// Whether it is an answer.
bool take(Index worker, const std::string& text, ipc::SessionOrder order, std::uint64_t& matching,
          std::vector<Row>& rows) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("sessions") || !json["sessions"].is_array()) return false;
  matching += number(json, "matching");
  for (Json& row : json["sessions"]) {
    if (!row.is_object()) continue;
    row["worker"] = worker;
    rows.push_back({rank_of(order, row), std::move(row)});
  }
  return true;
}

}  // namespace

std::string sessions_line(const ipc::SessionQuery& query, const Findings& findings) {
  std::vector<Row> rows;
  std::uint64_t matching = 0;
  Json stuck = Json::array();
  for (const Reply& reply : findings.replies) {
    if (reply.state == Reply::State::Absent) continue;  // its sessions went with it
    bool said = reply.state == Reply::State::Answered && take(reply.worker, reply.json, query.order, matching, rows);
    if (!said) stuck.push_back(reply.worker);
  }
  std::ranges::stable_sort(rows, std::ranges::greater{}, &Row::rank);
  if (rows.size() > query.limit) rows.erase(rows.begin() + query.limit, rows.end());
  Json json;
  json["ok"] = true;
  json["matching"] = matching;
  json["sessions"] = Json::array();
  for (Row& row : rows) json["sessions"].push_back(std::move(row.json));
  json["stuck"] = std::move(stuck);
  return line_of(json);
}

}  // namespace nxb::supervisor::admin
