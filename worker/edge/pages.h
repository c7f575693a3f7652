// worker/edge/pages.h - what nxb shows besides BOSH: which path is which page, and the text of the pages for people but the monitor.
// Runs in: worker. I/O: none. Pages are self-contained: no script, one style, which their policy names by its hash.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/config/config.h"

namespace nxb::edge {

enum class Page : std::uint8_t {
  None,
  Monitor,
  MonitorData,  // what the monitor page's script shows
  Metrics,
  OpenMetrics,  // the same, for who accepts it
  SystemInfo,
  Health,
  Ready,
  Favicon,
  CrossDomain,
  HostMeta,
  HostMetaJson
};

inline constexpr std::string_view kHtml = "text/html; charset=utf-8";

Page page_at(std::string_view path, const config::Config& config);  // None also for pages that are switched off
Page metrics_page_at(std::string_view path);                        // at the address of [metrics] (O-23)

class Pages {
 public:
  explicit Pages(std::string host);
  std::string system_info(const config::Config& config) const;  // C-30
  std::string_view policy() const { return policy_; }           // their CSP

 private:
  std::string page(std::string_view title, std::string_view content) const;  // `title` is escaped here
  std::string host_;
  std::string policy_;
};

std::string uptime_text(Duration uptime);  // "[N day(s) ]HH:MM:SS"
std::string_view cross_domain_policy();    // C-33: every site
// Where a client finds nxb (XEP-0156 2.2, 2.3): XML in the form that Converse.js looks for, and the same as JSON (W-11).
std::string host_meta(const config::Config::Discovery& discovery);
std::string host_meta_json(const config::Config::Discovery& discovery);

}  // namespace nxb::edge
