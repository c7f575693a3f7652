// tests/unit/worker/gateway/journal_rig.h - a gateway whose events are read, with one BOSH session at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/worker/gateway/ws_rig.h"
#include "worker/gateway/journal.h"

namespace nxb::gateway {

inline std::string member(std::string_view object, std::string_view name) {
  std::string key = '"' + std::string(name) + "\":";
  auto at = object.find(key);
  if (at == std::string_view::npos) return "(none)";
  std::string_view rest = object.substr(at + key.size());
  bool quoted = rest.starts_with('"');
  if (quoted) rest.remove_prefix(1);
  return std::string(rest.substr(0, rest.find_first_of(quoted ? "\"" : ",}")));
}

inline std::vector<std::string> lines_of(Journal::Batch batch) {
  std::vector<std::string> lines;
  std::string_view rest = batch.lines;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  CHECK(rest.empty());
  CHECK(batch.dropped == 0);
  return lines;
}

inline std::string types_of(const std::vector<std::string>& lines) {
  std::string types;
  for (const auto& line : lines) types += (types.empty() ? "" : " ") + member(line, "type");
  return types;
}

struct Watched : WsWorld {
  explicit Watched(config::Config given = {}) : WsWorld(std::move(given)) { gateway.publish(true); }
  std::vector<std::string> told() { return lines_of(gateway.take_events()); }
  std::string types() { return types_of(told()); }
  std::string sid = "0123456789abcdefghijklmn";
  std::uint64_t rid = 1;
  RequestId ask(bosh::Body body) {
    body.sid = sid;
    body.rid = Rid{++rid};
    RequestId id{ConnId{7}, ++requests};
    gateway.on_request(id, std::move(body), {"192.0.2.1"}, {});
    return id;
  }
  RequestId say_bosh(std::string_view payload) {
    bosh::Body body;
    body.payloads = payload;
    body.payload_count = payload.empty() ? 0 : 1;
    return ask(std::move(body));
  }
  void terminate() {
    bosh::Body body;
    body.terminate = true;
    ask(std::move(body));
  }
};

}  // namespace nxb::gateway
