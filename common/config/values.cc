// common/config/values.cc - see values.h. Numbers with units are here; the checks of texts are in checks.cc.
// SPDX-License-Identifier: MIT
#include "common/config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/base/text.h"

namespace nxb::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array kTimeUnits{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizeUnits{
    Unit{"b", 1},         Unit{"kb", 1000},     Unit{"mb", 1'000'000}, Unit{"gb", 1'000'000'000},
    Unit{"kib", 1 << 10}, Unit{"mib", 1 << 20}, Unit{"gib", 1 << 30}};

// "70s" with the table's units; sizes are read in any case, because nobody agrees on it. Nothing if it is not one.
template <std::size_t N>
std::optional<std::uint64_t> with_unit(std::string_view text, const std::array<Unit, N>& units, bool any_case) {
  std::uint64_t number = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (bad != std::errc{}) return std::nullopt;
  std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  for (const Unit& unit : units) {
    if (!(any_case ? equals_ignoring_case(name, unit.name) : name == unit.name)) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

// A plain number of seconds in milliseconds. Finer than that is refused: it would not be what was written.
std::optional<std::uint64_t> seconds_as_ms(double seconds) {
  double ms = std::round(seconds * 1000);
  if (!(ms >= 0 && ms < 1e15) || std::abs(ms - seconds * 1000) > 1e-6) return std::nullopt;
  return static_cast<std::uint64_t>(ms);
}

std::optional<std::uint64_t> number_of(const Node& node, const Rule& rule) {
  const bool is_time = rule.shape == Rule::Shape::Time;
  if (const auto* whole = node.get<std::int64_t>()) {
    if (*whole < 0) return std::nullopt;
    auto value = static_cast<std::uint64_t>(*whole);
    if (!is_time) return value;
    return value > 1'000'000'000'000 ? std::nullopt : std::optional(value * 1000);
  }
  if (const auto* fraction = node.get<double>()) return is_time ? seconds_as_ms(*fraction) : std::nullopt;
  const auto* text = node.get<std::string>();
  if (!text) return std::nullopt;
  if (is_time) return with_unit(*text, kTimeUnits, false);
  if (rule.shape == Rule::Shape::Size) return with_unit(*text, kSizeUnits, true);
  return rule.takes_auto && *text == "auto" ? std::optional<std::uint64_t>(0) : std::nullopt;
}

std::optional<std::uint64_t> bounded_number(const Place& at, const Node& node, const Rule& rule, std::uint64_t most) {
  auto number = number_of(node, rule);
  const bool is_auto = rule.takes_auto && node.get<std::string>();
  bool fits = number && *number <= most;
  if (fits && at.from_file() && !is_auto) {
    fits = *number >= rule.low && *number <= rule.high && (!rule.whole_seconds || *number % 1000 == 0);
  }
  if (fits) return number;
  refuse(at, node, rule);
  return std::nullopt;
}

template <class Number>
void read_number(const Place& at, const Node& node, const Rule& rule, Number& to) {
  auto most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
  if (auto number = bounded_number(at, node, rule, most)) to = static_cast<Number>(*number);
}

std::string shown(const Node& node) {
  struct Show {
    std::string operator()(std::monostate) const { return "a date or time"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "%g", value);
      return text.data();
    }
    std::string operator()(const std::string& value) const { return '"' + printable(value) + '"'; }
    std::string operator()(const Node::Array&) const { return "a list"; }
    std::string operator()(const Node::Table&) const { return "a table"; }
  };
  return std::visit(Show{}, node.value);
}

// The choice as it is spelled in the rule, or nothing (and it is reported).
std::optional<std::string> choice_of(const Place& at, const Node& node, const Rule& rule) {
  if (const auto* text = node.get<std::string>()) {
    for (std::string_view choice : rule.choices) {
      if (!choice.empty() && equals_ignoring_case(choice, *text)) return std::string(choice);
    }
  }
  refuse(at, node, rule);
  return std::nullopt;
}

template <class Enum>
using Names = std::vector<std::pair<Enum, std::string_view>>;
const Names<TlsMode>& names_of(TlsMode) {
  static const Names<TlsMode> names{{TlsMode::Required, "required"},
                                    {TlsMode::Offered, "offered"},
                                    {TlsMode::Off, "off"},
                                    {TlsMode::Direct, "direct"}};
  return names;
}
const Names<UpstreamKind>& names_of(UpstreamKind) {
  static const Names<UpstreamKind> names{
      {UpstreamKind::Xmpp, "xmpp"}, {UpstreamKind::Echo, "echo"}, {UpstreamKind::External, "external"}};
  return names;
}
const Names<MonitorAccess>& names_of(MonitorAccess) {
  static const Names<MonitorAccess> names{
      {MonitorAccess::Local, "local"}, {MonitorAccess::Public, "public"}, {MonitorAccess::Off, "off"}};
  return names;
}

const Names<RouteMode>& names_of(RouteMode) {
  static const Names<RouteMode> names{
      {RouteMode::Off, "off"}, {RouteMode::Filtered, "filtered"}, {RouteMode::Any, "any"}};
  return names;
}

const Names<ProxyProtocol>& names_of(ProxyProtocol) {
  static const Names<ProxyProtocol> names{
      {ProxyProtocol::Off, "off"}, {ProxyProtocol::V1, "v1"}, {ProxyProtocol::V2, "v2"}};
  return names;
}

template <class Enum>
bool read_enum(const Place& at, const Node& node, const Rule& rule, Enum& to) {
  auto choice = choice_of(at, node, rule);
  if (!choice) return false;
  for (const auto& [value, name] : names_of(to)) {
    if (name == *choice) to = value;
  }
  return true;
}
template <class Enum>
void read_enum(const Place& at, const Node& node, const Rule& rule, std::optional<Enum>& to) {
  Enum value{};
  if (read_enum(at, node, rule, value)) to = value;
}
template <class Enum>
Node write_enum(Enum value) {
  for (const auto& [known, name] : names_of(value)) {
    if (known == value) return {std::string(name)};
  }
  return {};
}

// Element `at` of a list, or the one text that stands for a list.
bool read_element(const Place& at, const Node& node, const Rule& rule, std::string& to) {
  const auto* text = node.get<std::string>();
  if (!text) return refuse(at, node, rule), false;
  std::string value = *text;
  std::string wrong = at.from_file() && rule.check ? rule.check(value) : "";
  if (!wrong.empty()) {
    at.error('"' + printable(*text) + "\" " + wrong + "; allowed: " + allowed_text(rule));
    return false;
  }
  to = std::move(value);
  return true;
}

}  // namespace

void refuse(const Place& at, const Node& node, const Rule& rule) {
  at.error("is " + shown(node) + "; allowed: " + allowed_text(rule));
}

void Place::add(Finding::Weight weight, const std::string& what) const {
  findings_->push_back({weight, line_, name_.empty() ? what : name_ + ": " + what});
}

std::string printable(std::string_view text, std::size_t most_bytes) {
  std::string line;
  std::size_t end = std::min(text.size(), most_bytes);
  while (end > 0 && end < text.size() && (text[end] & 0xC0) == 0x80) --end;  // whole UTF-8 characters
  for (char c : text.substr(0, end)) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (end < text.size()) line += "...";
  return line;
}

void read_value(const Place& at, const Node& node, const Rule& rule, bool& to) {
  if (const bool* value = node.get<bool>()) {
    to = *value;
  } else {
    refuse(at, node, rule);
  }
}

void read_value(const Place& at, const Node& node, const Rule& rule, std::int64_t& to) {
  read_number(at, node, rule, to);
}
void read_value(const Place& at, const Node& node, const Rule& rule, std::uint32_t& to) {
  read_number(at, node, rule, to);
}
void read_value(const Place& at, const Node& node, const Rule& rule, std::uint64_t& to) {
  read_number(at, node, rule, to);
}

void read_value(const Place& at, const Node& node, const Rule& rule, Duration& to) {
  auto most = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max());
  if (auto number = bounded_number(at, node, rule, most)) to = Duration{static_cast<Duration::rep>(*number)};
}

void read_value(const Place& at, const Node& node, const Rule& rule, std::string& to) {
  if (rule.shape == Rule::Shape::Choice) {
    if (auto choice = choice_of(at, node, rule)) to = *choice;
  } else {
    read_element(at, node, rule, to);
  }
}

void read_value(const Place& at, const Node& node, const Rule& rule, std::vector<std::string>& to) {
  const auto* array = node.get<Node::Array>();
  const Node::Array one{node};
  if (!array && rule.takes_text && node.get<std::string>()) array = &one;
  if (!array) return refuse(at, node, rule);
  std::vector<std::string> list;
  bool good = true;
  for (const Node& element : *array) {
    const Place here = at.on_line(element.line);
    std::string value;
    if (!read_element(here, element, rule, value)) {
      good = false;
    } else if (at.from_file() && std::find(list.begin(), list.end(), value) != list.end()) {
      here.error('"' + printable(value) + "\" is given twice");
      good = false;
    } else {
      list.push_back(std::move(value));
    }
  }
  if (at.from_file() && (array->size() < rule.least || array->size() > rule.most)) {
    at.error("has " + std::to_string(array->size()) + " entries; allowed: " + std::to_string(rule.least) + " to " +
             std::to_string(rule.most));
    good = false;
  }
  if (good) to = std::move(list);
}

void read_value(const Place& at, const Node& node, const Rule& rule, std::map<std::string, std::string>& to) {
  const auto* table = node.get<Node::Table>();
  if (!table) return refuse(at, node, rule);
  std::map<std::string, std::string> pairs;
  for (const Entry& entry : *table) {
    const Place here = at.inside(printable(entry.key), entry.line);
    const auto* value = entry.value.get<std::string>();
    if (!value) {
      refuse(here, entry.value, rule);
      continue;
    }
    std::string wrong = at.from_file() && rule.check_pair ? rule.check_pair(entry.key, *value) : "";
    for (const auto& other : pairs) {
      if (at.from_file() && equals_ignoring_case(other.first, entry.key)) wrong = "is given twice";
    }
    if (!wrong.empty()) here.error(wrong + "; allowed: " + allowed_text(rule));
    pairs.emplace(entry.key, *value);
  }
  to = std::move(pairs);
}

void read_value(const Place& at, const Node& node, const Rule& rule, TlsMode& to) { read_enum(at, node, rule, to); }
void read_value(const Place& at, const Node& node, const Rule& rule, UpstreamKind& to) {
  read_enum(at, node, rule, to);
}
void read_value(const Place& at, const Node& node, const Rule& rule, RouteMode& to) { read_enum(at, node, rule, to); }
void read_value(const Place& at, const Node& node, const Rule& rule, ProxyProtocol& to) {
  read_enum(at, node, rule, to);
}
void read_value(const Place& at, const Node& node, const Rule& rule, MonitorAccess& to) {
  read_enum(at, node, rule, to);
}
void read_value(const Place& at, const Node& node, const Rule& rule, std::optional<TlsMode>& to) {
  read_enum(at, node, rule, to);
}
void read_value(const Place& at, const Node& node, const Rule& rule, std::optional<RouteMode>& to) {
  read_enum(at, node, rule, to);
}

void read_value(const Place& at, const Node& node, const Rule& rule, std::optional<ProxyProtocol>& to) {
  read_enum(at, node, rule, to);
}

Node write_value(bool value) { return {value}; }
Node write_value(std::int64_t value) { return {value}; }
Node write_value(std::uint32_t value) { return {static_cast<std::int64_t>(value)}; }
Node write_value(std::uint64_t value) { return {static_cast<std::int64_t>(value)}; }
Node write_value(Duration value) {
  const bool whole = value.count() % 1000 == 0;
  return {whole ? std::to_string(value.count() / 1000) + "s" : std::to_string(value.count()) + "ms"};
}
Node write_value(const std::string& value) { return {value}; }
Node write_value(const std::vector<std::string>& value) {
  Node::Array array;
  for (const std::string& element : value) array.push_back({element});
  return {std::move(array)};
}
Node write_value(const std::map<std::string, std::string>& value) {
  Node::Table table;
  for (const auto& [name, text] : value) table.push_back({name, {text}});
  return {std::move(table)};
}
Node write_value(TlsMode value) { return write_enum(value); }
Node write_value(UpstreamKind value) { return write_enum(value); }
Node write_value(RouteMode value) { return write_enum(value); }
Node write_value(ProxyProtocol value) { return write_enum(value); }
Node write_value(MonitorAccess value) { return write_enum(value); }
Node write_value(const std::optional<TlsMode>& value) { return value ? write_enum(*value) : Node{}; }
Node write_value(const std::optional<RouteMode>& value) { return value ? write_enum(*value) : Node{}; }
Node write_value(const std::optional<ProxyProtocol>& value) { return value ? write_enum(*value) : Node{}; }

}  // namespace nxb::config
