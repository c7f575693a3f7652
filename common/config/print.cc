// common/config/print.cc - Node to TOML, and the reference configuration out of the table of options.
// Runs in: supervisor. I/O: none.
// SPDX-License-Identifier: MIT
#include <array>
#include <cstdio>

#include "common/base/check.h"
#include "common/config/options.h"

namespace nxb::config {
namespace {

constexpr std::size_t kHelpColumn = 36;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string key_text(std::string_view key) {
  constexpr std::string_view kBare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const bool bare = !key.empty() && key.find_first_not_of(kBare) == std::string_view::npos;
  return bare ? std::string(key) : quoted(key);
}

bool is_section_list(const Node& node) {
  const auto* array = node.get<Node::Array>();
  return array && !array->empty() && array->front().get<Node::Table>();
}

// "key = value" lines; what is a section of its own is left to print_section().
void print_section(const Node::Table& table, const std::string& name, std::string& out) {
  std::vector<const Entry*> lists;
  for (const Entry& entry : table) {
    if (is_section_list(entry.value)) {
      lists.push_back(&entry);
    } else {
      out += key_text(entry.key) + " = " + print_toml_value(entry.value) + "\n";
    }
  }
  for (const Entry* list : lists) {
    const std::string inner = name.empty() ? list->key : name + "." + list->key;
    for (const Node& element : *list->value.get<Node::Array>()) {
      out += "\n[[" + inner + "]]\n";
      print_section(*element.get<Node::Table>(), inner, out);
    }
  }
}

// One line of the reference: "key = value   # help".
std::string reference_line(const Row& row, bool commented) {
  std::string value = "\"...\"";
  if (!row.initial.empty()) {
    std::vector<SyntaxError> errors;
    const Node::Table table = read_toml("value = " + std::string(row.initial) + "\n", errors);
    NXB_CHECK(table.size() == 1, "a default in options.def is a TOML value");
    value = print_toml_value(table[0].value);
  }
  std::string line = (commented ? "# " : "") + std::string(row.key) + " = " + value;
  line += std::string(line.size() < kHelpColumn ? kHelpColumn - line.size() : 1, ' ');
  return line + "# " + std::string(row.help) + "\n";
}

}  // namespace

std::string print_toml_value(const Node& value) {
  struct Print {
    std::string operator()(std::monostate) const { return "\"\""; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return quoted(text); }
    std::string operator()(const Node::Array& array) const {
      std::string text;
      for (const Node& element : array) text += (text.empty() ? "" : ", ") + print_toml_value(element);
      return "[" + text + "]";
    }
    std::string operator()(const Node::Table& table) const {
      std::string text;
      for (const Entry& entry : table) {
        text += (text.empty() ? " " : ", ") + key_text(entry.key) + " = " + print_toml_value(entry.value);
      }
      return text.empty() ? "{}" : "{" + text + " }";
    }
  };
  return std::visit(Print{}, value.value);
}

std::string print_toml(const Node::Table& root) {
  std::string out;
  for (const Entry& entry : root) {
    const auto* section = entry.value.get<Node::Table>();
    if (!section) continue;
    out += (out.empty() ? "[" : "\n[") + entry.key + "]\n";
    print_section(*section, entry.key, out);
  }
  // Lists of sections at the top: only `listen`. They may follow, order between sections has no meaning in TOML.
  for (const Entry& entry : root) {
    if (is_section_list(entry.value)) print_section({entry}, "", out);
  }
  return out;
}

std::string reference() {
  std::string out =
      "# nxb.toml - every option of nxb with its default and what it does. An empty file means the same as this one.\n"
      "# Durations: \"70s\", \"2m\", \"500ms\", \"1h\" or a number of seconds. Sizes: \"500KB\", \"1MiB\" or a number "
      "of bytes.\n"
      "# Check a file with `nxb-supervisor -t -c FILE`. Made from common/config/options.def: change that, not this.\n";
  bool commented = false;
  for (const Row& row : all_rows()) {
    if (row.rule.shape != Rule::Shape::Section) {
      out += reference_line(row, commented || row.initial.empty());
      continue;
    }
    const std::string name = row.full_name();
    const bool nested = !row.section.empty();
    commented = nested;  // an example, not a default
    const std::string header = row.repeats ? "[[" + name + "]]" : "[" + name + "]";
    out += "\n# " + std::string(row.help) + "\n" + (nested ? "# " : "") + header + "\n";
  }
  return out;
}

}  // namespace nxb::config
