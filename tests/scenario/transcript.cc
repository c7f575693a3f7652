// tests/scenario/transcript.cc - see transcript.h.
// SPDX-License-Identifier: MIT
#include "transcript.h"

#include <cstdio>

namespace nxb::scenario {

namespace {
constexpr std::size_t kColumn = 70;
constexpr std::size_t kLongest = 1'400;  // of one entry; the rest is cut
constexpr std::size_t kEntries = 400;    // the last ones

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kLongest)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return text.size() > kLongest ? out + "..." : out;
}
}  // namespace

void Transcript::add(Instant when, Role side, std::string_view who, std::string_view what) {
  entries_.push_back({when - start_, side, std::string(who) + " " + printable(what)});
  if (entries_.size() > 2 * kEntries) entries_.erase(entries_.begin(), entries_.begin() + kEntries);
}

std::string Transcript::text() const {
  std::string out = "#    seconds | " + std::string("clients") + std::string(kColumn - 7, ' ') + " | servers\n";
  for (const Entry& entry : entries_) {
    char when[32];
    std::snprintf(when, sizeof(when), "%11.3f", static_cast<double>(entry.when.count()) / 1000.0);
    std::string first = when;
    for (std::size_t at = 0; at < entry.said.size(); at += kColumn) {
      std::string line = entry.said.substr(at, kColumn);
      std::string padding(kColumn - line.size(), ' ');
      out += "# " + first +
             (entry.side == Role::Client ? " | " + line + padding + " |\n"
                                         : " | " + std::string(kColumn, ' ') + " | " + line + "\n");
      first = std::string(11, ' ');
    }
  }
  return out;
}

}  // namespace nxb::scenario
