// tests/unit/common/config/rules.h - one value of one key: taken, or refused with a message that says where and why.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/common/config/support.h"

namespace nxb::config {

// `value` of `key` in `section` is refused on its line, with the key's name and with what is allowed.
inline void refused(const std::string& section, const std::string& key, const std::string& value,
                    std::string_view part = "") {
  const bool repeats = section == "listen" || section == "upstream.domain";
  const std::string header = repeats ? "[[" + section + "]]\n" : "[" + section + "]\n";
  const std::string name = section == "upstream.domain" && key != "name" ? "name = 'd.example'\n" : "\n";
  const Loaded loaded = load(header + name + key + " = " + value + "\n");
  INFO(section, ".", key, " = ", value, " -> ", joined(loaded.errors));
  REQUIRE(loaded.errors.size() >= 1);
  CHECK(starts_with(loaded.errors[0], "f.toml:3: " + section + "." + key));
  CHECK(contains(loaded.errors[0], "; allowed: "));
  CHECK(contains(loaded.errors[0], part));
}

inline Config taken(const std::string& section, const std::string& key, const std::string& value) {
  const bool repeats = section == "listen" || section == "upstream.domain";
  const std::string header = repeats ? "[[" + section + "]]\n" : "[" + section + "]\n";
  const std::string name = section == "upstream.domain" && key != "name" ? "name = 'd.example'\n" : "\n";
  const Loaded loaded = load(header + name + key + " = " + value + "\n");
  INFO(section, ".", key, " = ", value, " -> ", joined(loaded.errors));
  REQUIRE(loaded.errors.empty());
  return loaded.config;
}

using Strings = std::vector<std::string>;

struct TemporaryFile {
  explicit TemporaryFile(std::string_view text) {
    const int fd = ::mkstemp(path.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  std::string path = "/tmp/nxb-config-XXXXXX";
};

}  // namespace nxb::config
