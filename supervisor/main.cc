// supervisor/main.cc - nxb-supervisor, as a list: arguments, configuration, sockets, workers, admin socket, loop.
// Runs in: supervisor. Opens the listening sockets and keeps them; never touches a client's byte (ARCHITECTURE, Processes).
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/config/config.h"
#include "common/log/log.h"
#include "common/uv/loop.h"
#include "supervisor/admin/server.h"
#include "supervisor/fleet.h"
#include "supervisor/options.h"
#include "supervisor/process_usage.h"
#include "supervisor/reload.h"

namespace nxb::supervisor {
namespace {

using contract::Exit;

Exit fail(const Error& error, Exit code) {
  std::cerr << "nxb-supervisor: " << error.text << '\n';
  return code;
}

// Every finding is printed.
std::optional<config::Config> read_configuration(const Options& options) {
  config::Loaded loaded = load_configuration(options);
  for (const auto& warning : loaded.warnings) std::cerr << warning << '\n';
  for (const auto& error : loaded.errors) std::cerr << error << '\n';
  if (!loaded.errors.empty()) return std::nullopt;
  return std::move(loaded.config);
}

// 0, 1 and 2 must exist, or a socket would get one of these numbers and be handed to every worker as its stderr.
void hold_standard_descriptors() {
  int fd = 0;
  do fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warn("supervisor.limits", {{"why", "cannot raise RLIMIT_NOFILE"}});
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// What main() holds while the loop runs.
struct Daemon {
  Daemon(const Options& o, config::Config c) : options(o), started(loop.now()), reloader(o, std::move(c)) {}
  const Options& options;
  uv::Loop loop;
  Instant started;
  Reloader reloader;
  std::unique_ptr<Fleet> fleet;
  std::unique_ptr<admin::Server> admin;
  bool all_ready = false;
  Exit exit_code = Exit::Clean;

  Exit run(const std::string& worker_path);
  admin::Snapshot snapshot() const;
  admin::Fleetwork fleetwork();
  void reload(const Reloader::Done& done);
};

admin::Snapshot Daemon::snapshot() const {
  admin::Snapshot now;
  now.pid = getpid();
  now.uptime = loop.now() - started;
  now.state = fleet->stopping() ? "stopping" : all_ready ? "running" : "starting";
  now.config_path = options.config_path;
  now.listen = reloader.listeners().texts();
  now.last_reload = reloader.last();
  for (auto& info : fleet->workers()) {
    std::string state(info.stuck ? "stuck" : name_of(info.state));
    now.workers.push_back({info.index, info.pid, info.generation, std::move(state), info.uptime, info.restarts,
                           info.last_exit, fleet->stats().read(info.index)});
  }
  now.total = fleet->stats().total();
  return now;
}

admin::Fleetwork Daemon::fleetwork() {
  admin::Fleetwork work;
  work.publish = [this](bool on) { fleet->publish(on); };
  work.find = [this](const std::string& sid, const std::function<void(const admin::Findings&)>& done) {
    std::optional<Index> owner;
    if (admin::is_sid(sid)) owner = fleet->owner_of(sid);
    fleet->ask(owner, "explain", sid, [this, owner, done](std::vector<Reply> replies) {
      done({owner, std::move(replies), fleet->losses()});
    });
  };
  work.reload = [this](const Reloader::Done& done) { reload(done); };
  return work;
}

void Daemon::reload(const Reloader::Done& done) {
  reloader.reload(*fleet, [this, done](const admin::ReloadReport& report) {
    admin->publish(admin::reload_event(report));
    done(report);
  });
}

Exit Daemon::run(const std::string& worker_path) {
  if (auto opened = reloader.open_listeners(); !opened) return fail(opened.error(), exit_code_of(opened.error()));
  const config::Config& config = reloader.running();

  Fleet::Setup setup{worker_path, reloader.for_workers(), config.server.workers, reloader.listeners().open()};
  Fleet::Hooks hooks;
  hooks.on_all_ready = [this] {
    all_ready = true;
    log::info("supervisor.ready",
              {{"workers", reloader.running().server.workers}, {"listen", joined(reloader.listeners().texts())}});
  };
  hooks.on_events = [this](Index worker, const ipc::Events& events) { admin->publish(worker, events); };
  hooks.on_worker_ready = [this](Index worker, int pid, std::uint64_t restarts) {
    admin->publish(admin::worker_start_event(worker, pid, restarts));
  };
  hooks.on_worker_exit = [this](Index worker, int pid, const std::string& how, Duration age) {
    admin->publish(admin::worker_exit_event(worker, pid, how, age));
  };
  hooks.on_finished = [this](Exit code) {
    exit_code = code;
    loop.stop();
  };
  auto made = Fleet::make(loop, std::move(setup), std::move(hooks));
  if (!made) return fail(made.error(), Exit::Failed);
  fleet = *std::move(made);

  admin::Source source{[this] { return snapshot(); }, &usage_of};
  auto server = admin::Server::make(loop, config.server.admin_socket, std::move(source), fleetwork());
  if (!server) return fail(server.error(), exit_code_of(server.error()));
  admin = *std::move(server);

  uv::Signal on_term(loop, SIGTERM, [this] { fleet->stop(); });
  uv::Signal on_int(loop, SIGINT, [this] { fleet->stop(); });
  uv::Signal on_hup(loop, SIGHUP, [this] { reload([](const admin::ReloadReport&) {}); });

  log::info("supervisor.start", {{"version", NXB_VERSION},
                                 {"pid", getpid()},
                                 {"listen", joined(reloader.listeners().texts())},
                                 {"path", joined(config.http.path)},
                                 {"admin", config.server.admin_socket},
                                 {"workers", config.server.workers}});
  fleet->begin();
  loop.run();
  log::info("supervisor.stop", {{"code", static_cast<int>(exit_code)}});
  return exit_code;
}

Exit supervise(int argc, char** argv) {
  auto parsed = parse_options(argc, argv);
  if (const auto* done = std::get_if<Exit>(&parsed)) return *done;
  const Options& options = *std::get_if<Options>(&parsed);

  auto config = read_configuration(options);
  if (!config) return Exit::BadConfig;
  if (options.check_only || options.show_configuration) {
    // With -T the verdict leaves stdout to the configuration, which can be used as a file again.
    (options.show_configuration ? std::cerr : std::cout) << options.config_path << ": ok\n";
    if (options.show_configuration) std::cout << config::to_toml_without_secrets(*config);
    return Exit::Clean;
  }
  auto worker_path = find_worker(options);
  if (!worker_path) return fail(worker_path.error(), Exit::Failed);

  hold_standard_descriptors();
  log::configure(config->log.level, config->log.format, "supervisor");
  raise_descriptor_limit();
  Daemon daemon(options, *std::move(config));
  return daemon.run(*worker_path);
}

}  // namespace
}  // namespace nxb::supervisor

int main(int argc, char** argv) { return static_cast<int>(nxb::supervisor::supervise(argc, argv)); }
