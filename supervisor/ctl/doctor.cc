// supervisor/ctl/doctor.cc - see doctor.h.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/doctor.h"

#include <sys/timex.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "supervisor/ctl/client.h"
#include "supervisor/ctl/render.h"

namespace nxb::ctl {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Finding::Kind;

constexpr std::uint64_t kFewDescriptors = 4096;
constexpr std::uint64_t kManyRequests = 1000;  // below, shares of them say little

// What a counter above 0 means.
struct Sign {
  const char* counter;
  const char* text;
};
constexpr Sign kSigns[] = {
    {"accept_pauses", "accepting stopped because descriptors ran out: raise LimitNOFILE"},
    {"connection_limit_pauses", "accepting stopped at max_connections"},
    {"sessions_refused_limit", "sessions were refused at max_sessions or max_sessions_per_address"},
    {"handovers_refused", "a worker did not take connections in time: see nxbctl workers"},
    {"proxy_cut_age_seconds", "so many seconds after it began a proxy in front cuts what a client holds open"},
    {"bugs_seen", "an expectation within nxb did not hold: the log has event=bug, please report it"},
};

Finding judge(bool good, const char* what, std::string text) {
  return {good ? Kind::Good : Kind::Bad, what, std::move(text)};
}

Finding workers_of(const Json& workers) {
  std::string bad, lost;
  for (const Json& worker : workers) {
    std::string name = "worker " + worker.at("index").dump();
    if (worker.at("state") != "ready")
      bad += (bad.empty() ? "" : ", ") + name + " is " + worker.at("state").get<std::string>();
    if (worker.at("restarts").get<std::uint64_t>() != 0 && worker.at("last_exit").is_string()) {
      lost += (lost.empty() ? "" : ", ") + name + ": " + worker.at("last_exit").get<std::string>();
    }
  }
  if (!bad.empty()) return judge(false, "workers", bad);
  if (!lost.empty()) return judge(false, "workers", "all serve, but some were replaced: " + lost);
  return judge(true, "workers", "all " + std::to_string(workers.size()) + " serve");
}

// Nothing: its slot has no process now.
std::optional<int> pid_of(const Json& worker) {
  if (!worker.is_object() || !worker.contains("pid") || !worker["pid"].is_number_integer()) return std::nullopt;
  return worker["pid"].get<int>();
}

Finding descriptors_of(const Json& workers, const Machine& machine) {
  std::uint64_t least = UINT64_MAX, fullest = 0;
  for (const Json& worker : workers) {
    const auto pid = pid_of(worker);
    auto at = pid ? machine.processes.find(*pid) : machine.processes.end();
    if (at == machine.processes.end()) continue;
    least = std::min(least, at->second.limit);
    fullest = std::max(fullest, at->second.limit == 0 ? 0 : at->second.open * 100 / at->second.limit);
  }
  if (least == UINT64_MAX) return {Kind::Unknown, "descriptors", "only root and nxb's own user may see them"};
  std::string text = std::to_string(least) + " for each worker, " + std::to_string(fullest) + "% in use at most";
  if (least < kFewDescriptors)
    return judge(false, "descriptors", text + ": a session needs two, under TLS four; raise LimitNOFILE");
  return judge(fullest < 80, "descriptors", text);
}

Finding clock_of(const Machine& machine) {
  if (!machine.clock_synchronised) return {Kind::Unknown, "clock", "the system does not say"};
  return judge(*machine.clock_synchronised, "clock",
               *machine.clock_synchronised ? "synchronised" : "not synchronised: certificates and logs need the time");
}

void signs_in(const Json& total, std::vector<Finding>& findings) {
  auto value = [&](const char* name) { return total.contains(name) ? total.at(name).get<std::uint64_t>() : 0; };
  for (const Sign& sign : kSigns) {
    if (value(sign.counter) != 0) {
      findings.push_back(judge(false, sign.counter, std::to_string(value(sign.counter)) + ": " + sign.text));
    }
  }
}

// Shares are of the last quarter of an hour: of weeks they would say nothing of today.
void shares_in(const Json& lately, std::vector<Finding>& findings) {
  const Json& total = lately.at("total");
  auto value = [&](const char* name) { return total.contains(name) ? total.at(name).get<std::uint64_t>() : 0; };
  const std::string since = "in the last " + readable_time(lately.at("seconds").get<double>()) + " ";
  if (std::uint64_t failed = value("streams_failed"); failed * 10 > value("streams_requested")) {
    std::string stages;
    for (const char* stage : {"policy", "dns", "tcp", "tls", "stream"}) {
      const std::uint64_t there = value((std::string("streams_failed_") + stage).c_str());
      if (there != 0) stages += (stages.empty() ? " (" : ", ") + std::string(stage) + " " + std::to_string(there);
    }
    findings.push_back(judge(false, "streams_failed",
                             since + std::to_string(failed) + " streams to servers failed" + stages +
                                 (stages.empty() ? "" : ")") + ", " + std::to_string(value("streams_requested")) +
                                 " were asked for: see stream.failed in the log, nxbctl doctor --domain DOMAIN"));
  }
  if (std::uint64_t failed = value("dns_failures"); failed * 10 > value("dns_queries")) {
    findings.push_back(judge(false, "dns_failures",
                             since + "of " + std::to_string(value("dns_queries")) + " questions " +
                                 std::to_string(failed) + " had no usable answer"));
  }
  if (value("requests") >= kManyRequests && value("client_aborts") * 10 > value("requests")) {
    findings.push_back(judge(false, "client_aborts",
                             since + std::to_string(value("client_aborts")) + " of " +
                                 std::to_string(value("requests")) +
                                 " requests were cut while held: a proxy with a time limit below wait?"));
  }
}

// The log goes on without the lines that it cannot write, and cannot say so itself.
void log_in(const Machine& machine, std::vector<Finding>& findings) {
  if (machine.log_bytes_free == 0) {
    findings.push_back(judge(false, "log", "no space is left where [log] file is: lines are lost"));
  }
}

// "Max open files            1024                 4096                 files"
std::optional<Descriptors> descriptors_of_process(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  Descriptors found;
  std::ifstream limits(folder + "/limits");
  for (std::string line; std::getline(limits, line);) {
    if (line.starts_with("Max open files")) std::istringstream(line.substr(14)) >> found.limit;
  }
  std::error_code failed;
  auto all = std::filesystem::directory_iterator(folder + "/fd", failed);
  if (failed || found.limit == 0) return std::nullopt;
  found.open = static_cast<std::uint64_t>(std::distance(begin(all), end(all)));
  return found;
}

Json parsed(std::string_view line) { return Json::parse(line.begin(), line.end(), nullptr, false); }

std::optional<std::uint64_t> free_for_log(const Json& status) {
  if (!status.is_object() || !status.contains("log_file") || !status["log_file"].is_string()) return std::nullopt;
  std::error_code failed;
  const auto space = std::filesystem::space(status["log_file"].get<std::string>(), failed);
  if (failed) return std::nullopt;
  return space.available;
}

}  // namespace

