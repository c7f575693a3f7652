// common/config/options.cc - options.def made into tables, and the sections read and written by them.
// A section is a struct; its rows are a vector of Option<Struct>, each knowing how to read and write one member. What
// two options must agree on, and what is worked out from the machine, is in finish.cc.
// SPDX-License-Identifier: MIT
#include "common/config/options.h"

#include <algorithm>
#include <type_traits>

#include "common/base/check.h"
#include "common/config/finish.h"
#include "common/config/values.h"

namespace nxb::config {
namespace {

// Sections whose features are still to come have nothing to keep.
struct Metrics {};

constexpr std::uint64_t kMiB = 1 << 20;

template <class S>
struct Option {
  std::string_view key;
  std::string_view initial;
  std::string_view help;
  Rule rule;
  bool later;
  bool repeats;
  void (*read)(const Place& at, const Node& node, const Rule& rule, std::string_view initial, S& to);
  Node (*write)(const S& from);                                        // null: nothing is kept
  void (*rows_inside)(const std::string& name, std::vector<Row>& to);  // null: not a section
};
template <class S>
const std::vector<Option<S>>& options_of();  // defined by NXB_SECTION

// Whether a value is a section, or a list of sections.
template <class T>
struct SectionOf {
  static constexpr bool kRepeats = false;
  using type = T;
};
template <class T>
struct SectionOf<std::vector<T>> {
  static constexpr bool kRepeats = true;
  using type = T;
};
template <class T>
concept IsSection = std::is_aggregate_v<typename SectionOf<T>::type>;
template <class T>
inline constexpr bool kIsRepeated = IsSection<T>&& SectionOf<T>::kRepeats;

using config::read_value;  // beside the overloads for sections below
using config::write_value;

template <class S>
void read_section(const Place& at, const Node::Table& table, S& to) {
  const auto& options = options_of<S>();
  for (const Entry& entry : table) {
    auto option = std::find_if(options.begin(), options.end(), [&](const auto& o) { return o.key == entry.key; });
    const Place here = at.inside(printable(entry.key), entry.line);
    if (option != options.end()) {
      option->read(here, entry.value, option->rule, option->initial, to);
      continue;
    }
    const Stranger stranger = unknown_key(at.name(), entry.key);
    stranger.is_error ? here.error(stranger.text) : here.warning(stranger.text);
  }
  if (at.from_file()) finish(at, table, to);
}

template <IsSection T>
void read_value(const Place& at, const Node& node, const Rule& rule, T& to) {
  if constexpr (SectionOf<T>::kRepeats) {
    const auto* array = node.get<Node::Array>();
    if (!array) return at.error("is not a list of sections; allowed: [[" + at.name() + "]]");
    if (array->size() > rule.most) at.error("more than " + std::to_string(rule.most) + " of them");
    to.clear();
    for (const Node& element : *array) {
      const Place here = at.on_line(element.line);
      const auto* table = element.get<Node::Table>();
      if (!table) return here.error("is not a list of sections; allowed: [[" + at.name() + "]]");
      read_section(here, *table, to.emplace_back());
    }
  } else {
    const auto* table = node.get<Node::Table>();
    if (!table) return at.error("is not a section; allowed: [" + at.name() + "]");
    read_section(at, *table, to);
  }
}

template <class S>
Node::Table write_section(const S& from) {
  Node::Table table;
  for (const auto& option : options_of<S>()) {
    if (!option.write) continue;
    Node node = option.write(from);
    if (!node.template get<std::monostate>()) table.push_back({std::string(option.key), std::move(node)});
  }
  return table;
}

template <IsSection T>
Node write_value(const T& from) {
  if constexpr (SectionOf<T>::kRepeats) {
    Node::Array array;
    for (const auto& element : from) array.push_back({write_section(element)});
    return {std::move(array)};
  } else {
    return {write_section(from)};
  }
}

template <class S>
void add_rows(const std::string& section, std::vector<Row>& rows) {
  for (const auto& option : options_of<S>()) {
    rows.push_back({section, option.key, option.initial, option.help, option.rule, option.later, option.repeats});
    if (option.rows_inside) option.rows_inside(rows.back().full_name(), rows);
  }
}

// The default of a row as a value; the table is ours, so it can be read.
template <class T>
T initial_value(const Rule& rule, std::string_view initial) {
  T value{};
  std::vector<SyntaxError> syntax;
  std::vector<Finding> findings;
  const Node::Table table = read_toml("value = " + std::string(initial) + "\n", syntax);
  NXB_CHECK(table.size() == 1, "a default in options.def is a TOML value");
  read_value(Place(findings, Source::Wire), table[0].value, rule, value);
  NXB_CHECK(findings.empty(), "a default in options.def has the type of its option");
  return value;
}

template <class T>
void read_later(const Place& at, const Node& node, const Rule& rule, std::string_view initial) {
  if constexpr (IsSection<T>) {
    T nothing{};
    read_value(at, node, rule, nothing);
  } else {
    const T only = initial_value<T>(rule, initial);
    T value = only;
    read_value(at, node, rule, value);
    if (value != only) at.error("is not supported yet; allowed: its default, " + print_toml_value(write_value(only)));
  }
}

template <class T>
constexpr auto rows_inside() -> void (*)(const std::string&, std::vector<Row>&) {
  if constexpr (IsSection<T>) return &add_rows<typename SectionOf<T>::type>;
  return nullptr;
}

#define NXB_SECTION(type)                               \
  template <>                                           \
  const std::vector<Option<type>>& options_of<type>() { \
    using S = type;                                     \
    static const std::vector<Option<S>> options = {
#define NXB_OPTION(name, allowed, initial, help)                                               \
  Option<S>{#name,                                                                             \
            initial,                                                                           \
            help,                                                                              \
            allowed,                                                                           \
            false,                                                                             \
            kIsRepeated<decltype(S::name)>,                                                    \
            [](const Place& at, const Node& node, const Rule& rule, std::string_view, S& to) { \
              read_value(at, node, rule, to.name);                                             \
            },                                                                                 \
            [](const S& from) { return write_value(from.name); },                              \
            rows_inside<decltype(S::name)>()},
#define NXB_LATER(name, type, allowed, initial, help)                                            \
  Option<S>{#name,                                                                               \
            initial,                                                                             \
            help,                                                                                \
            allowed,                                                                             \
            true,                                                                                \
            false,                                                                               \
            [](const Place& at, const Node& node, const Rule& rule, std::string_view only, S&) { \
              read_later<type>(at, node, rule, only);                                            \
            },                                                                                   \
            nullptr,                                                                             \
            rows_inside<type>()},
#define NXB_OLD_NAMES                             \
  const std::vector<OldName>& old_names_table() { \
    static const std::vector<OldName> options = {
#define NXB_OLD_NAME(name, instead) OldName{name, instead, true},
#define NXB_OLD_IGNORED(name, why) OldName{name, why, false},
#define NXB_END   \
  }               \
  ;               \
  return options; \
  }

#include "common/config/options.def"

}  // namespace

const std::vector<Row>& all_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> made;
    add_rows<Config>("", made);
    return made;
  }();
  return rows;
}

const std::vector<OldName>& old_names() { return old_names_table(); }

void read_config(const Place& at, const Node::Table& root, Config& to) { read_section(at, root, to); }

Node::Table write_config(const Config& config) { return write_section(config); }

}  // namespace nxb::config
