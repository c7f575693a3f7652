// supervisor/ctl/render.cc - see render.h.
// Runs in: nxbctl.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/render.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/log/line.h"
#include "supervisor/ctl/doctor.h"

namespace nxb::ctl {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::string two_units(std::uint64_t big, const char* big_unit, std::uint64_t small, const char* small_unit) {
  return std::to_string(big) + big_unit + (small < 10 ? " 0" : " ") + std::to_string(small) + small_unit;
}

// All that is printed of an answer comes through here.
std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? harmless(value.get_ref<const std::string&>()) : value.dump(-1, ' ', true);
}
std::string bytes_cell(const Json& value) { return value.is_null() ? "-" : readable_bytes(value.get<std::uint64_t>()); }
std::string time_cell(const Json& value) { return value.is_null() ? "-" : readable_time(value.get<double>()); }

std::string listed(const Json& words) {
  std::string text;
  for (const Json& word : words) text += (text.empty() ? "" : ", ") + cell(word);
  return text;
}

std::string render_last_reload(const Json& last) {
  if (last.is_null()) return "none";
  std::string waits = listed(last.at("needs_restart"));
  return cell(last.at("time")) + (last.at("ok").get<bool>() ? ": ok" : ": failed, see the log") +
         (waits.empty() ? "" : "; needs a restart: " + waits);
}

std::string render_reload(const Json& json) {
  std::string workers;
  for (const Json& worker : json.at("workers")) {
    std::string state = cell(worker.at("state"));
    if (state == "silent") state = "does not answer, takes it when it reads or is replaced";
    if (state == "absent") state = "is being started, begins with it";
    workers += (workers.empty() ? "" : "; ") + cell(worker.at("index")) + " " + state;
  }
  std::string changed = listed(json.at("changed"));
  std::string waits = listed(json.at("needs_restart"));
  std::string warnings;
  for (const Json& warning : json.at("warnings")) warnings += "warning: " + cell(warning) + '\n';
  Rows rows{{"changed", changed.empty() ? "nothing" : changed}};
  if (!waits.empty()) rows.push_back({"needs a restart", waits});
  rows.push_back({"workers", workers});
  return warnings + table(rows, {Align::Left, Align::Left});
}

std::string render_status(const Json& json) {
  std::string listen;
  for (const Json& address : json.at("listen")) listen += (listen.empty() ? "" : ", ") + cell(address);
  const Json& workers = json.at("workers");
  Rows rows{{"version", cell(json.at("version"))},
            {"state", cell(json.at("state"))},
            {"pid", cell(json.at("pid"))},
            {"uptime", time_cell(json.at("uptime_seconds"))},
            {"config", cell(json.at("config"))},
            {"last reload", render_last_reload(json.at("last_reload"))},
            {"listen", listen},
            {"workers", cell(workers.at("ready")) + " of " + cell(workers.at("total")) + " ready"},
            {"sessions", cell(json.at("sessions"))}};
  return table(rows, {Align::Left, Align::Left});
}

std::string counter_cell(const std::string& name, const Json& value) {
  return name.starts_with("bytes_") ? bytes_cell(value) : cell(value);
}

std::string render_stats(const Json& json) {
  Rows rows{{"counter"}};
  std::vector<Align> columns{Align::Left};
  const Json& workers = json.at("workers");
  for (const Json& worker : workers) {
    rows[0].push_back("worker " + cell(worker.at("index")));
    columns.push_back(Align::Right);
  }
  rows[0].push_back("total");
  columns.push_back(Align::Right);
  for (const auto& [name, total] : json.at("total").items()) {
    std::vector<std::string> row{harmless(name)};
    for (const Json& worker : workers) row.push_back(counter_cell(name, worker.at("counters").at(name)));
    row.push_back(counter_cell(name, total));
    rows.push_back(std::move(row));
  }
  return table(rows, columns);
}

std::string render_workers(const Json& json) {
  Rows rows{{"worker", "pid", "gen", "state", "sessions", "connections", "cpu", "rss", "pss", "uptime", "restarts",
             "last exit"}};
  for (const Json& worker : json.at("workers")) {
    rows.push_back({cell(worker.at("index")), cell(worker.at("pid")), cell(worker.at("generation")),
                    cell(worker.at("state")), cell(worker.at("sessions")), cell(worker.at("connections")),
                    time_cell(worker.at("cpu_seconds")), bytes_cell(worker.at("rss_bytes")),
                    bytes_cell(worker.at("pss_bytes")), time_cell(worker.at("uptime_seconds")),
                    cell(worker.at("restarts")), cell(worker.at("last_exit"))});
  }
  constexpr auto kLeft = Align::Left;
  constexpr auto kRight = Align::Right;
  return table(rows, {kRight, kRight, kRight, kLeft, kRight, kRight, kRight, kRight, kRight, kRight, kRight, kLeft});
}

