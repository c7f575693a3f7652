// common/config/config.cc - see config.h: files and texts in, a checked Config or a list of findings out.
// SPDX-License-Identifier: MIT
#include "common/config/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/config/node.h"
#include "common/config/options.h"

namespace nxb::config {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{Code::NotFound, std::string("cannot be read: ") + std::strerror(errno)};
  std::string text;
  std::array<char, 16384> chunk{};
  ssize_t got = 1;
  int problem = 0;
  while (got != 0 && text.size() <= kLargestFile) {
    got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      problem = errno;
      break;
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  if (problem != 0) return Error{Code::Io, std::string("cannot be read: ") + std::strerror(problem)};
  if (text.size() > kLargestFile) return Error{Code::TooLarge, "is larger than 1 MiB"};
  return text;
}

std::string with_line(const std::string& origin, int line, const std::string& text) {
  return origin + ":" + std::to_string(line) + ": " + text;
}

}  // namespace

Loaded load_text(std::string_view toml, const std::string& origin) {
  Loaded loaded;
  std::vector<SyntaxError> syntax;
  const Node::Table root = read_toml(toml, syntax);
  for (const SyntaxError& error : syntax) loaded.errors.push_back(with_line(origin, error.line, error.text));
  if (!syntax.empty()) return loaded;

  std::vector<Finding> findings;
  read_config(Place(findings, Source::File), root, loaded.config);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.line < b.line; });
  for (const Finding& finding : findings) {
    auto& list = finding.weight == Finding::Weight::Error ? loaded.errors : loaded.warnings;
    list.push_back(with_line(origin, finding.line, finding.text));
  }
  return loaded;
}

Loaded load_file(const std::string& path) {
  auto text = read_file(path);
  if (text) return load_text(*text, path);
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

std::string to_toml(const Config& config) { return print_toml(write_config(config)); }

}  // namespace nxb::config
