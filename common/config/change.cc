// common/config/change.cc - see change.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "common/config/change.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/config/options.h"

namespace nxb::config {
namespace {

const Node* value_in(const Node::Table& table, std::string_view key) {
  const Entry* entry = find_entry(table, key);
  return entry ? &entry->value : nullptr;
}

bool same(const Node* a, const Node* b) {
  if (!a || !b) return a == b;
  return print_toml_value(*a) == print_toml_value(*b);
}

bool waits(const std::string& name) {
  return std::ranges::any_of(all_rows(), [&](const Row& row) { return row.rule.at_start && row.full_name() == name; });
}

void put_back(Node::Table& table, const std::string& key, const Node* value) {
  std::erase_if(table, [&](const Entry& entry) { return entry.key == key; });
  if (value) table.push_back({key, *value});
}

// One section; `to` becomes what is to hold.
void compare(const std::string& section, const Node::Table& running, Node::Table& to, Change& change) {
  std::vector<std::string> keys;
  for (const Entry& entry : to) keys.push_back(entry.key);
  for (const Entry& entry : running) {
    if (!find_entry(to, entry.key)) keys.push_back(entry.key);
  }
  for (const std::string& key : keys) {
    const Node* before = value_in(running, key);
    if (same(before, value_in(to, key))) continue;
    const std::string name = section + "." + key;
    if (!waits(name)) {
      change.changed.push_back(name);
      continue;
    }
    change.needs_restart.push_back(name);
    put_back(to, key, before);
  }
}

}  // namespace

Change change_of(const Config& running, const Config& wanted) {
  Change change;
  const Node::Table before = write_config(running);
  Node::Table after = write_config(wanted);
  for (Entry& entry : after) {
    const Node* former = value_in(before, entry.key);
    auto* table = std::get_if<Node::Table>(&entry.value.value);
    if (table && former && former->get<Node::Table>()) {
      compare(entry.key, *former->get<Node::Table>(), *table, change);
    } else if (!same(former, &entry.value)) {
      change.changed.push_back(entry.key);
    }
  }
  std::vector<Finding> findings;
  read_config(Place(findings, Source::Wire), after, change.config);
  NXB_CHECK(findings.empty(), "what was written is read again");
  return change;
}

}  // namespace nxb::config
