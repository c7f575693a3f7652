// supervisor/admin/explain.cc - see explain.h.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/explain.h"

#include <algorithm>

#include "common/base/secret.h"
#include "common/log/line.h"
#include "supervisor/admin/answer.h"
#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

struct Said {
  Index worker;
  Json json;
  std::string state() const {
    auto at = json.find("state");
    return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
  }
};

std::string worker_name(Index worker) { return "worker " + std::to_string(worker); }

// An answer that is not an object says nothing: such a worker is as good as silent.
std::vector<Said> said_in(const Findings& findings, std::string& silent) {
  std::vector<Said> all;
  for (const Reply& reply : findings.replies) {
    if (reply.state == Reply::State::Absent) continue;  // its loss is known
    Json json = Json::parse(reply.json, nullptr, false);
    if (reply.state == Reply::State::Answered && json.is_object() && json.contains("state")) {
      all.push_back({reply.worker, std::move(json)});
    } else {
      silent += (silent.empty() ? "" : ", ") + worker_name(reply.worker);
    }
  }
  return all;
}

const Said* find_state(const std::vector<Said>& all, std::string_view state) {
  auto at = std::ranges::find_if(all, [state](const Said& said) { return said.state() == state; });
  return at == all.end() ? nullptr : &*at;
}

std::string found(const Said& said) {
  Json json;
  json["ok"] = true;
  json["state"] = said.state();
  json["worker"] = said.worker;
  for (const auto& [key, value] : said.json.items()) {
    if (key != "ok" && key != "state" && key != "worker") json[key] = value;
  }
  return line_of(json);
}

// The latest time since which no worker forgot a session; "" when none says so.
std::string remembered_since(const std::vector<Said>& all) {
  std::string latest;
  for (const Said& said : all) {
    auto at = said.json.find("remembers_since");
    if (at != said.json.end() && at->is_string()) latest = std::max(latest, at->get<std::string>());
  }
  return latest;
}

bool remembers_all(const Said& said) {
  auto at = said.json.find("remembers_all");
  return at != said.json.end() && at->is_boolean() && at->get<bool>();
}

// Only what is certain, and what is possible. A sid of before the first process that is asked was never heard of here.
std::string verdict_on(const std::vector<Said>& said, const std::string& since,
                       const std::vector<Fleet::Loss>& losses) {
  std::string text;
  if (said.empty() || !std::ranges::all_of(said, remembers_all)) {
    text = since.empty() ? "never issued here, or ended" : "never issued here, or ended before " + since;
  } else {
    text = losses.empty() ? "not issued since nxb started at " + since : "not issued since " + since;
  }
  if (losses.empty()) return text;
  const Fleet::Loss& last = *std::ranges::max_element(losses, {}, &Fleet::Loss::ended_ms);
  return text + ", or issued by " + worker_name(last.worker) + ", which crashed at " + log::timestamp(last.ended_ms) +
         " (process " + std::to_string(last.pid) + ", " + last.how + ")";
}

std::string unknown(std::string_view sid, const Findings& findings, const std::vector<Said>& said) {
  std::vector<Fleet::Loss> losses;
  for (const Fleet::Loss& loss : findings.losses) {
    if (!findings.owner || loss.worker == *findings.owner) losses.push_back(loss);
  }
  std::string since = remembered_since(said);
  Json json;
  json["ok"] = true;
  json["state"] = "unknown";
  json["sid"] = is_short_hash(sid) ? std::string(sid) : short_hash(sid);
  json["verdict"] = verdict_on(said, since, losses);
  json["owner"] = findings.owner ? Json(*findings.owner) : Json(nullptr);
  json["remembers_since"] = since.empty() ? Json(nullptr) : Json(since);
  json["lost"] = Json::array();
  for (const Fleet::Loss& loss : losses) {
    json["lost"].push_back({{"worker", loss.worker},
                            {"pid", loss.pid},
                            {"started", log::timestamp(loss.started_ms)},
                            {"ended", log::timestamp(loss.ended_ms)},
                            {"how", loss.how}});
  }
  return line_of(json);
}

std::string refusal_of(const Said& ended) {
  auto word = [&](const char* name) {
    auto at = ended.json.find(name);
    return at != ended.json.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  return refusal("it ended at " + word("ended") + ", by " + word("by") + ": " + word("why"));
}

}  // namespace

std::string done_line(std::string_view state, std::string_view sid, const Findings& findings) {
  std::string silent;
  std::vector<Said> said = said_in(findings, silent);
  if (const Said* done = find_state(said, state)) return found(*done);
  if (const Said* ended = find_state(said, "ended")) return refusal_of(*ended);
  if (!silent.empty()) return explain_line(sid, findings);
  return refusal("no such session: " + Json::parse(unknown(sid, findings, said)).value("verdict", std::string()));
}

std::string explain_line(std::string_view sid, const Findings& findings) {
  std::string silent;
  std::vector<Said> said = said_in(findings, silent);
  if (const Said* alive = find_state(said, "alive")) return found(*alive);
  if (const Said* ended = find_state(said, "ended")) return found(*ended);
  if (!silent.empty()) {
    return refusal(silent + (said.empty() ? " does not answer" : " does not answer; the others do not know it"));
  }
  return unknown(sid, findings, said);
}

}  // namespace nxb::supervisor::admin
