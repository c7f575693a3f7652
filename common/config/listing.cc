// common/config/listing.cc - the effective configuration for people: every option but the secret ones' values (H-42, O-02).
// Runs in: supervisor (-T), worker (a page). I/O: none.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "common/config/options.h"

namespace nxb::config {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kHidden = "(hidden)";

bool is_secret(const std::string& name) {
  const auto& rows = all_rows();
  return std::any_of(rows.begin(), rows.end(),
                     [&](const Row& row) { return row.rule.secret && row.full_name() == name; });
}

bool is_section(const std::string& name) {  // and not a table that is a value
  const auto& rows = all_rows();
  return std::any_of(rows.begin(), rows.end(),
                     [&](const Row& row) { return row.rule.shape == Rule::Shape::Section && row.full_name() == name; });
}

std::string joined(const std::string& section, const std::string& key) {
  return section.empty() ? key : section + "." + key;
}

void mask(Node::Table& table, const std::string& name) {
  for (Entry& entry : table) {
    const std::string inner = joined(name, entry.key);
    if (auto* section = std::get_if<Node::Table>(&entry.value.value)) mask(*section, inner);
    if (auto* array = std::get_if<Node::Array>(&entry.value.value)) {
      for (Node& element : *array) {
        if (auto* section = std::get_if<Node::Table>(&element.value)) mask(*section, inner);
      }
    }
    auto* text = std::get_if<std::string>(&entry.value.value);
    if (text && !text->empty() && is_secret(inner)) *text = kHidden;
  }
}

// `shown` is `name` with the numbers of repeated sections: "listen[2].address".
void list(const Node::Table& table, const std::string& name, const std::string& shown, Lines& to) {
  for (const Entry& entry : table) {
    const std::string inner = joined(name, entry.key);
    const std::string label = joined(shown, entry.key);
    const auto* array = entry.value.get<Node::Array>();
    const auto* section = entry.value.get<Node::Table>();
    if (array && !array->empty() && array->front().get<Node::Table>()) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        list(*(*array)[i].get<Node::Table>(), inner, label + "[" + std::to_string(i + 1) + "]", to);
      }
    } else if (section && is_section(inner)) {
      list(*section, inner, label, to);
    } else {
      to.emplace_back(label, is_secret(inner) ? std::string(kHidden) : print_toml_value(entry.value));
    }
  }
}

}  // namespace

Lines listing(const Config& config) {
  Config shown = config;
  std::erase_if(shown.listen, [](const Listen& listen) { return !listen.is_open() || listen.metrics_only; });
  Lines lines;
  list(write_config(shown), "", "", lines);
  return lines;
}

std::string to_toml_without_secrets(const Config& config) {
  Node::Table root = write_config(config);
  mask(root, "");
  return print_toml(root);
}

}  // namespace nxb::config
