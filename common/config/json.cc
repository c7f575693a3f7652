// common/config/json.cc - Node to and from JSON by nlohmann/json, whose exceptions end here.
// Runs in: supervisor (prints), worker (reads). I/O: none.
// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "common/config/node.h"

namespace nxb::config {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 16;

Json json_of(const Node::Table& table);

Json json_of(const Node& node) {
  struct Make {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(bool value) const { return value; }
    Json operator()(std::int64_t value) const { return value; }
    Json operator()(double value) const { return value; }
    Json operator()(const std::string& value) const { return value; }
    Json operator()(const Node::Array& value) const {
      Json array = Json::array();
      for (const Node& element : value) array.push_back(json_of(element));
      return array;
    }
    Json operator()(const Node::Table& value) const { return json_of(value); }
  };
  return std::visit(Make{}, node.value);
}

Json json_of(const Node::Table& table) {
  Json object = Json::object();
  for (const Entry& entry : table) object[entry.key] = json_of(entry.value);
  return object;
}

Node::Table table_of(const Json& from, int depth);

Node node_of(const Json& from, int depth) {
  if (depth > kDeepest) return {};
  if (from.is_boolean()) return {from.get<bool>()};
  if (from.is_number_float()) return {from.get<double>()};
  if (from.is_number_integer()) return {from.get<std::int64_t>()};
  if (from.is_string()) return {from.get<std::string>()};
  if (from.is_object()) return {table_of(from, depth)};
  if (!from.is_array()) return {};
  Node::Array array;
  for (const Json& element : from) array.push_back(node_of(element, depth + 1));
  return {std::move(array)};
}

Node::Table table_of(const Json& from, int depth) {
  Node::Table table;
  for (const auto& [key, value] : from.items()) table.push_back({key, node_of(value, depth + 1)});
  return table;
}

}  // namespace

Result<Node::Table> read_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Error{Code::BadInput, "the configuration is not JSON"};
  if (!json.is_object()) return Error{Code::BadInput, "the configuration is not a JSON object"};
  return table_of(json, 0);
}

std::string print_json(const Node::Table& root) {
  return json_of(root).dump(-1, ' ', true, Json::error_handler_t::replace);  // one line, ASCII only
}

}  // namespace nxb::config
