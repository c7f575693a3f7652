// supervisor/ctl/watch.cc - see watch.h.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/watch.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "supervisor/ctl/client.h"
#include "supervisor/ctl/render.h"
#include "supervisor/ctl/screen.h"

namespace nxb::ctl {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

constexpr Duration kUsual{2000};
constexpr std::size_t kFixed = 3;  // columns before those of workers

std::string number(const std::string& name, std::uint64_t value) {
  return name.starts_with("bytes_") ? readable_bytes(value) : std::to_string(value);
}

std::string rate(const std::string& name, double per_second) {
  if (name.starts_with("bytes_")) return readable_bytes(static_cast<std::uint64_t>(per_second)) + "/s";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f/s", per_second);
  return text.data();
}

std::string rate_cell(const std::string& name, std::uint64_t now, const Json& earlier, Duration elapsed, bool gauge) {
  auto before = earlier.find(name);
  if (gauge || before == earlier.end() || elapsed.count() <= 0) return {};
  std::uint64_t was = std::min(before->get<std::uint64_t>(), now);
  return rate(name, static_cast<double>(now - was) * 1000.0 / static_cast<double>(elapsed.count()));
}

// Rows of all that there is, the heading first.
Rows rows_of(const Json& json, const Json& earlier, Duration elapsed) {
  std::set<std::string> gauges;
  for (const Json& name : json.at("gauges")) gauges.insert(name.get<std::string>());
  Rows rows{{"counter", "total", "rate"}};
  const Json& workers = json.at("workers");
  for (const Json& worker : workers) rows[0].push_back("worker " + worker.at("index").dump());
  for (const auto& [name, total] : json.at("total").items()) {
    auto value = total.get<std::uint64_t>();
    std::vector<std::string> row{name, number(name, value),
                                 rate_cell(name, value, earlier, elapsed, gauges.contains(name))};
    for (const Json& worker : workers) {
      row.push_back(number(name, worker.at("counters").at(name).get<std::uint64_t>()));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// How many columns fit, with two spaces between them; never less than the fixed ones.
std::size_t columns_that_fit(const Rows& rows, std::size_t room) {
  std::size_t taken = 0;
  for (std::size_t column = 0; column < rows[0].size(); ++column) {
    std::size_t width = 0;
    for (const auto& row : rows) width = std::max(width, row[column].size());
    taken += width + (column == 0 ? 0 : 2);
    if (taken > room && column >= kFixed) return column;
  }
  return rows[0].size();
}

// Columns that do not fit are told of at the top.
void leave_out_columns(Rows& rows, std::size_t room) {
  const std::size_t all = rows[0].size();
  std::size_t columns = columns_that_fit(rows, room);
  for (std::size_t before = all; columns < before;) {  // what is told takes room, too
    rows[0][0] = "counter (+" + std::to_string(all - columns) + (all - columns == 1 ? " worker)" : " workers)");
    before = std::exchange(columns, columns_that_fit(rows, room));
  }
  for (auto& row : rows) row.resize(columns);
}

// Those of 0 first, from below; then those at the end.
void leave_out_rows(Rows& rows, std::size_t room) {
  for (std::size_t at = rows.size(); at-- > 1 && rows.size() > room;) {
    bool nothing = rows[at][1] == "0" || rows[at][1] == "0 B";
    if (nothing) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(at));
  }
  if (rows.size() > room) rows.resize(std::max<std::size_t>(room, 1));
}

Json parsed(std::string_view line) { return Json::parse(line.begin(), line.end(), nullptr, false); }

// What is drawn, and what it is compared with.
class Watch {
 public:
  explicit Watch(Form form) : form_(form) {}
  Status take(std::string answer) {
    earlier_ = std::exchange(answer_, std::move(answer));
    Instant now = monotonic_now();
    elapsed_ = now - std::exchange(at_, now);
    NXB_TRY([[maybe_unused]] auto good, render("", answer_));
    return Done{};
  }
  Result<std::string> text(Room room) const {
    if (form_ == Form::Json) return answer_ + '\n';
    return rates(answer_, earlier_, elapsed_, room);
  }

 private:
  Form form_;
  std::string answer_, earlier_;
  Instant at_{};
  Duration elapsed_{0};
};

Status on_screen(const std::string& path, std::string_view request, Duration interval) {
  Watch watch(Form::Table);
  Screen screen;
  for (auto wake = Screen::Wake::Time; wake != Screen::Wake::End; wake = screen.wait(interval)) {
    if (wake == Screen::Wake::Time) {
      NXB_TRY(auto answer, ask(path, request));
      NXB_TRY([[maybe_unused]] auto taken, watch.take(std::move(answer)));
    }
    Screen::Size size = screen.size();
    NXB_TRY(auto text, watch.text({size.columns, size.rows - std::min(size.rows, 2U)}));
    screen.show(text);
  }
  return Done{};
}

}  // namespace

Result<std::string> rates(std::string_view answer, std::string_view earlier, Duration elapsed, Room room) {
  Json json = parsed(answer), before = parsed(earlier);
  try {
    Rows rows = rows_of(json, before.is_object() ? before.at("total") : Json::object(), elapsed);
    leave_out_rows(rows, room.rows);
    leave_out_columns(rows, room.columns);
    std::vector<Align> align(rows[0].size(), Align::Right);
    align[0] = Align::Left;
    return table(rows, align);
  } catch (const nlohmann::json::exception& error) {
    return Error{Code::BadInput, std::string("the answer lacks something: ") + error.what()};
  }
}

Result<Duration> parse_interval(std::string_view text) {
  if (text.empty()) return kUsual;
  double seconds = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failed != std::errc{} || end != text.data() + text.size() || !(seconds >= 0.1 && seconds <= 3600)) {
    return Error{Code::BadInput, "--watch is a number of seconds from 0.1 to 3600"};
  }
  return Duration(static_cast<Duration::rep>(seconds * 1000));
}

Status watch_stats(const std::string& path, std::string_view request, Duration interval, Form form) {
  if (Screen::possible() && form == Form::Table) return on_screen(path, request, interval);
  std::signal(SIGPIPE, SIG_IGN);  // `| head`: a failed write ends us, in good order
  Watch watch(form);
  for (pollfd out{1, 0, 0};;
       poll(&out, 1, static_cast<int>(interval.count()))) {  // of an output that nobody reads: errors
    NXB_TRY(auto answer, ask(path, request));
    NXB_TRY([[maybe_unused]] auto taken, watch.take(std::move(answer)));
    NXB_TRY(auto text, watch.text({std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max()}));
    std::cout << text << (form == Form::Table ? "\n" : "") << std::flush;
    if (!std::cout.good()) return Done{};
  }
}

}  // namespace nxb::ctl
