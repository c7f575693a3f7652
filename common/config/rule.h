// common/config/rule.h - what values an option takes: the vocabulary of the third column of options.def.
// Runs in: supervisor. I/O: none.
// A rule says what is allowed in two ways that cannot differ: as bounds for the reader and as text for the operator.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace nxb::config {

// Normalises the text in place; returns what is wrong with it, or nothing.
using TextCheck = std::string (*)(std::string& text);
using PairCheck = std::string (*)(const std::string& name, const std::string& value);

struct Rule {
  enum class Shape : std::uint8_t { Flag, Count, Size, Time, Text, Choice, List, Pairs, Section };

  Shape shape = Shape::Flag;
  std::uint64_t low = 0;  // Count; Size in bytes; Time in milliseconds
  std::uint64_t high = std::numeric_limits<std::uint64_t>::max();
  bool takes_auto = false;                    // Count: "auto" is read as 0
  bool whole_seconds = false;                 // Time: it goes on the wire in seconds
  bool takes_text = false;                    // List: a string is a list of one
  bool secret = false;                        // Text: listing() does not show it
  bool at_start = false;                      // a reload leaves it as it is (change.h)
  std::size_t least = 0, most = 1000;         // List: number of elements
  std::array<std::string_view, 8> choices{};  // Choice: spelled as the option is printed, read in any case
  TextCheck check = nullptr;                  // Text, and each element of a List
  PairCheck check_pair = nullptr;             // Pairs
  std::string_view what{};                    // Text, List, Pairs: what is allowed, in words

  constexpr Rule or_auto() const { return with(&Rule::takes_auto); }
  constexpr Rule in_whole_seconds() const { return with(&Rule::whole_seconds); }
  constexpr Rule only_at_start() const { return with(&Rule::at_start); }
  constexpr Rule hidden() const { return with(&Rule::secret); }
  constexpr Rule or_one() const { return with(&Rule::takes_text); }
  constexpr Rule entries(std::size_t from, std::size_t to) const {
    Rule rule = *this;
    rule.least = from;
    rule.most = to;
    return rule;
  }
  constexpr Rule with(bool Rule::*flag) const {
    Rule rule = *this;
    rule.*flag = true;
    return rule;
  }
};

std::string allowed_text(const Rule& rule);  // what stands behind "allowed: "

constexpr Rule flag() { return {}; }
constexpr Rule count(std::uint64_t low, std::uint64_t high) {
  Rule rule{Rule::Shape::Count};
  rule.low = low;
  rule.high = high;
  return rule;
}
constexpr Rule size(std::uint64_t low, std::uint64_t high) {
  Rule rule = count(low, high);
  rule.shape = Rule::Shape::Size;
  return rule;
}
constexpr Rule time(Duration low, Duration high) {
  Rule rule = count(static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count()));
  rule.shape = Rule::Shape::Time;
  return rule;
}
constexpr Rule text(TextCheck check, std::string_view what) {
  Rule rule{Rule::Shape::Text};
  rule.check = check;
  rule.what = what;
  return rule;
}
template <class... Names>
constexpr Rule one_of(Names... names) {
  Rule rule{Rule::Shape::Choice};
  rule.choices = {std::string_view(names)...};
  return rule;
}
constexpr Rule list(TextCheck check, std::string_view what) {
  Rule rule = text(check, what);
  rule.shape = Rule::Shape::List;
  return rule;
}
constexpr Rule pairs(PairCheck check, std::string_view what) {
  Rule rule{Rule::Shape::Pairs};
  rule.check_pair = check;
  rule.what = what;
  return rule;
}
constexpr Rule section() { return Rule{Rule::Shape::Section}; }

// What a text may be. Each normalises (lower case, no trailing dot or slash) and explains what is wrong.
namespace check {
std::string any(std::string& text);
std::string socket_path(std::string& text);     // absolute and short enough for a socket address; "" = choose
std::string absolute_path(std::string& text);   // "" = none
std::string listen_address(std::string& text);  // address:port or unix:path
std::string listen_address_or_none(std::string& text);
std::string resolver(std::string& text);  // address[:port]
std::string proxy(std::string& text);     // address, address/prefix or "unix"
std::string url_path(std::string& text);
std::string origin(std::string& text);       // "*", "null" or scheme://host[:port]
std::string header_name(std::string& text);  // an HTTP token
std::string token_or_none(std::string& text);
std::string node_or_none(std::string& text);         // the value of a cookie, and of a header
std::string node_header_or_none(std::string& text);  // one that header() allows
std::string domain(std::string& text);               // an XMPP domain (U-01)
std::string domain_pattern(std::string& text);       // ".example.org": with subdomains (U-02)
std::string domain_or_none(std::string& text);
std::string route_pattern(std::string& text);      // domain_pattern, host:port, address or address/prefix (C-14)
std::string target(std::string& text);             // host:port, [v6]:port, unix:/path; "" = by DNS
std::string web_url_or_none(std::string& text);    // http(s)://host[:port][/...]; "" = none
std::string https_url_or_none(std::string& text);  // likewise
std::string wss_url_or_none(std::string& text);
std::string ca_file(std::string& text);  // a readable PEM file; "" = none of its own
std::string header(const std::string& name, const std::string& value);
}  // namespace check

}  // namespace nxb::config
