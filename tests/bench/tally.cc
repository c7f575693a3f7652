// tests/bench/tally.cc - see tally.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/tally.h"

namespace nxb::bench {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= ' ' && c < 127 ? c : '?';
  }
  return out + "\"";
}

}  // namespace

std::string Tally::json(std::size_t sessions) const {
  std::string texts;
  for (const std::string& text : texts_) texts += (texts.empty() ? "" : ", ") + quoted(text);
  auto latency = [&](double share) { return std::to_string(latencies_.quantile(share)); };
  return "{\"operations\": " + std::to_string(operations()) +
         ", \"seconds\": " + std::to_string(static_cast<double>(ended_ - began_) / 1e6) +
         ", \"sessions\": " + std::to_string(sessions) + ", \"p50_us\": " + latency(0.5) +
         ", \"p99_us\": " + latency(0.99) + ", \"p999_us\": " + latency(0.999) +
         ", \"max_us\": " + std::to_string(latencies_.max()) + ", \"polls\": " + std::to_string(polls_) +
         ", \"errors\": " + std::to_string(errors_) + ", \"error_texts\": [" + texts + "]}";
}

}  // namespace nxb::bench