Result<std::vector<Finding>> diagnose(std::string_view status, std::string_view stats, std::string_view workers,
                                      const Machine& machine) {
  try {
    const Json now = parsed(status), counted = parsed(stats), listed = parsed(workers);
    std::vector<Finding> findings;
    bool same = now.at("version") == NXB_VERSION;
    findings.push_back(judge(same, "version",
                             "nxb " + now.at("version").get<std::string>() +
                                 (same ? "" : std::string(", nxbctl ") + NXB_VERSION + ": restart nxb-supervisor")));
    findings.push_back(judge(now.at("state") == "running", "state", now.at("state").get<std::string>()));
    for (const Json& warning : now.value("warnings", Json::array())) {
      findings.push_back({Kind::Warning, "configuration", warning.get<std::string>()});
    }
    findings.push_back(workers_of(listed.at("workers")));
    findings.push_back(descriptors_of(listed.at("workers"), machine));
    findings.push_back(clock_of(machine));
    log_in(machine, findings);
    signs_in(counted.at("total"), findings);
    if (counted.contains("lately")) shares_in(counted.at("lately"), findings);  // an older supervisor has none
    return findings;
  } catch (const nlohmann::json::exception& error) {
    return Error{Code::BadInput, std::string("the answer lacks something: ") + error.what()};
  }
}

std::string render_findings(const std::vector<Finding>& findings, bool json) {
  constexpr const char* kWords[] = {"ok", "?", "warn", "LOOK"};
  constexpr const char* kKinds[] = {"ok", "unknown", "warning", "problem"};
  std::vector<std::vector<std::string>> rows;
  Json all{{"ok", true}, {"findings", Json::array()}};
  for (const Finding& one : findings) {
    const auto kind = static_cast<std::size_t>(one.kind);
    rows.push_back({kWords[kind], one.what, harmless(one.text)});
    all["findings"].push_back(
        {{"good", one.kind != Kind::Bad}, {"kind", kKinds[kind]}, {"what", one.what}, {"text", one.text}});
  }
  if (json) return all.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
  return table(rows, {Align::Left, Align::Left, Align::Left});
}

std::vector<Finding> findings_of_probe(std::string_view answer) {
  const Json json = parsed(answer);
  try {
    if (!json.at("ok").get<bool>()) return {judge(false, "domain", json.at("error").get<std::string>())};
    std::vector<Finding> findings;
    for (const Json& one : json.at("findings")) {
      const auto kind = one.at("kind").get<std::string>();
      findings.push_back({kind == "ok"        ? Kind::Good
                          : kind == "warning" ? Kind::Warning
                                              : Kind::Bad,
                          one.at("what").get<std::string>(), one.at("text").get<std::string>()});
    }
    return findings;
  } catch (const nlohmann::json::exception& error) {
    return {judge(false, "domain", std::string("the answer lacks something: ") + error.what())};
  }
}

Result<std::vector<Finding>> examine(const std::string& path, const std::string& domain) {
  NXB_TRY(auto status, ask(path, request_line("status", {})));
  NXB_TRY(auto stats, ask(path, request_line("stats", {})));
  NXB_TRY(auto workers, ask(path, request_line("workers", {})));
  Machine machine;
  Json listed = parsed(workers);
  if (listed.is_object() && listed.contains("workers") && listed["workers"].is_array()) {
    for (const Json& worker : listed["workers"]) {
      const auto pid = pid_of(worker);
      if (auto found = pid ? descriptors_of_process(*pid) : std::nullopt) machine.processes[*pid] = *found;
    }
  }
  machine.log_bytes_free = free_for_log(parsed(status));
  timex clock{};
  if (int state = adjtimex(&clock); state >= 0) {
    machine.clock_synchronised = state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
  }
  NXB_TRY(auto findings, diagnose(status, stats, workers, machine));
  if (domain.empty()) return findings;
  NXB_TRY(auto probed, ask(path, request_line("probe", {{"domain", domain}}), kProbePatience));
  std::ranges::move(findings_of_probe(probed), std::back_inserter(findings));
  return findings;
}

}  // namespace nxb::ctl
