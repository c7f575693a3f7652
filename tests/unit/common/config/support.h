// tests/unit/common/config/support.h - loading texts and looking at what was found in them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "tests/support/contains.h"

namespace nxb::config {

inline Loaded load(std::string_view text) { return load_text(text, "f.toml"); }

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

inline bool starts_with(std::string_view text, std::string_view begin) { return text.substr(0, begin.size()) == begin; }
using testing::contains;

inline Config good(std::string_view text) {
  Loaded loaded = load(text);
  if (!loaded.errors.empty()) return {};  // differs from every loaded one: it has no listener
  return loaded.config;
}

inline std::string source_file(std::string_view name) { return std::string(NXB_SOURCE_DIR) + "/" + std::string(name); }

}  // namespace nxb::config
