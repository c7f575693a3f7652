// supervisor/options.cc - see options.h. The only user of CLI11 in the supervisor.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <iostream>

#include "common/base/address.h"

namespace nxb::supervisor {
namespace {

constexpr std::array kLevels{"ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"};  // C-03

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

Status override_listen(const Options& options, config::Config& config) {
  if (config.listen.empty()) config.listen.emplace_back();
  config::Listen& first = config.listen.front();
  std::string host = "0.0.0.0";  // C-02
  std::uint16_t port = 5280;
  if (auto now = parse_host_port(first.address)) {
    host = now->host;
    port = now->port;
  }
  if (!options.host.empty()) host = options.host;
  if (options.port) port = *options.port;
  auto address = Address::from_ip(host, port);
  if (!address) return Error{Code::Config, "--host: \"" + host + "\" is not an IP address"};
  first.address = address->text();
  return Done{};
}

std::string own_folder() {
  std::array<char, PATH_MAX> path{};
  ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  std::string text(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.substr(0, text.rfind('/'));
}

}  // namespace

std::variant<Options, contract::Exit> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app{"nxb-supervisor: BOSH connection manager for XMPP servers. Runs in the foreground.", "nxb-supervisor"};
  app.set_version_flag("--version", "nxb-supervisor " NXB_VERSION);
  app.add_option("-c,--config", options.config_path, "configuration file")->capture_default_str();
  app.add_flag("-t", options.check_only, "check the configuration and exit");
  app.add_flag("-T", options.show_configuration, "check the configuration, print what is in effect and exit");
  app.add_option("--worker", options.worker_path, "the worker program (default: nxb-worker beside this program)");
  app.add_option("--host", options.host, "IP address to listen on, instead of the first [[listen]]");
  app.add_option("--port", options.port, "port to listen on, instead of the first [[listen]]");
  app.add_option("--path", options.path, "URL path of BOSH, instead of [http] path");
  app.add_option("--logging", options.logging, "ALL, TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version come this way too
    return app.exit(error, std::cout, std::cerr) == 0 ? contract::Exit::Clean : contract::Exit::Usage;
  }
  options.logging = upper(options.logging);
  if (!options.logging.empty() && std::ranges::find(kLevels, options.logging) == kLevels.end()) {
    std::cerr << "--logging: ALL, TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF\n";
    return contract::Exit::Usage;
  }
  return options;
}

Status override_with(const Options& options, config::Config& config) {
  if (!options.host.empty() || options.port) {
    NXB_TRY([[maybe_unused]] auto done, override_listen(options, config));
  }
  if (!options.path.empty()) {
    std::string path = options.path.front() == '/' ? options.path : "/" + options.path;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    config.http.path = {path};
  }
  if (!options.logging.empty()) config.log.level = options.logging;
  return Done{};
}

Result<std::string> find_worker(const Options& options) {
  std::string folder = own_folder();
  std::array candidates{folder + "/nxb-worker", folder + "/../worker/nxb-worker"};
  if (!options.worker_path.empty()) candidates = {options.worker_path, options.worker_path};
  for (const std::string& candidate : candidates) {
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{Code::NotFound, "no worker program at " + candidates.front() + " (see --worker)"};
}

}  // namespace nxb::supervisor
