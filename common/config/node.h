// common/config/node.h - a configuration as a tree of plain values with line numbers, whatever notation it came from.
// Runs in: supervisor, worker. I/O: none. TOML and JSON meet the options table only as this tree: read_toml() and
// read_json() make it, print_toml() and print_json() print it, and nothing else in nxb sees either library.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"

namespace nxb::config {

struct Entry;

struct Node {
  using Array = std::vector<Node>;
  using Table = std::vector<Entry>;
  // monostate: read, something no option takes (a date); written, "leave this key out".
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table>;

  Value value;
  int line = 0;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
};

struct Entry {
  std::string key;
  Node value;
  int line = 0;  // of the key
};

const Entry* find_entry(const Node::Table& table, std::string_view key);

struct SyntaxError {
  int line;
  std::string text;
};

// Never throws. On an error `error` says where and what, and the answer is an empty table.
Node::Table read_toml(std::string_view text, std::vector<SyntaxError>& errors);
std::string print_toml(const Node::Table& root);
std::string print_toml_value(const Node& value);  // as it stands after "key = "

Result<Node::Table> read_json(std::string_view text);
std::string print_json(const Node::Table& root);

}  // namespace nxb::config
