// common/config/toml.cc - text to Node by toml++. The only file that includes it, and where its exceptions end.
// SPDX-License-Identifier: MIT
#include <toml++/toml.h>

#include <algorithm>

#include "common/config/node.h"
#include "common/config/place.h"

namespace nxb::config {
namespace {

constexpr int kDeepest = 16;   // nothing in the table is deeper than 4
constexpr int kMostDots = 16;  // in a line: toml++ recurses once per dot of a key, without a bound

int line_of(const toml::source_region& region) { return static_cast<int>(region.begin.line); }

Node node_of(const toml::node& from, int depth);

Node::Table table_of(const toml::table& from, int depth) {
  Node::Table table;
  for (const auto& [key, value] : from) {
    table.push_back({std::string(key.str()), node_of(value, depth + 1), line_of(key.source())});
  }
  // toml++ sorts by name; findings and repeats are better told in the order of the file.
  std::stable_sort(table.begin(), table.end(), [](const Entry& a, const Entry& b) { return a.line < b.line; });
  return table;
}

Node node_of(const toml::node& from, int depth) {
  Node node;
  node.line = line_of(from.source());
  if (depth > kDeepest) return node;
  if (const auto* value = from.as_boolean()) node.value = value->get();
  if (const auto* value = from.as_integer()) node.value = value->get();
  if (const auto* value = from.as_floating_point()) node.value = value->get();
  if (const auto* value = from.as_string()) node.value = value->get();
  if (const auto* value = from.as_table()) node.value = table_of(*value, depth);
  if (const auto* value = from.as_array()) {
    Node::Array array;
    for (const toml::node& element : *value) array.push_back(node_of(element, depth + 1));
    node.value = std::move(array);
  }
  return node;
}

// Dots outside quotes and comments. A line inside a string of several lines is misjudged; no option takes one.
int dots_in(std::string_view line) {
  int dots = 0;
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote != 0) {
      if (c == '\\' && quote == '"') ++at;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      break;
    } else if (c == '.') {
      ++dots;
    }
  }
  return dots;
}

// The first line with too many dots, 0 if there is none.
int line_too_deep(std::string_view text) {
  int line = 1;
  for (std::size_t at = 0; at <= text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (dots_in(text.substr(at, end - at)) > kMostDots) return line;
    at = end + 1;
  }
  return 0;
}

}  // namespace

const Entry* find_entry(const Node::Table& table, std::string_view key) {
  auto at = std::find_if(table.begin(), table.end(), [&](const Entry& entry) { return entry.key == key; });
  return at == table.end() ? nullptr : &*at;
}

Node::Table read_toml(std::string_view text, std::vector<SyntaxError>& errors) {
  if (const int line = line_too_deep(text); line != 0) {
    errors.push_back({line, "the line has more than 16 dots outside quotes; allowed: keys like upstream.domain"});
    return {};
  }
  try {
    return table_of(toml::parse(text), 0);
  } catch (const toml::parse_error& wrong) {
    std::string what = printable(wrong.description(), 200);
    if (what.find("control characters") != std::string::npos)
      what += " (a missing quote?)";  // the line's end came first
    errors.push_back({std::max(line_of(wrong.source()), 1), std::move(what)});
  } catch (const std::exception& wrong) {
    errors.push_back({1, printable(wrong.what(), 200)});
  }
  return {};
}

}  // namespace nxb::config
