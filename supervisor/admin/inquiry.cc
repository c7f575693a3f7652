// supervisor/admin/inquiry.cc - see inquiry.h.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/inquiry.h"

#include <algorithm>
#include <string_view>

#include "common/base/domain.h"
#include "supervisor/admin/probe.h"
#include "supervisor/admin/sessions.h"

namespace nxb::supervisor::admin {

using ipc::Query;

namespace {

Result<Inquiry> about_session(const Request& request, Query what) {
  NXB_TRY(std::string sid, parse_sid(request.argument("sid")));
  return Inquiry{sid, what, sid, [sid](const Findings& findings) { return explain_line(sid, findings); }};
}

Result<Inquiry> kick(const Request& request) {
  NXB_TRY(std::string sid, parse_sid(request.argument("sid")));
  std::string condition = request.argument("condition");
  if (condition.empty()) condition = ipc::kKickConditions.front();
  if (std::ranges::find(ipc::kKickConditions, condition) == ipc::kKickConditions.end()) {
    std::string names;
    for (std::string_view name : ipc::kKickConditions) names += (names.empty() ? "" : ", ") + std::string(name);
    return Error{Code::BadInput, "condition is one of " + names};
  }
  return Inquiry{sid, Query::kick, sid + ' ' + condition,
                 [sid](const Findings& findings) { return done_line("kicked", sid, findings); }};
}

Result<Inquiry> watch(const Request& request) {
  NXB_TRY(std::string sid, parse_sid(request.argument("sid")));
  return Inquiry{sid, Query::watch, sid,
                 [sid](const Findings& findings) { return done_line("watched", sid, findings); }};
}

Result<Inquiry> sessions(const Request& request) {
  ipc::SessionQuery query;
  NXB_TRY([[maybe_unused]] auto order, set_order(query, request.argument("sort")));
  NXB_TRY([[maybe_unused]] auto limit, set_limit(query, request.argument("limit")));
  NXB_TRY([[maybe_unused]] auto transport, set_transport(query, request.argument("transport")));
  NXB_TRY([[maybe_unused]] auto ip, set_ip(query, request.argument("ip")));
  query.domain = plain_domain(request.argument("domain"));
  return Inquiry{{}, Query::sessions, ipc::to_text(query), [query](const Findings& findings) {
                   return sessions_line(query, findings);
                 }};
}

// Twice five seconds at most (worker/upstream/checkup.h), and some for a worker that is busy.
constexpr Duration kProbePatience{12'000};

Result<Inquiry> probe(const Request& request) {
  std::string domain = request.argument("domain");
  Inquiry inquiry{{}, ipc::Query::probe, domain, [](const Findings& findings) { return probe_line(findings); }};
  inquiry.of_anyone = true;
  inquiry.patience = kProbePatience;
  return inquiry;
}

}  // namespace

Result<Inquiry> inquiry_of(const Request& request) {
  if (request.command == Command::sessions) return sessions(request);
  if (request.command == Command::probe) return probe(request);
  if (request.command == Command::kick) return kick(request);
  if (request.command == Command::watch) return watch(request);
  if (request.command == Command::session) return about_session(request, Query::session);
  if (request.command == Command::explain) return about_session(request, Query::explain);
  return Error{Code::BadInput, "not a question to workers"};
}

}  // namespace nxb::supervisor::admin
