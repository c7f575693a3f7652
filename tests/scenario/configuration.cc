// tests/scenario/configuration.cc - see configuration.h.
// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <utility>

namespace nxb::scenario {

namespace {

// Short names; any other option is written section.name.
constexpr std::pair<std::string_view, std::string_view> kShort[] = {
    {"workers", "server.workers"},
    {"max_wait", "bosh.max_wait"},
    {"max_hold", "bosh.max_bosh_connections"},
    {"inactivity", "bosh.default_inactivity"},
    {"grace", "bosh.inactivity_grace"},
    {"max_pause", "bosh.max_pause"},
    {"polling", "bosh.polling"},
    {"streams", "bosh.max_streams_per_session"},
    {"features_hold", "bosh.features_hold"},
    {"gap_timeout", "bosh.gap_timeout"},
    {"setup_timeout", "upstream.setup_timeout"},
};

std::string long_name(const std::string& key) {
  for (const auto& [from, to] : kShort) {
    if (key == from) return std::string(to);
  }
  return key;
}

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// As TOML: numbers, truth values and what is a list or a table already stand as they are.
std::string toml(const std::string& value) {
  bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  bool ready = value.starts_with('[') || value.starts_with('{') || value == "true" || value == "false";
  return number || ready ? value : quoted(value);
}

}  // namespace

std::string write_configuration(const Arguments& options, const Places& places) {
  std::map<std::string, std::string> sections;
  std::string allowed;
  for (const auto& [domain, target] : places.targets) allowed += (allowed.empty() ? "" : ", ") + quoted(domain);
  sections["server"] = "admin_socket = " + quoted(places.admin_socket) + "\n";
  if (!find(options, "shutdown_timeout")) sections["server"] += "shutdown_timeout = 0\n";  // ends at once
  if (!find(options, "workers")) sections["server"] += "workers = 1\n";
  // An empty list would allow every domain.
  sections["upstream"] = "allow = [" + (allowed.empty() ? quoted("nowhere.invalid") : allowed) + "]\n";
  for (const auto& [key, value] : options) {
    std::string name = long_name(key);
    auto dot = name.find('.');
    std::string section = dot == std::string::npos ? "server" : name.substr(0, dot);
    sections[section] += name.substr(dot == std::string::npos ? 0 : dot + 1) + " = " + toml(value) + "\n";
  }
  std::string out;
  for (const auto& [name, lines] : sections) out += "[" + name + "]\n" + lines + "\n";
  out += "[[listen]]\naddress = " + quoted(places.listen) + "\n";
  for (const auto& [domain, target] : places.targets) {
    out += "\n[[upstream.domain]]\nname = " + quoted(domain) + "\ntarget = " + quoted(target) + "\ntls = \"off\"\n";
  }
  return out;
}

}  // namespace nxb::scenario
