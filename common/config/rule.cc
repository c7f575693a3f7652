// common/config/rule.cc - a rule in words.
// SPDX-License-Identifier: MIT
#include "common/config/rule.h"

namespace nxb::config {
namespace {

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string time_text(std::uint64_t ms) {
  if (ms > 0 && ms % 3'600'000 == 0) return quoted(std::to_string(ms / 3'600'000) + "h");
  if (ms % 1000 == 0) return quoted(std::to_string(ms / 1000) + "s");
  return quoted(std::to_string(ms) + "ms");
}

std::string choices_text(const Rule& rule) {
  std::string text;
  for (std::string_view choice : rule.choices) {
    if (choice.empty()) continue;
    text += (text.empty() ? "" : ", ") + quoted(choice);
  }
  return text;
}

}  // namespace

std::string allowed_text(const Rule& rule) {
  const std::string numbers = std::to_string(rule.low) + " to " + std::to_string(rule.high);
  switch (rule.shape) {
    case Rule::Shape::Flag:
      return "true, false";
    case Rule::Shape::Count:
      return (rule.takes_auto ? "\"auto\", " : "") + numbers;
    case Rule::Shape::Size:
      return numbers + " bytes, as a number or like \"500KB\", \"1MiB\"";
    case Rule::Shape::Time:
      return time_text(rule.low) + " to " + time_text(rule.high) +
             (rule.whole_seconds ? " in whole seconds, as \"70s\", \"2m\" or a number of seconds"
                                 : ", as \"70s\", \"2m\", \"500ms\", \"1h\" or a number of seconds");
    case Rule::Shape::Choice:
      return choices_text(rule);
    case Rule::Shape::Text:
      return std::string(rule.what);
    case Rule::Shape::List:
      return (rule.takes_text ? "" : "a list of ") + std::string(rule.what);
    case Rule::Shape::Pairs:
      return "a table of " + std::string(rule.what);
    case Rule::Shape::Section:
      return rule.most > 0 ? "a section" : "nothing";
  }
  return "";
}

}  // namespace nxb::config