// Words of clients and servers are among them: escaped as in the log.
std::string safe(const Json& value) {
  if (value.is_string())
    return value.get_ref<const std::string&>().empty() ? "-" : log::text_value(value.get_ref<const std::string&>());
  return cell(value);
}

std::string render_streams(const Json& streams) {
  std::string text;
  for (const Json& stream : streams) {
    text += (text.empty() ? "" : ", ") + cell(stream.at("stream")) + ": " + safe(stream.at("domain"));
    if (stream.at("target") != "") text += " at " + safe(stream.at("target"));
    if (stream.at("answered") != "yes") text += " (has not answered)";
    if (stream.contains("address") && stream.at("address") != "") text += ", address " + safe(stream.at("address"));
    if (stream.contains("tls") && stream.at("tls") != "") text += ", TLS " + safe(stream.at("tls"));
  }
  return text.empty() ? "none" : text;
}

std::string render_lost(const Json& lost) {
  std::string text;
  for (const Json& one : lost) {
    text += (text.empty() ? "" : "; ") + ("worker " + cell(one.at("worker"))) + ", process " + cell(one.at("pid")) +
            ", from " + cell(one.at("started")) + " to " + cell(one.at("ended")) + ": " + cell(one.at("how"));
  }
  return text.empty() ? "none" : text;
}

std::string render_requests(const Json& requests) {
  std::string text;
  for (const Json& one : requests) {
    text += (text.empty() ? "" : ", ") + cell(one.at("rid")) + ' ' + safe(one.at("how")) + " for " +
            readable_time(one.at("age_ms").get<double>() / 1000);
  }
  return text.empty() ? "none" : text;
}

std::string render_events(const Json& events) {
  Rows rows{{"time", "event", "stream", "count"}};
  for (const Json& one : events) {
    auto optional = [&](const char* name) { return one.contains(name) ? cell(one.at(name)) : std::string(); };
    rows.push_back({safe(one.at("time")), safe(one.at("type")), optional("stream"), optional("count")});
  }
  return '\n' + table(rows, {Align::Left, Align::Left, Align::Right, Align::Right});
}

std::string render_sessions(const Json& json) {
  Rows rows{
      {"sid", "transport", "domain", "client", "age", "idle", "streams", "queued", "up", "down", "rid", "worker"}};
  for (const Json& one : json.at("sessions")) {
    rows.push_back({safe(one.at("sid")), safe(one.at("transport")), safe(one.at("domain")), safe(one.at("client")),
                    time_cell(one.at("age_seconds")), time_cell(one.at("idle_seconds")), cell(one.at("streams")),
                    bytes_cell(one.at("queued_bytes")), bytes_cell(one.at("up_bytes")),
                    bytes_cell(one.at("down_bytes")), one.contains("rid") ? cell(one.at("rid")) : "-",
                    cell(one.at("worker"))});
  }
  constexpr auto kLeft = Align::Left;
  constexpr auto kRight = Align::Right;
  std::string text =
      table(rows, {kLeft, kLeft, kLeft, kLeft, kRight, kRight, kRight, kRight, kRight, kRight, kRight, kRight});
  std::uint64_t more = json.at("matching").get<std::uint64_t>() -
                       std::min<std::uint64_t>(json.at("matching").get<std::uint64_t>(), json.at("sessions").size());
  if (more != 0) text += "and " + std::to_string(more) + " more\n";
  for (const Json& worker : json.at("stuck")) text += "worker " + cell(worker) + " does not answer\n";
  return text;
}

std::string render_log(const Json& json) {
  const Json& time = json.at("for_seconds");
  return "log level " + safe(json.at("level")) + (time.is_null() ? "" : " for " + time_cell(time)) + '\n';
}

std::string render_kick(const Json& json) {
  return "kicked " + safe(json.at("sid")) + " (" + safe(json.at("kind")) + ", worker " + cell(json.at("worker")) +
         "): " + safe(json.at("condition")) + '\n';
}

