// common/config/config.cc - see config.h: files and texts in, a checked Config or a list of findings out.
// SPDX-License-Identifier: MIT
#include "common/config/config.h"

#include <algorithm>

#include "common/config/environment.h"
#include "common/config/file.h"
#include "common/config/node.h"
#include "common/config/options.h"

namespace nxb::config {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;

std::string with_line(const std::string& origin, int line, const std::string& text) {
  return origin + ":" + std::to_string(line) + ": " + text;
}

}  // namespace

Loaded load_text(std::string_view toml, const std::string& origin, const Variables& variables) {
  Loaded loaded;
  std::vector<SyntaxError> syntax;
  Node::Table root = read_toml(toml, syntax);
  for (const SyntaxError& error : syntax) loaded.errors.push_back(with_line(origin, error.line, error.text));
  if (!syntax.empty()) return loaded;

  std::vector<Finding> findings;
  overlay(root, variables, findings);
  read_config(Place(findings, Source::File), root, loaded.config);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.line < b.line; });
  for (const Finding& finding : findings) {
    auto& list = finding.weight == Finding::Weight::Error ? loaded.errors : loaded.warnings;
    if (finding.line >= kFirstVariableLine) {
      const auto variable = static_cast<std::size_t>(finding.line - kFirstVariableLine);
      list.push_back(variables.at(variable).first + ": " + finding.text);
    } else {
      list.push_back(with_line(origin, finding.line, finding.text));
    }
  }
  return loaded;
}

Loaded load_file(const std::string& path, const Variables& variables) {
  auto text = read_file(path, kLargestFile);
  if (text) return load_text(*text, path, variables);
  Loaded loaded;
  loaded.errors.push_back(path + ": " + text.error().text);
  return loaded;
}

std::string to_json(const Config& config) { return print_json(write_config(config)); }

Result<Config> from_json(std::string_view text) {
  NXB_TRY(const Node::Table root, read_json(text));
  Config config;
  std::vector<Finding> findings;
  read_config(Place(findings, Source::Wire), root, config);
  if (!findings.empty()) return Error{Code::BadInput, findings.front().text};
  return config;
}

std::vector<Listen> all_listeners(const Config& config) {
  std::vector<Listen> all = config.listen;
  if (config.metrics.listen.empty()) return all;
  Listen& metrics = all.emplace_back();
  metrics.address = config.metrics.listen;
  metrics.metrics_only = true;
  return all;
}

std::string to_toml(const Config& config) { return print_toml(write_config(config)); }

}  // namespace nxb::config
