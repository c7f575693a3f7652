// supervisor/reload.cc - see reload.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/reload.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/config/change.h"
#include "common/config/file.h"
#include "common/log/log.h"
#include "supervisor/descriptor_limit.h"

namespace nxb::supervisor {
namespace {

ReloadReport::Verdict verdict_of(const Reply& reply) {
  switch (reply.state) {
    case Reply::State::Silent:
      return {reply.worker, "silent", {}};
    case Reply::State::Absent:
      return {reply.worker, "absent", {}};
    case Reply::State::Answered:
      break;
  }
  return {reply.worker, reply.json.empty() ? "applied" : "refused", reply.json};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

void tell(const ReloadReport& report) {
  for (const auto& error : report.errors) log::error("reload.refused", {{"why", error}});
  for (const auto& warning : report.warnings) log::warn("reload.warning", {{"why", warning}});
  if (!report.errors.empty()) return;
  for (const auto& verdict : report.workers) {
    if (verdict.state == "applied") continue;
    log::warn("reload.worker", {{"index", verdict.worker}, {"state", verdict.state}, {"why", verdict.error}});
  }
  log::info("reload.done", {{"changed", joined(report.changed)}, {"needs_restart", joined(report.needs_restart)}});
}

}  // namespace

// That of a listener is another one, in the same file.
bool Reloader::certificate_renewed() {
  auto former = std::exchange(certificates_, config::certificate_digests(running_));
  return std::ranges::any_of(certificates_, [&former](const auto& now) {
    auto at = former.find(now.first);
    return at != former.end() && at->second != now.second;
  });
}

Status Reloader::open_listeners(std::vector<ListeningSocket> passed) {
  certificates_ = config::certificate_digests(running_);
  return listeners_.change(config::all_listeners(running_), std::move(passed));
}

Result<std::string> Reloader::for_workers() const {
  config::Config config = running_;
  config.listen = listeners_.numbered();
  return config::to_json_for_workers(config);
}

void Reloader::reload(Fleet& fleet, Done done) {
  const std::uint64_t number = ++begun_;
  ReloadReport report;
  report.at_ms = wall_clock_ms();
  if (fleet.stopping()) report.errors.emplace_back("nxb is stopping");
  config::Loaded loaded = load_configuration(options_);
  report.warnings = loaded.warnings;
  report.errors.insert(report.errors.end(), loaded.errors.begin(), loaded.errors.end());
  if (!report.errors.empty()) return finish(number, report, done);

  // `workers` waits for a restart: descriptors have to suffice for those that run.
  const auto wanted = std::exchange(loaded.config.server.workers, running_.server.workers);
  fit_to_descriptors(loaded.config);
  loaded.config.server.workers = wanted;
  config::Change change = config::change_of(running_, loaded.config);
  if (auto changed = listeners_.change(config::all_listeners(change.config)); !changed) {
    report.errors.push_back(changed.error().text);
    return finish(number, report, done);
  }
  report.changed = change.changed;
  report.needs_restart = change.needs_restart;
  config::Config former = std::exchange(running_, std::move(change.config));
  auto former_certificates = certificates_;
  if (certificate_renewed()) report.changed.emplace_back("listen.tls");
  auto told = tell_workers(fleet, [this, number, report, done](const std::vector<Reply>& replies) mutable {
    for (const Reply& reply : replies) report.workers.push_back(verdict_of(reply));
    finish(number, report, done);
  });
  if (!told) {  // a file that was there a moment ago: nothing may have changed
    running_ = std::move(former);
    certificates_ = std::move(former_certificates);
    listeners_.undo();
    report.changed.clear();
    report.needs_restart.clear();
    report.errors.push_back(told.error().text);
    return finish(number, report, done);
  }
  listeners_.close_removed();
  warnings_ = std::move(loaded.warnings);
  log::configure(running_.log.level, running_.log.format, "supervisor");
  log::show_addresses(running_.log.ip);
}

Status Reloader::tell_workers(Fleet& fleet, Questions::Done heard) const {
  NXB_TRY(auto config, for_workers());
  return fleet.reconfigure(std::move(config), listeners_.open(), std::move(heard));
}

void Reloader::finish(std::uint64_t number, const ReloadReport& report, const Done& done) {
  tell(report);
  if (number > last_number_) {  // or a later one was done sooner
    last_ = report;
    last_number_ = number;
  }
  done(report);
}

}  // namespace nxb::supervisor