std::string render_explain(const Json& json) {
  Rows rows;
  std::string events;
  for (const auto& [key, value] : json.items()) {
    if (key == "ok") continue;
    std::string name = harmless(key);
    std::ranges::replace(name, '_', ' ');
    if (key == "streams") {
      rows.push_back({name, render_streams(value)});
    } else if (key == "lost") {
      rows.push_back({name, render_lost(value)});
    } else if (key == "open_requests") {
      rows.push_back({name, render_requests(value)});
    } else if (key == "events") {
      events = render_events(value);
    } else if (key.ends_with("_seconds") || key == "ended_seconds_ago" || key == "last_request_seconds_before") {
      rows.push_back({name.replace(name.find(" seconds"), 8, ""), time_cell(value)});
    } else if (key.ends_with("_bytes")) {
      bool taken = json.contains(key.substr(0, key.size() - 6));  // "up" counts elements
      rows.push_back({taken ? name : name.replace(name.find(" bytes"), 6, ""), bytes_cell(value)});
    } else {
      rows.push_back({name, key == "verdict" ? cell(value) : safe(value)});
    }
  }
  return table(rows, {Align::Left, Align::Left}) + events;
}

// Why a reload changed nothing may take several lines.
Error refusal_in(const Json& answer) {
  if (!answer.contains("error")) return {Code::Refused, "refused"};
  if (!answer.at("error").is_string()) return {Code::Refused, cell(answer.at("error"))};
  std::string_view rest = answer.at("error").get_ref<const std::string&>();
  std::string text;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    text += harmless(rest.substr(0, end)) + '\n';
    rest.remove_prefix(end + 1);
  }
  return {Code::Refused, text + harmless(rest)};
}

}  // namespace

std::string harmless(std::string_view words) {
  std::string text = log::json_text(words, words.size());
  std::string shown;
  for (std::size_t at = 1; at + 1 < text.size(); ++at) {
    if (text[at] == '\\' && (text[at + 1] == '"' || text[at + 1] == '\\')) ++at;
    shown += text[at];
  }
  return shown;
}

std::string render_event(std::string_view line) {
  Json json = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!json.is_object()) return log::text_value(line);
  std::string text;
  for (const auto& [key, value] : json.items()) {
    if (value == "") continue;
    bool plain = key == "time" || key == "type" || key == "sid" || key == "domain";
    text += text.empty() ? "" : " ";
    text += plain ? "" : key == "worker" ? "worker " : harmless(key) + "=";
    text += key == "xml" ? cell(value) : safe(value);
  }
  return text;
}

std::string readable_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (value /= 1024; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string readable_time(double seconds) {
  auto total = static_cast<std::uint64_t>(std::max(seconds, 0.0));
  if (seconds < 10) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.1fs", std::max(seconds, 0.0));
    return text.data();
  }
  if (total < 60) return std::to_string(total) + "s";
  if (total < 3600) return two_units(total / 60, "m", total % 60, "s");
  if (total < 86400) return two_units(total / 3600, "h", total / 60 % 60, "m");
  return two_units(total / 86400, "d", total / 3600 % 24, "h");
}

std::string table(const Rows& rows, const std::vector<Align>& columns) {
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string padding(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += columns[i] == Align::Right ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

Result<std::string> render(std::string_view command, std::string_view answer_line) {
  Json json = Json::parse(answer_line.begin(), answer_line.end(), nullptr, false);
  if (!json.is_object() || !json.contains("ok") || !json["ok"].is_boolean()) {
    return Error{Code::BadInput, "the answer is not one of nxb's"};
  }
  if (!json["ok"].get<bool>()) return refusal_in(json);
  try {
    if (command == "status") return render_status(json);
    if (command == "stats") return render_stats(json);
    if (command == "workers") return render_workers(json);
    if (command == "explain" || command == "session") return render_explain(json);
    if (command == "sessions") return render_sessions(json);
    if (command == "kick") return render_kick(json);
    if (command == "drain" || command == "undrain" || command == "stop") return cell(json.at("verdict")) + '\n';
    if (command == "log") return render_log(json);
    if (command == "reload") return render_reload(json);
    if (command == "probe") return render_findings(findings_of_probe(answer_line), false);
  } catch (const nlohmann::json::exception& error) {
    return Error{Code::BadInput, std::string("the answer lacks something: ") + error.what()};
  }
  return json.dump(2, ' ', true) + '\n';
}

}  // namespace nxb::ctl
