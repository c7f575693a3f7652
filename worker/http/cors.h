// worker/http/cors.h - which scripts may read an answer (Fetch standard; H-29 to H-36).
// Runs in: worker. I/O: none. Nothing of a request is echoed: the header carries the configured origin that it matched.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace nxb::http {

class Cors {
 public:
  // What an Origin header came to; kept for the answer, which may be late. It means something only to this Cors.
  enum class Verdict : std::uint32_t { Refused = 0 };

  // `node_header`: scripts may read it and send it (O-41); "" = there is none.
  explicit Cors(const config::Config::Http& http, const std::string& node_header = {});
  // Another configuration. A verdict of up to kKept earlier ones still means what it did: its answer is under way.
  void change(const config::Config::Http& http, const std::string& node_header = {});
  static constexpr std::size_t kKept = 8;
  Verdict judge(std::string_view origin) const;
  std::string_view block(Verdict verdict) const;            // header lines of an answer
  std::string_view preflight_block(Verdict verdict) const;  // those and Allow-Methods, Allow-Headers, Max-Age
  // For a preflight that asks for a private network; nothing unless configured and the origin is allowed (H-36).
  std::string_view private_network_line(Verdict verdict) const;

 private:
  struct Blocks {
    std::string answer, preflight;
  };
  const Blocks& blocks_of(Verdict verdict) const;
  void set(const config::Config::Http& http, const std::string& node_header);

  bool any_ = false;
  bool private_network_ = false;
  std::vector<std::string> origins_;
  std::vector<Blocks> blocks_;  // [0]: no match; [1]: `*` or the first origin, ...
  std::uint16_t edition_ = 0;   // the upper half of a verdict; the lower one is an index
  std::deque<std::pair<std::uint16_t, std::vector<Blocks>>> earlier_;  // editions, oldest first
};

}  // namespace nxb::http
