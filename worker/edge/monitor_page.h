// worker/edge/monitor_page.h - the page at / and monitor.json, which its script shows: the same figures twice (O-21, C-29).
// Runs in: worker. I/O: none. The files monitor.html, .css and .js are built in. The page's policy names script and style
// by their hashes, and lets the script ask nobody but nxb.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "worker/edge/metrics.h"

namespace nxb::edge {

class MonitorPage {
 public:
  explicit MonitorPage(std::string host);
  std::string html(const Readings& readings) const;
  // `supervisor` is what the supervisor told, JSON, or "".
  static std::string json(const Readings& readings, std::string_view supervisor);
  std::string_view policy() const { return policy_; }

 private:
  std::string host_;
  std::string policy_;
};

}  // namespace nxb::edge
