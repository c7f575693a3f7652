// common/config/environment.cc - see environment.h.
// SPDX-License-Identifier: MIT
#include "common/config/environment.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "common/config/options.h"

namespace nxb::config {
namespace {

constexpr std::string_view kPrefix = "NXB_";
constexpr std::string_view kBetween = "__";
constexpr std::size_t kDeepest = 6;  // upstream, domain, number, key, and some

using Path = std::vector<std::string>;

// NXB_UPSTREAM__DOMAIN__0__NAME: upstream, domain, 0, name. Empty: it names nothing.
Path path_of(std::string_view name) {
  Path path;
  std::string_view rest = name.substr(kPrefix.size());
  for (bool more = true; more;) {
    const std::size_t end = rest.find(kBetween);
    more = end != std::string_view::npos;
    path.push_back(lowered(rest.substr(0, end)));
    rest = more ? rest.substr(end + kBetween.size()) : std::string_view();
    if (path.back().empty() || path.size() > kDeepest) return {};
  }
  return path;
}

std::optional<std::size_t> number_of(const std::string& word) {
  std::size_t number = 0;
  auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (problem != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

// Numbers by their value, so that 2 is laid before 10.
bool comes_before(const Path& a, const Path& b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    auto left = number_of(x), right = number_of(y);
    return left && right ? *left < *right : x < y;
  });
}

void put_on_line(Node& node, int line) {
  node.line = line;
  if (auto* array = std::get_if<Node::Array>(&node.value)) {
    for (Node& element : *array) put_on_line(element, line);
  }
  if (auto* table = std::get_if<Node::Table>(&node.value)) {
    for (Entry& entry : *table) {
      entry.line = line;
      put_on_line(entry.value, line);
    }
  }
}

// Whether the option takes a text: then 007 and true are texts, too.
bool takes_text(const Path& path) {
  std::string name;
  for (const std::string& word : path) {
    if (!number_of(word)) name += (name.empty() ? "" : ".") + word;
  }
  const auto& rows = all_rows();
  return std::any_of(rows.begin(), rows.end(), [&name](const Row& row) {
    return row.full_name() == name && (row.rule.shape == Rule::Shape::Text || row.rule.shape == Rule::Shape::Choice);
  });
}

Node node_of(const Path& path, const std::string& text, int line) {
  std::vector<SyntaxError> syntax;
  Node::Table table = read_toml("value = " + text + "\n", syntax);
  Node node{text, line};
  const bool is_toml = syntax.empty() && table.size() == 1 && !table[0].value.get<std::monostate>();
  if (is_toml && (table[0].value.get<std::string>() || !takes_text(path))) node = std::move(table[0].value);
  put_on_line(node, line);
  return node;
}

// The node of that name or number in `in`, which becomes a section, or a list of them, if it was nothing yet.
Node* step(Node& in, const std::string& word, int line) {
  const auto index = number_of(word);
  if (in.get<std::monostate>()) in.value = index ? Node::Value(Node::Array()) : Node::Value(Node::Table());
  if (auto* table = std::get_if<Node::Table>(&in.value)) {
    auto at = std::find_if(table->begin(), table->end(), [&](const Entry& entry) { return entry.key == word; });
    if (at == table->end()) at = table->insert(table->end(), Entry{word, Node{{}, line}, line});
    return &at->value;
  }
  auto* array = std::get_if<Node::Array>(&in.value);
  if (!array || !index || *index > array->size()) return nullptr;
  if (*index == array->size()) array->push_back({{}, line});
  return &(*array)[*index];
}

// Only the last word's node is replaced; the line of its key goes along, for that is where it comes from now.
bool put(Node& root, const Path& path, Node value) {
  const int line = value.line;
  Node* at = &root;
  for (std::size_t i = 0; i < path.size(); ++i) {
    Node* next = step(*at, path[i], line);
    if (!next) return false;
    if (auto* table = std::get_if<Node::Table>(&at->value); table && i + 1 == path.size()) {
      std::find_if(table->begin(), table->end(), [&](const Entry& entry) { return entry.key == path[i]; })->line = line;
    }
    at = next;
  }
  *at = std::move(value);
  return true;
}

}  // namespace

Variables variables_of(const char* const* environment) {
  Variables found;
  for (; environment && *environment; ++environment) {
    const std::string_view text = *environment;
    const std::string_view name = text.substr(0, text.find('='));
    if (!name.starts_with(kPrefix) || name.size() == text.size()) continue;
    if (name.find(kBetween) == std::string_view::npos) continue;  // of others: NXB_PORT and its like
    found.emplace_back(name, text.substr(name.size() + 1));
  }
  return found;
}

void overlay(Node::Table& root, const Variables& variables, std::vector<Finding>& findings) {
  std::vector<std::pair<Path, std::size_t>> order;
  auto wrong = [&findings](std::size_t variable, std::string text) {
    findings.push_back({Finding::Weight::Error, kFirstVariableLine + static_cast<int>(variable), std::move(text)});
  };
  for (std::size_t i = 0; i < variables.size(); ++i) {
    Path path = path_of(variables[i].first);
    if (path.empty()) {
      wrong(i, "names no option; allowed: NXB_SECTION__KEY");
    } else {
      order.emplace_back(std::move(path), i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return comes_before(a.first, b.first); });
  Node all{std::move(root), 1};
  for (const auto& [path, index] : order) {
    Node value = node_of(path, variables[index].second, kFirstVariableLine + static_cast<int>(index));
    Node next = all;
    if (put(next, path, std::move(value))) {
      all = std::move(next);
    } else {  // nothing is left of it that would be wrong a second time
      wrong(index, "does not fit what is there; allowed: the numbers of sections from 0 on, without a gap");
    }
  }
  root = std::move(std::get<Node::Table>(all.value));
}

}  // namespace nxb::config
