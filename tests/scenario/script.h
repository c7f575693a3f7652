// tests/scenario/script.h - a scenario as values: what the parser makes of a file and the director plays.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"

namespace nxb::scenario {

struct Word {
  std::string text;
  bool quoted = false;
};

struct Argument {
  std::string key, value;
};
using Arguments = std::vector<Argument>;

inline const std::string* find(const Arguments& arguments, std::string_view key) {
  auto at = std::ranges::find(arguments, key, &Argument::key);
  return at == arguments.end() ? nullptr : &at->value;
}

// One line: `expect r2 payload message id=m1 within 2s`.
struct Step {
  int line = 0;
  std::string source;  // the line, for people
  std::string verb;
  std::vector<Word> words;  // behind the verb
  Arguments arguments;
  std::optional<Duration> within;

  const std::string* find(std::string_view key) const { return scenario::find(arguments, key); }
  std::string get(std::string_view key) const { return find(key) ? *find(key) : std::string(); }
  std::string_view word(std::size_t index) const {
    return index < words.size() ? std::string_view(words[index].text) : std::string_view();
  }
};

enum class Role : std::uint8_t { Client, Server };

// A block of steps. A later block of the same name goes on where the earlier one ended.
struct Part {
  Role role = Role::Client;
  std::string name;
  bool background = false;
  Arguments arguments;
  std::vector<Step> steps;  // `repeat` is written out
  int line = 0;
};

using Item = std::variant<Part, Step>;  // in the order of the file

struct Script {
  std::string name;
  std::vector<std::string> covers;  // ids of requirements
  bool sim = false, live = false;
  Arguments nxb;  // configuration
  std::vector<Item> items;
};

}  // namespace nxb::scenario
