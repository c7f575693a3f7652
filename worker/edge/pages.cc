// worker/edge/pages.cc - see pages.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/pages.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "common/base/secret.h"
#include "worker/edge/monitor_files.h"
#include "worker/xml/reader.h"

namespace nxb::edge {
namespace {

// How it was built (O-22).
#ifdef __clang__
constexpr std::string_view kCompiler = __VERSION__;  // names itself
#else
constexpr std::string_view kCompiler = "g++ " __VERSION__;
#endif
#ifdef NXB_PARANOID
constexpr std::string_view kChecks = "paranoid";
#else
constexpr std::string_view kChecks = "normal";
#endif

constexpr std::string_view kHostMeta = "/.well-known/host-meta";

void row(std::string& out, std::string_view name, std::string_view value) {
  out += "<tr><td>";
  xml::append_escaped(out, name);
  out += "</td><td>";
  xml::append_escaped(out, value);
  out += "</td></tr>\n";
}

bool is_system_info(std::string_view path, const config::Config& config) {
  constexpr std::string_view kName = "/sysinfo";
  if (path.ends_with('/')) path.remove_suffix(1);
  if (!path.ends_with(kName)) return false;
  path.remove_suffix(kName.size());
  return std::find(config.http.path.begin(), config.http.path.end(), path) != config.http.path.end();
}

// The links that are configured: f(relation, URL).
template <class F>
void for_each_link(const config::Config::Discovery& discovery, F f) {
  if (!discovery.bosh_url.empty()) f("urn:xmpp:alt-connections:xbosh", discovery.bosh_url);
  if (!discovery.websocket_url.empty()) f("urn:xmpp:alt-connections:websocket", discovery.websocket_url);
}

std::string json_string(std::string_view text) {  // of a URL: visible ASCII
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Page page_at(std::string_view path, const config::Config& config) {
  if (config.monitor.access != config::MonitorAccess::Off) {
    if (path == "/") return Page::Monitor;
    if (path == "/monitor.json") return Page::MonitorData;
    if (path == "/metrics" && config.metrics.listen.empty()) return Page::Metrics;
  }
  if (path == "/healthz") return Page::Health;
  if (path == "/readyz") return Page::Ready;
  if (path == "/favicon.ico") return Page::Favicon;
  if (path == "/crossdomain.xml") return config.http.crossdomain ? Page::CrossDomain : Page::None;
  if (path.starts_with(kHostMeta) && config.discovery != config::Config::Discovery{}) {
    path.remove_prefix(kHostMeta.size());
    if (path.empty()) return Page::HostMeta;
    if (path == ".json") return Page::HostMetaJson;
  }
  return is_system_info(path, config) ? Page::SystemInfo : Page::None;
}

Page metrics_page_at(std::string_view path) {
  if (path == "/metrics") return Page::Metrics;
  if (path == "/healthz") return Page::Health;
  return path == "/readyz" ? Page::Ready : Page::None;
}

Pages::Pages(std::string host)
    : host_(std::move(host)),
      policy_("default-src 'none'; style-src 'sha256-" + sha256_base64(files::monitor_css) +
              "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'") {}

std::string Pages::page(std::string_view title, std::string_view content) const {
  std::string name;
  xml::append_escaped(name, title);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out.append("<title>")
      .append(name)
      .append("</title>\n<style>")
      .append(files::monitor_css)
      .append("</style>\n</head>\n<body>\n");
  out.append("<main>\n<h1>").append(name).append("</h1>\n").append(content).append("</main>\n</body>\n</html>\n");
  return out;
}

std::string Pages::system_info(const config::Config& config) const {
  std::string out = "<p class=\"meta\">System information</p>\n<table class=\"sysinfo\">\n";
  row(out, "version", NXB_VERSION);
  row(out, "build.compiler", kCompiler);
  row(out, "build.checks", kChecks);
  for (const auto& [name, value] : config::listing(config)) row(out, name, value);
  return page("nxb on " + host_, out + "</table>\n");
}

std::string uptime_text(Duration uptime) {
  auto seconds = uptime.count() / 1000;
  auto days = seconds / 86'400;
  std::array<char, 32> clock{};
  std::snprintf(clock.data(), clock.size(), "%02d:%02d:%02d", static_cast<int>(seconds / 3600 % 24),
                static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  std::string day_text = days == 0 ? "" : std::to_string(days) + (days == 1 ? " day " : " days ");
  return day_text + clock.data();
}

std::string_view cross_domain_policy() {
  return "<?xml version=\"1.0\"?>\n<cross-domain-policy><allow-access-from domain=\"*\"/></cross-domain-policy>\n";
}

std::string host_meta(const config::Config::Discovery& discovery) {
  std::string out = "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n";
  for_each_link(discovery, [&out](std::string_view relation, std::string_view url) {
    out.append("  <Link rel='").append(relation).append("' href='");
    xml::append_escaped(out, url);
    out += "'/>\n";
  });
  return out + "</XRD>\n";
}

std::string host_meta_json(const config::Config::Discovery& discovery) {
  std::string links;
  for_each_link(discovery, [&links](std::string_view relation, std::string_view url) {
    links.append(links.empty() ? "" : ", ").append("{\"rel\": ").append(json_string(relation));
    links.append(", \"href\": ").append(json_string(url)).append("}");
  });
  return "{\"links\": [" + links + "]}\n";
}

}  // namespace nxb::edge
