// worker/edge/monitor_page.cc - see monitor_page.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/monitor_page.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "common/base/secret.h"
#include "worker/edge/monitor_files.h"
#include "worker/edge/pages.h"
#include "worker/edge/template.h"

namespace nxb::edge {
namespace {

using stats::Counter;
using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

constexpr std::array<const char*, 10> kColumns{"Worker", "State",  "PID",      "Sessions", "Connections",
                                               "CPU",    "Memory", "Restarts", "Uptime",   "Last exit"};
constexpr const char* kUnknown = "–";

// What both forms show.
struct View {
  std::string uptime, state, connect;
  std::vector<std::string> notices;
  Rows tiles;           // value, caption
  Rows workers;         // kColumns
  Rows ends, failures;  // name, count, share of all in percent; the most frequent first
};

std::string one_decimal(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::uint64_t at(const stats::Cells& cells, Counter counter) { return cells[static_cast<std::size_t>(counter)]; }

Rows by_frequency(std::vector<std::pair<std::string, std::uint64_t>> counts) {
  std::uint64_t all = 0;
  for (const auto& [name, count] : counts) all += count;
  std::erase_if(counts, [](const auto& one) { return one.second == 0; });
  std::ranges::stable_sort(counts, [](const auto& a, const auto& b) { return a.second > b.second; });
  Rows rows;
  for (const auto& [name, count] : counts) {
    rows.push_back(
        {name, std::to_string(count), one_decimal(100.0 * static_cast<double>(count) / static_cast<double>(all))});
  }
  return rows;
}

Rows ends_of(const stats::Cells& cells) {
  constexpr const char* kTexts[] = {
      "The client said goodbye",     "The client's connection was lost", "The client did not come back",
      "The server ended the stream", "The server reported an error",     "The connection to the server broke",
      "The server was not reached",  "Not allowed, or elsewhere",        "Beyond a limit",
      "A breach of the protocol",    "Shut down by the operator",        "A failure of nxb"};
  const stats::TableInfo& table = stats::kTables[static_cast<std::size_t>(stats::Table::session_ends)];
  static_assert(std::size(kTexts) == stats::labels::session_ends_columns.size(), "one text for each cause");
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  for (std::size_t cause = 0; cause < table.columns.size(); ++cause) {
    std::uint64_t count = 0;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      count += cells[stats::cell_of(stats::Table::session_ends, row, cause)];
    }
    counts.emplace_back(kTexts[cause], count);
  }
  return by_frequency(std::move(counts));
}

Rows failures_of(const stats::Cells& cells) {
  return by_frequency({{"Refused by policy", at(cells, Counter::streams_failed_policy)},
                       {"Not found in DNS", at(cells, Counter::streams_failed_dns)},
                       {"Not connected to", at(cells, Counter::streams_failed_tcp)},
                       {"TLS or certificate wrong", at(cells, Counter::streams_failed_tls)},
                       {"Stream ended with an error", at(cells, Counter::streams_failed_stream)}});
}

std::string connect_text(const stats::Cells& cells) {
  stats::Buckets buckets{};
  const std::size_t first = stats::first_of(stats::Histogram::upstream_connect);
  std::copy_n(cells.begin() + first, buckets.size(), buckets.begin());
  auto median = stats::quantile_ms(buckets, 0.5), most = stats::quantile_ms(buckets, 0.95);
  if (!median) return "No stream was set up yet.";
  return "A stream is set up in " + one_decimal(*median) + " ms (median), 95 % within " + one_decimal(*most) + " ms.";
}

Rows tiles_of(const stats::Cells& cells) {
  auto tile = [&](Counter now, Counter ever, const char* what) {
    return Row{std::to_string(at(cells, now)),
               std::to_string(at(cells, now)) + "/" + std::to_string(at(cells, ever)) + what};
  };
  return {tile(Counter::sessions, Counter::sessions_opened, " active sessions"),
          tile(Counter::streams, Counter::streams_requested, " active streams"),
          tile(Counter::connections, Counter::connections_accepted, " active connections"),
          {std::to_string(at(cells, Counter::websockets)), "sessions over WebSocket"},
          {std::to_string(at(cells, Counter::requests_held)), "requests held"},
          {std::to_string(at(cells, Counter::errors)), "errors of clients and servers"}};
}

Row worker_row(const Readings& readings, std::uint32_t index, const ipc::WorkerFigures* worker) {
  auto count = [&](Counter counter) { return std::to_string(readings.stats.get(index, counter)); };
  Row row{std::to_string(index),
          kUnknown,
          kUnknown,
          count(Counter::sessions),
          count(Counter::connections),
          kUnknown,
          kUnknown,
          count(Counter::worker_restarts),
          kUnknown,
          kUnknown};
  if (!worker) return row;
  row[1] = worker->state;
  if (worker->pid != 0) row[2] = std::to_string(worker->pid);
  if (worker->cpu_is_known()) row[5] = one_decimal(100 * worker->cpu_share) + " %";
  if (worker->memory_bytes != 0) row[6] = one_decimal(static_cast<double>(worker->memory_bytes) / (1 << 20)) + " MiB";
  row[8] = uptime_text(Duration(worker->uptime_ms));
  if (!worker->last_exit.empty()) row[9] = worker->last_exit;
  return row;
}

// What a proxy in front does wrong shows itself in a worker (O-31).
void add_cuts(const stats::Cells& cells, std::vector<std::string>& notices) {
  const std::uint64_t age = cells[static_cast<std::size_t>(Counter::proxy_cut_age_seconds)];
  if (age == 0) return;
  notices.push_back("A proxy in front cuts what clients hold open after " + std::to_string(age) +
                    " s: raise its time-out, or lower max_wait or ping_interval.");
}

std::vector<std::string> notices_of(const ipc::Figures* figures, const stats::Cells& cells) {
  std::vector<std::string> notices;
  add_cuts(cells, notices);
  if (!figures) {
    notices.emplace_back("The supervisor did not answer: figures of processes and charts are missing.");
    return notices;
  }
  if (figures->state == "draining") notices.emplace_back("nxb is draining: it takes no new sessions.");
  if (figures->state == "stopping") notices.emplace_back("nxb is stopping: it says goodbye to its clients.");
  if (!figures->reload_success)
    notices.emplace_back("The last reload was refused: the configuration before it is in effect.");
  for (const ipc::WorkerFigures& worker : figures->workers) {
    const std::string name = "Worker " + std::to_string(worker.index);
    if (figures->state == "running" && worker.state == "draining")
      notices.push_back(name + " is draining: it takes no new sessions.");
    if (worker.serves() || figures->state == "stopping") continue;
    std::string text = name + " does not serve: " + worker.state;
    if (!worker.last_exit.empty()) text += ", last exit: " + worker.last_exit;
    notices.push_back(text + ".");
  }
  return notices;
}

View view_of(const Readings& readings) {
  const stats::Cells cells = readings.stats.cells();
  View view{uptime_text(readings.uptime),
            readings.figures ? readings.figures->state : "running",
            connect_text(cells),
            notices_of(readings.figures, cells),
            tiles_of(cells),
            {},
            ends_of(cells),
            failures_of(cells)};
  for (std::uint32_t i = 0; i < readings.workers; ++i) {
    const bool known = readings.figures && i < readings.figures->workers.size();
    view.workers.push_back(worker_row(readings, i, known ? &readings.figures->workers[i] : nullptr));
  }
  return view;
}

// --- as HTML ---

std::vector<Fields> elements(const Rows& rows, std::initializer_list<const char*> names) {
  std::vector<Fields> out;
  for (const Row& row : rows) {
    Fields& one = out.emplace_back();
    std::size_t i = 0;
    for (const char* name : names) one.values[name] = row[i++];
  }
  return out;
}

std::vector<Fields> worker_elements(const Rows& workers) {
  std::vector<Fields> out;
  for (const Row& row : workers) {
    std::vector<Fields>& cells = out.emplace_back().lists["cells"];
    for (std::size_t i = 0; i < row.size(); ++i) cells.push_back({{{"of", kColumns[i]}, {"text", row[i]}}});
  }
  return out;
}

// --- as JSON ---

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

template <class List, class One>
std::string array_of(const List& list, One one) {
  std::string out = "[";
  for (const auto& each : list) out.append(out.size() > 1 ? "," : "").append(one(each));
  return out + "]";
}

std::string array_of(const Rows& rows) {
  return array_of(rows, [](const Row& row) { return array_of(row, quoted); });
}

}  // namespace

MonitorPage::MonitorPage(std::string host)
    : host_(std::move(host)),
      policy_("default-src 'none'; script-src 'sha256-" + sha256_base64(files::monitor_js) + "'; style-src 'sha256-" +
              sha256_base64(files::monitor_css) +
              "'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'") {}

std::string MonitorPage::html(const Readings& readings) const {
  View view = view_of(readings);
  Fields fields;
  fields.values = {{"host", host_},
                   {"version", NXB_VERSION},
                   {"uptime", view.uptime},
                   {"state", view.state},
                   {"connect", view.connect},
                   {"style", std::string(files::monitor_css)},
                   {"script", std::string(files::monitor_js)}};
  Rows notices, columns;
  for (const std::string& text : view.notices) notices.push_back({text});
  for (const char* name : kColumns) columns.push_back({name});
  fields.lists["notices"] = elements(notices, {"text"});
  fields.lists["columns"] = elements(columns, {"name"});
  fields.lists["tiles"] = elements(view.tiles, {"value", "caption"});
  fields.lists["workers"] = worker_elements(view.workers);
  fields.lists["ends"] = elements(view.ends, {"name", "count", "share"});
  fields.lists["failures"] = elements(view.failures, {"name", "count", "share"});
  return filled(files::monitor_html, fields);
}

std::string MonitorPage::json(const Readings& readings, std::string_view supervisor) {
  View view = view_of(readings);
  std::string out = "{\"uptime\":" + quoted(view.uptime) + ",\"state\":" + quoted(view.state);
  out += ",\"connect\":" + quoted(view.connect) + ",\"notices\":" + array_of(view.notices, quoted);
  out += ",\"tiles\":" + array_of(view.tiles) + ",\"workers\":" + array_of(view.workers);
  out += ",\"ends\":" + array_of(view.ends) + ",\"failures\":" + array_of(view.failures);
  return out + ",\"supervisor\":" + (supervisor.empty() ? "null" : std::string(supervisor)) + "}\n";
}

}  // namespace nxb::edge
