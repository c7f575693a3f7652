// supervisor/options.cc - see options.h. The only user of CLI11 in the supervisor.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <climits>
#include <iostream>

#include "common/base/address.h"
#include "common/base/text.h"
#include "common/log/log.h"

namespace nxb::supervisor {
namespace {

Status override_listen(const Options& options, config::Config& config) {
  config::Listen& first = config.listen.front();  // the configuration was checked: there is one
  NXB_TRY(auto now, Address::parse(first.address));
  if (now.family() == AF_UNIX) {
    NXB_TRY(now, Address::parse(config::kDefaultListen));
  }
  const std::string host = options.host.empty() ? now.ip_text() : options.host;
  auto address = Address::from_ip(host, options.port.value_or(now.port()));
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
  options.logging = uppered(options.logging);
  if (!options.logging.empty() && !log::level_named(options.logging)) {
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
    auto path = config::checked_url_path(options.path.front() == '/' ? options.path : "/" + options.path);
    if (!path) return Error{Code::Config, "--path: " + path.error().text};
    config.http.path = {*std::move(path)};
  }
  if (!options.logging.empty()) config.log.level = options.logging;
  return Done{};
}

config::Loaded load_configuration(const Options& options) {
  config::Loaded loaded = config::load_file(options.config_path, config::variables_of(environ));
  if (!loaded.errors.empty()) return loaded;
  if (auto status = override_with(options, loaded.config); !status) loaded.errors.push_back(status.error().text);
  return loaded;
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
