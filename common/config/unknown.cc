// common/config/unknown.cc - what to say about a key that does not exist: most are old, misplaced or misspelt.
// Runs in: supervisor, worker. I/O: none.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "common/config/options.h"

namespace nxb::config {
namespace {

constexpr std::size_t kLongestKey = 64;  // longer ones are compared by their beginning: the work stays bounded

// Levenshtein distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// "max_wait in [bosh]", "[websocket]".
std::string where_it_belongs(const Row& row) {
  auto bracketed = [](const std::string& name) {
    auto repeats = [&](const Row& other) { return other.full_name() == name && other.repeats; };
    const bool twice = std::any_of(all_rows().begin(), all_rows().end(), repeats);
    return (twice ? "[[" : "[") + name + (twice ? "]]" : "]");
  };
  if (row.rule.shape == Rule::Shape::Section) return bracketed(row.full_name());
  return std::string(row.key) + " in " + bracketed(row.section);
}

std::string_view without_unit(std::string_view key) {
  for (std::string_view unit : {"_bytes", "_seconds", "_sec", "_ms"}) {
    if (key.size() > unit.size() && key.substr(key.size() - unit.size()) == unit)
      return key.substr(0, key.size() - unit.size());
  }
  return key;
}

const Row* row_of(std::string_view key) {
  const auto& rows = all_rows();
  auto at = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.key == key; });
  return at == rows.end() ? nullptr : &*at;
}

}  // namespace

Stranger unknown_key(const std::string& section, std::string_view key) {
  for (const OldName& old : old_names()) {
    if (old.name != key) continue;
    if (!old.is_error) return {false, "is ignored: " + std::string(old.text)};
    return {true, "is an old name; allowed: " + std::string(old.text)};
  }
  const std::string_view plain = without_unit(key);
  const Row* renamed = plain == key ? nullptr : row_of(plain);
  if (renamed) return {true, "is an old name; allowed: " + where_it_belongs(*renamed)};

  const Row* nearest = nullptr;
  std::size_t least = 0;
  for (const Row& row : all_rows()) {
    // A name of another section must fit better than one of this section; an exact one does.
    const std::size_t far = 2 * distance(key.substr(0, kLongestKey), row.key) + (row.section == section ? 0 : 1);
    if (!nearest || far < least) {
      nearest = &row;
      least = far;
    }
  }
  if (least / 2 > 1 + key.size() / 4)
    return {true, "is unknown; nxb.toml(5) has all"};  // nothing is near: a guess would mislead
  const std::string name = nearest->section == section && nearest->rule.shape != Rule::Shape::Section
                               ? std::string(nearest->key)
                               : where_it_belongs(*nearest);
  return {true, "is unknown; did you mean " + name + "?"};
}

}  // namespace nxb::config
