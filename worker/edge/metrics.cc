// worker/edge/metrics.cc - see metrics.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <vector>

namespace nxb::edge {
namespace {

using stats::Counter;

// Rows of counters.def that are one metric together, told apart by a label. A Sum in none of them is one by itself.
struct Part {
  std::string_view family, label, value;
  Counter counter;
};
constexpr std::array kParts{
    Part{"bytes", "direction", "from_clients", Counter::bytes_from_clients},
    Part{"bytes", "direction", "to_clients", Counter::bytes_to_clients},
    Part{"bytes", "direction", "from_servers", Counter::bytes_from_servers},
    Part{"bytes", "direction", "to_servers", Counter::bytes_to_servers},
    Part{"stanzas", "direction", "from_clients", Counter::stanzas_from_clients},
    Part{"stanzas", "direction", "to_clients", Counter::stanzas_to_clients},
    Part{"handovers", "direction", "out", Counter::handovers_out},
    Part{"handovers", "direction", "in", Counter::handovers_in},
    Part{"upstream_failures", "reason", "policy", Counter::streams_failed_policy},
    Part{"upstream_failures", "reason", "dns", Counter::streams_failed_dns},
    Part{"upstream_failures", "reason", "tcp", Counter::streams_failed_tcp},
    Part{"upstream_failures", "reason", "tls", Counter::streams_failed_tls},
    Part{"upstream_failures", "reason", "stream", Counter::streams_failed_stream},
};
struct Family {
  std::string_view name, help;
};
constexpr std::array kFamilies{
    Family{"bytes", "bytes read from and written to clients and XMPP servers, without TLS"},
    Family{"stanzas", "elements passed on from clients to XMPP servers and back"},
    Family{"handovers", "connections given to another worker, and taken over"},
    Family{"upstream_failures", "upstream streams that ended with an error, by how far they had come"},
};
// Tables have these, with labels.
constexpr std::array kInTables{Counter::requests, Counter::unknown_sids, Counter::sessions_ended,
                               Counter::streams_failed};

bool is_single(Counter counter) {
  return std::ranges::find(kParts, counter, &Part::counter) == kParts.end() &&
         std::ranges::find(kInTables, counter) == kInTables.end();
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

// A bound in seconds, as both formats want it: 0.001, 1.0.
std::string bound(std::int64_t milliseconds) {
  std::string text = number(static_cast<double>(milliseconds) / 1000);
  while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
  return text;
}

std::string label(std::string_view name, std::string_view value) {
  return std::string(name) + "=\"" + std::string(value) + "\"";  // values are ours: nothing to escape
}

class Page {
 public:
  explicit Page(MetricsFormat format) : open_(format == MetricsFormat::OpenMetrics) {}

  void gauge(std::string_view name, std::string_view help) { begin(name, "gauge", help, ""); }
  void counter(std::string_view name, std::string_view help) { begin(name, "counter", help, "_total"); }
  void histogram(std::string_view name, std::string_view help) { begin(name, "histogram", help, ""); }

  // Of the family begun last; `suffix` is beyond its own.
  void sample(std::string_view labels, std::string_view value, std::string_view suffix = {}) {
    text_.append("nxb_").append(name_).append(own_suffix_).append(suffix);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(" ").append(value).append("\n");
  }
  void sample(std::string_view labels, std::uint64_t value, std::string_view suffix = {}) {
    sample(labels, std::to_string(value), suffix);
  }
  std::string end() {
    if (open_) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  // OpenMetrics calls a counter's family by its name without _total.
  void begin(std::string_view name, std::string_view type, std::string_view help, std::string_view suffix) {
    name_ = name;
    own_suffix_ = suffix;
    std::string family = "nxb_" + std::string(name) + std::string(open_ ? "" : suffix);
    text_.append("# HELP ").append(family).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(family).append(" ").append(type).append("\n");
  }

  bool open_;
  std::string_view name_, own_suffix_;
  std::string text_;
};

void put_gauges(Page& page, const Readings& readings) {
  page.gauge("build_info", "always 1; the version is in the label");
  page.sample(label("version", NXB_VERSION), std::uint64_t{1});
  page.gauge("uptime_seconds", "since the supervisor started");
  page.sample("", number(static_cast<double>(readings.uptime.count()) / 1000));
  page.gauge("sessions", "sessions open now");
  for (std::uint32_t worker = 0; worker < readings.workers; ++worker) {
    const std::uint64_t all = readings.stats.get(worker, Counter::sessions);
    const std::uint64_t websockets = std::min(all, readings.stats.get(worker, Counter::websockets));
    const std::string of = "," + label("worker", std::to_string(worker));
    page.sample(label("transport", "bosh") + of, all - websockets);
    page.sample(label("transport", "websocket") + of, websockets);
  }
  for (Counter counter : {Counter::streams, Counter::connections, Counter::requests_held, Counter::tls_connections}) {
    const stats::Info& info = stats::kCounters[static_cast<std::size_t>(counter)];
    page.gauge(info.name, info.help);
    for (std::uint32_t worker = 0; worker < readings.workers; ++worker) {
      page.sample(label("worker", std::to_string(worker)), readings.stats.get(worker, counter));
    }
  }
}

// Gauges of which a worker's own says nothing.
void put_highest(Page& page, const stats::Cells& cells) {
  for (std::size_t i = 0; i < stats::kCounters.size(); ++i) {
    if (stats::kCounters[i].kind != stats::Kind::Most) continue;
    page.gauge(stats::kCounters[i].name, stats::kCounters[i].help);
    page.sample("", cells[i]);
  }
}

void put_counters(Page& page, const stats::Cells& cells) {
  for (const Family& family : kFamilies) {
    page.counter(family.name, family.help);
    for (const Part& part : kParts) {
      if (part.family != family.name) continue;
      page.sample(label(part.label, part.value), cells[static_cast<std::size_t>(part.counter)]);
    }
  }
  for (std::size_t i = 0; i < stats::kCounters.size(); ++i) {
    const stats::Info& info = stats::kCounters[i];
    if (info.kind != stats::Kind::Sum || !is_single(Counter{static_cast<std::uint16_t>(i)})) continue;
    page.counter(info.name, info.help);
    page.sample("", cells[i]);
  }
}

void put_tables(Page& page, const stats::Cells& cells) {
  for (std::size_t i = 0; i < stats::kTables.size(); ++i) {
    const stats::TableInfo& table = stats::kTables[i];
    page.counter(table.name, table.help);
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      for (std::size_t column = 0; column < table.columns.size(); ++column) {
        std::string labels = label(table.row_label, table.rows[row]);
        if (table.columns.size() > 1) labels += "," + label(table.column_label, table.columns[column]);
        page.sample(labels, cells[stats::cell_of(stats::Table{static_cast<std::uint8_t>(i)}, row, column)]);
      }
    }
  }
}

void put_histograms(Page& page, const stats::Cells& cells) {
  for (std::size_t i = 0; i < stats::kHistograms.size(); ++i) {
    const std::size_t first = stats::first_of(stats::Histogram{static_cast<std::uint8_t>(i)});
    const std::string name = std::string(stats::kHistograms[i].name) + "_seconds";
    page.histogram(name, stats::kHistograms[i].help);
    std::uint64_t count = 0;
    for (std::size_t bucket = 0; bucket < stats::kBuckets; ++bucket) {
      count += cells[first + bucket];
      bool last = bucket == stats::kBounds.size();
      page.sample(label("le", last ? "+Inf" : bound(stats::kBounds[bucket])), count, "_bucket");
    }
    page.sample("", number(static_cast<double>(cells[first + stats::kBuckets]) / 1000), "_sum");
    page.sample("", count, "_count");
  }
}

// What is not known of a worker is left out: 0 would be a value.
template <class Value>
void put_each_worker(Page& page, const ipc::Figures& figures, Value value) {
  for (const ipc::WorkerFigures& worker : figures.workers) {
    if (auto known = value(worker)) page.sample(label("worker", std::to_string(worker.index)), *known);
  }
}

void put_processes(Page& page, const ipc::Figures& figures) {
  using ipc::WorkerFigures;
  page.gauge("reload_success", "0 when the last reload was refused");
  page.sample("", std::uint64_t{figures.reload_success ? 1U : 0U});
  page.gauge("worker_up", "1 when this worker serves");
  put_each_worker(page, figures,
                  [](const WorkerFigures& w) { return std::optional(std::uint64_t{w.serves() ? 1U : 0U}); });
  page.gauge("worker_memory_bytes",
             "resident memory of this worker; of what it shares its part only, where the kernel tells that");
  put_each_worker(page, figures, [](const WorkerFigures& w) {
    return w.memory_bytes != 0 ? std::optional(w.memory_bytes) : std::nullopt;
  });
  page.counter("worker_cpu_seconds", "CPU time of this worker and those before it in its place");
  put_each_worker(page, figures, [](const WorkerFigures& w) {
    return w.cpu_is_known() ? std::optional(number(w.cpu_seconds)) : std::nullopt;
  });
}

}  // namespace

std::string metrics(const Readings& readings, MetricsFormat format) {
  Page page(format);
  const stats::Cells cells = readings.stats.cells();
  put_gauges(page, readings);
  put_highest(page, cells);
  put_counters(page, cells);
  put_tables(page, cells);
  put_histograms(page, cells);
  if (readings.figures) put_processes(page, *readings.figures);
  return page.end();
}

}  // namespace nxb::edge
