// common/config/options.h - the options as a table, seen by the readers and printers.
// Runs in: supervisor, worker. I/O: none, but for the checks of rule.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/config/node.h"
#include "common/config/place.h"
#include "common/config/rule.h"

namespace nxb::config {

// A row of options.def without its types.
struct Row {
  std::string section;  // "upstream.domain", "" for the sections themselves
  std::string_view key;
  std::string_view initial;  // the default as TOML; "" = there is none
  std::string_view help;
  Rule rule;
  bool repeats;  // a [[section]]
  std::string full_name() const { return section.empty() ? std::string(key) : section + "." + std::string(key); }
};
const std::vector<Row>& all_rows();  // in the order of the file: a section, then what is in it

void read_config(const Place& at, const Node::Table& root, Config& to);
Node::Table write_config(const Config& config);

struct OldName {
  std::string_view name;
  std::string_view text;  // what to write instead, or why it is ignored
  bool is_error;
};
const std::vector<OldName>& old_names();

// What to say about a key that no row has: an old name, a key of another section, or the nearest name there is.
struct Stranger {
  bool is_error;
  std::string text;
};
Stranger unknown_key(const std::string& section, std::string_view key);

}  // namespace nxb::config
