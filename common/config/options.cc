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

constexpr std::uint64_t kMiB = 1 << 20;

template <class S>
struct Option {
  std::string_view key;
  std::string_view initial;
  std::string_view help;
  Rule rule;
  bool internal;
  bool repeats;
  void (*read)(const Place& at, const Node& node, const Rule& rule, S& to);
  Node (*write)(const S& from);
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
    auto option = std::find_if(options.begin(), options.end(),
                               [&](const auto& o) { return o.key == entry.key && !(o.internal && at.from_file()); });
    const Place here = at.inside(printable(entry.key), entry.line);
    if (option != options.end()) {
      option->read(here, entry.value, option->rule, to);
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
    if (option.internal) continue;
    rows.push_back({section, option.key, option.initial, option.help, option.rule, option.repeats});
    if (option.rows_inside) option.rows_inside(rows.back().full_name(), rows);
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
#define NXB_OPTION(name, allowed, initial, help)                                                                     \
  Option<S>{#name,                                                                                                   \
            initial,                                                                                                 \
            help,                                                                                                    \
            allowed,                                                                                                 \
            false,                                                                                                   \
            kIsRepeated<decltype(S::name)>,                                                                          \
            [](const Place& at, const Node& node, const Rule& rule, S& to) { read_value(at, node, rule, to.name); }, \
            [](const S& from) { return write_value(from.name); },                                                    \
            rows_inside<decltype(S::name)>()},
#define NXB_INTERNAL(name)                                                                                           \
  Option<S>{#name,                                                                                                   \
            "",                                                                                                      \
            "",                                                                                                      \
            flag(),                                                                                                  \
            true,                                                                                                    \
            false,                                                                                                   \
            [](const Place& at, const Node& node, const Rule& rule, S& to) { read_value(at, node, rule, to.name); }, \
            [](const S& from) { return from.name ? write_value(true) : Node{}; },                                    \
            nullptr},
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
