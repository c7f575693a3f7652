// worker/edge/pages.cc - see pages.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/pages.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "common/base/secret.h"
#include "worker/xml/reader.h"

namespace nxb::edge {
namespace {

using stats::Counter;

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --line: #8884; --accent: #0a7ea4; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
h1::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .5em;
  border-radius: 50%; background: var(--accent); }
p { margin: .25rem 0 1.5rem; opacity: .75; }
ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; margin: 0; padding: 0;
  list-style: none; }
li { padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
td, th { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
td + td { font-family: ui-monospace, monospace; }
)";

constexpr std::string_view kHostMeta = "/.well-known/host-meta";

std::string figure(const stats::Values& total, Counter counter) {
  return std::to_string(total[static_cast<std::size_t>(counter)]);
}

void item(std::string& out, const std::string& text) { out += "<li>" + text + "</li>\n"; }

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
  if (path == "/") return config.monitor.access == config::MonitorAccess::Off ? Page::None : Page::Monitor;
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

Pages::Pages(std::string host)
    : host_(std::move(host)),
      policy_("default-src 'none'; style-src 'sha256-" + sha256_base64(kStyle) +
              "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'") {}

std::string Pages::page(std::string_view title, std::string_view content) const {
  std::string name;
  xml::append_escaped(name, title);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out.append("<title>").append(name).append("</title>\n<style>").append(kStyle).append("</style>\n</head>\n<body>\n");
  out.append("<main>\n<h1>").append(name).append("</h1>\n").append(content).append("</main>\n</body>\n</html>\n");
  return out;
}

std::string Pages::monitor(const stats::Values& total, Duration uptime, std::size_t workers) const {
  std::string out = "<p>Uptime: " + uptime_text(uptime) + "</p>\n<ul>\n";
  auto pair = [&](Counter now, Counter ever) { return figure(total, now) + "/" + figure(total, ever); };
  item(out, pair(Counter::sessions, Counter::sessions_opened) + " active sessions");
  item(out, pair(Counter::streams, Counter::streams_requested) + " active streams");
  item(out, pair(Counter::connections, Counter::connections_accepted) + " active connections");
  item(out, figure(total, Counter::requests_held) + " requests held");
  item(out, figure(total, Counter::requests) + " requests");
  item(out, std::to_string(workers) + (workers == 1 ? " worker" : " workers"));
  return page("nxb on " + host_, out + "</ul>\n");
}

std::string Pages::system_info(const config::Config& config) const {
  std::string out = "<p>System information</p>\n<table>\n";
  row(out, "version", NXB_VERSION);
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
