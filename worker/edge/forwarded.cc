// worker/edge/forwarded.cc - see forwarded.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/forwarded.h"

#include <optional>

#include "common/base/text.h"

namespace nxb::edge {
namespace {

// forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), a list of them separated by commas.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : left_(text) {}
  bool at_end() const { return left_.empty(); }
  bool skip(char wanted) {
    if (left_.empty() || left_.front() != wanted) return false;
    left_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (skip(' ') || skip('\t')) {
    }
  }
  std::string_view token() {
    std::size_t end = 0;
    while (end < left_.size() && is_token(left_.substr(end, 1))) ++end;
    std::string_view found = left_.substr(0, end);
    left_.remove_prefix(end);
    return found;
  }
  // A token or a quoted string. Nothing: neither.
  std::optional<std::string> value() {
    if (!skip('"')) {
      std::string_view found = token();
      return found.empty() ? std::nullopt : std::optional<std::string>(found);
    }
    std::string out;
    while (!left_.empty()) {
      if (skip('"')) return out;
      skip('\\');
      if (left_.empty()) break;
      out += left_.front();
      left_.remove_prefix(1);
    }
    return std::nullopt;
  }

 private:
  std::string_view left_;
};

bool read_pair(Scanner& scanner, ForwardedElement& element) {
  std::string_view name = scanner.token();
  if (name.empty() || !scanner.skip('=')) return false;
  auto value = scanner.value();
  if (!value) return false;
  std::string* place = nullptr;
  if (equals_ignoring_case(name, "for")) place = &element.node;
  if (equals_ignoring_case(name, "proto")) place = &element.proto;
  if (!place) return true;
  if (!place->empty()) return false;  // RFC 7239 4: each parameter at most once
  *place = *std::move(value);
  return true;
}

}  // namespace

std::vector<ForwardedElement> parse_forwarded(std::string_view field) {
  std::vector<ForwardedElement> elements;
  Scanner scanner(field);
  scanner.skip_blanks();
  if (scanner.at_end()) return {};
  elements.emplace_back();
  for (;;) {
    if (!read_pair(scanner, elements.back())) return {};
    scanner.skip_blanks();
    if (scanner.at_end()) return elements;
    if (scanner.skip(',')) {
      elements.emplace_back();
    } else if (!scanner.skip(';')) {
      return {};
    }
    scanner.skip_blanks();
  }
}

}  // namespace nxb::edge
