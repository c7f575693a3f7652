// supervisor/admin/probe.cc - see probe.h. What a worker says is looked at before it is believed.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/probe.h"

#include <algorithm>
#include <utility>

#include "supervisor/admin/answer.h"
#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

bool is_finding(const Json& json) {
  auto has = [&](const char* name) { return json.contains(name) && json[name].is_string(); };
  return json.is_object() && has("kind") && has("what") && has("text");
}

}  // namespace

std::string probe_line(const Findings& findings) {
  if (findings.replies.empty()) return refusal("no worker serves just now");
  const Reply& reply = findings.replies.front();
  if (reply.state != Reply::State::Answered) {
    return refusal("worker " + std::to_string(reply.worker) + " gave no answer; again asks another one, perhaps");
  }
  Json json = Json::parse(reply.json, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_string()) {
    return refusal(json["error"].get<std::string>());
  }
  const bool told = json.is_object() && json.contains("domain") && json.contains("findings") &&
                    json["findings"].is_array() && std::ranges::all_of(json["findings"], is_finding);
  if (!told) return refusal("worker " + std::to_string(reply.worker) + " gave no answer that can be read");
  Json line;
  line["ok"] = true;
  line["worker"] = reply.worker;
  line["domain"] = std::move(json["domain"]);
  line["findings"] = std::move(json["findings"]);
  return line_of(line);
}

}  // namespace nxb::supervisor::admin
