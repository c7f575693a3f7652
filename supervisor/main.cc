// supervisor/main.cc - nxb-supervisor, as a list: arguments, configuration, sockets, workers, admin socket, loop.
// Runs in: supervisor. Opens the listening sockets and keeps them; never touches a client's byte (ARCHITECTURE, Processes).
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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
#include "common/log/log_file.h"
#include "common/uv/loop.h"
#include "supervisor/admin/reload.h"
#include "supervisor/admin/server.h"
#include "supervisor/descriptor_limit.h"
#include "supervisor/fleet.h"
#include "supervisor/log_switch.h"
#include "supervisor/monitor.h"
#include "supervisor/options.h"
#include "supervisor/privileges.h"
#include "supervisor/process_usage.h"
#include "supervisor/reload.h"
#include "supervisor/systemd.h"

namespace nxb::supervisor {
namespace {

using contract::Exit;

Exit fail(const Error& error, Exit code) {
  std::cerr << "nxb-supervisor: " << error.text << '\n';
  return code;
}

// Every finding is printed.
std::optional<config::Loaded> read_configuration(const Options& options) {
  config::Loaded loaded = load_configuration(options);
  for (const auto& error : loaded.errors) std::cerr << error << '\n';
  for (const auto& warning : loaded.warnings) std::cerr << "warning: " << warning << '\n';
  if (!loaded.errors.empty()) return std::nullopt;
  return loaded;
}

// 0, 1 and 2 must exist, or a socket would get one of these numbers and be handed to every worker as its stderr.
void hold_standard_descriptors() {
  int fd = 0;
  do fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// What main() holds while the loop runs.
struct Daemon {
  Daemon(const Options& o, config::Loaded start) : options(o), started(loop.now()), reloader(o, std::move(start)) {}
  const Options& options;
  uv::Loop loop;
  Instant started;
  Reloader reloader;
  std::unique_ptr<Fleet> fleet;
  std::unique_ptr<Monitor> monitor;
  std::unique_ptr<admin::Server> admin;
  LogSwitch log_switch{loop, reloader.running().log.level,
                       [this](const std::string& level) { fleet->set_log_level(level); }};
  std::optional<Systemd> systemd;
  std::optional<uv::Identity> user;  // of workers, if it is another one
  bool all_ready = false;
  Exit exit_code = Exit::Clean;

  Exit run(const std::string& worker_path);
  void reopen_log() const;
  std::string state() const;
  bool reload_success() const { return !reloader.last() || reloader.last()->ok(); }
  admin::Snapshot snapshot() const;
  admin::Fleetwork fleetwork();
  std::optional<Index> someone_who_serves() const;
  Systemd::Health health() const;
  Fleet::Hooks hooks();
  Status drop_privileges(const std::optional<uv::Identity>& identity) const;
  void reload(const Reloader::Done& done);
};

std::string Daemon::state() const {
  return fleet->stopping() ? "stopping" : fleet->draining() ? "draining" : all_ready ? "running" : "starting";
}

admin::Snapshot Daemon::snapshot() const {
  admin::Snapshot now;
  now.pid = getpid();
  now.uptime = loop.now() - started;
  now.state = state();
  now.config_path = options.config_path;
  now.listen = reloader.listeners().texts();
  now.last_reload = reloader.last();
  now.warnings = reloader.warnings();
  now.log_file = reloader.running().log.file;
  for (auto& info : fleet->workers()) {
    now.workers.push_back({info.index, info.pid, info.generation, std::string(info.word()), info.uptime, info.restarts,
                           info.last_exit, fleet->stats().read(info.index)});
  }
  now.total = fleet->stats().total();
  History::Lately lately = monitor->lately();
  now.lately_over = lately.over;
  now.lately = std::move(lately.counted);
  return now;
}

Systemd::Health Daemon::health() const {
  auto sessions = fleet->stats().total()[static_cast<std::size_t>(stats::Counter::sessions)];
  std::string what = fleet->stopping() ? "stopping, " : fleet->draining() ? "draining, " : "";
  return {what + std::to_string(sessions) + (sessions == 1 ? " session" : " sessions"), !fleet->standing_still()};
}

std::optional<Index> Daemon::someone_who_serves() const {
  for (const auto& info : fleet->workers()) {
    if (info.state == WorkerState::Ready && !info.stuck) return info.index;
  }
  return std::nullopt;
}

admin::Fleetwork Daemon::fleetwork() {
  admin::Fleetwork work;
  work.publish = [this](bool on) { fleet->publish(on); };
  work.inquire = [this](const admin::Inquiry& inquiry, const std::function<void(const admin::Findings&)>& done) {
    std::optional<Index> owner;
    if (inquiry.of_anyone) {
      owner = someone_who_serves();
      if (!owner) return done({owner, {}, {}});
    }
    if (admin::is_sid(inquiry.sid)) owner = fleet->owner_of(inquiry.sid);
    fleet->ask(
        owner, std::string(name_of(inquiry.what)), inquiry.argument,
        [this, owner, done](std::vector<Reply> replies) {
          done({owner, std::move(replies), fleet->losses()});
        },
        inquiry.patience);
  };
  work.levers.workers = reloader.running().server.workers;
  work.levers.sessions = [this] { return fleet->stats().total()[static_cast<std::size_t>(stats::Counter::sessions)]; };
  work.levers.stopping = [this] { return fleet->stopping(); };
  work.levers.drain = [this](std::optional<Index> worker, bool on, std::optional<Duration> goodbye) {
    fleet->drain(worker, on, goodbye);
  };
  work.levers.stop = [this](std::optional<Duration> over) { fleet->stop(over); };
  work.levers.hear = [this](std::optional<Index> worker, Questions::Done done) {
    fleet->ask(worker, std::string(name_of(ipc::Query::orders)), "", std::move(done));
  };
  work.set = [this](const admin::Request& request) { return log_switch.carry_out(request); };
  work.reload = [this](const Reloader::Done& done) { reload(done); };
  return work;
}

void Daemon::reload(const Reloader::Done& done) {
  systemd->reloading();
  reloader.reload(*fleet, [this, done](const ReloadReport& report) {
    systemd->reloaded();
    admin->publish(admin::reload_event(report));
    done(report);
  });
  log_switch.reconfigure(reloader.running().log.level);  // workers hear of it right behind the reload
}

Fleet::Hooks Daemon::hooks() {
  Fleet::Hooks hooks;
  hooks.on_all_ready = [this] {
    all_ready = true;
    log::info("supervisor.ready",
              {{"workers", reloader.running().server.workers}, {"listen", joined(reloader.listeners().texts())}});
    systemd->ready();
  };
  hooks.on_stopping = [this](Duration at_most) { systemd->stopping(at_most); };
  hooks.on_events = [this](Index worker, const ipc::Events& events) { admin->publish(worker, events); };
  hooks.on_worker_ready = [this](Index worker, int pid, std::uint64_t restarts) {
    admin->publish(admin::worker_start_event(worker, pid, restarts));
  };
  hooks.on_worker_exit = [this](Index worker, int pid, const std::string& how, Duration age) {
    admin->publish(admin::worker_exit_event(worker, pid, how, age));
  };
  hooks.on_ask = [this](std::string_view what) { return monitor->answer(what); };
  hooks.on_finished = [this](Exit code) {
    exit_code = code;
    loop.stop();
  };
  return hooks;
}

// Everything is bound by now. A port that only root can bind may have to be bound again: then workers alone drop.
Status Daemon::drop_privileges(const std::optional<uv::Identity>& identity) const {
  const config::Config& config = reloader.running();
  if (!config.server.core_dumps) forbid_core_dumps();
  if (!identity) return Done{};
  if (has_privileged_port(config)) return Done{};
  const gid_t group = config.server.admin_group.empty() ? identity->gid : static_cast<gid_t>(-1);  // -1: as it is
  if (lchown(config.server.admin_socket.c_str(), identity->uid, group) != 0) {
    log::warn("supervisor.user", {{"why", "the admin socket stays root's"}});
  }
  if (auto became = become(*identity); !became) return became;
  if (!config.server.core_dumps) forbid_core_dumps();  // another user: the kernel has forgotten it
  return Done{};
}

void Daemon::reopen_log() const {
  auto done = with_rights_of(user, [this]() -> Status {
    log::reopen_file(reloader.running().log.file, log::Standard::Error);
    return nxb::Done{};
  });
  if (!done) log::error("log.reopen_failed", {{"why", done.error().text}});
}

Exit Daemon::run(const std::string& worker_path) {
  auto passed = sockets_passed_in();
  if (!passed) return fail(passed.error(), exit_code_of(passed.error()));
  auto opened = reloader.open_listeners(*std::move(passed));
  if (!opened) return fail(opened.error(), exit_code_of(opened.error()));
  const config::Config& config = reloader.running();

  const config::Config::Server& server = config.server;
  Settings policy{server.workers, server.watchdog, server.shutdown_timeout, server.drain_timeout};
  auto for_workers = reloader.for_workers();
  if (!for_workers) return fail(for_workers.error(), Exit::BadConfig);
  Fleet::Setup setup{worker_path, *std::move(for_workers), policy, {}, reloader.listeners().open()};
  if (has_privileged_port(config)) setup.worker_identity = user;
  auto made = Fleet::make(loop, std::move(setup), hooks());
  if (!made) return fail(made.error(), Exit::Failed);
  fleet = *std::move(made);
  monitor = std::make_unique<Monitor>(
      loop, *fleet, Monitor::Source{[this] { return state(); }, &usage_of, [this] { return reload_success(); }});

  admin::Source source{[this] { return snapshot(); }, &usage_of};
  auto admin_group = admin_group_of(server);
  if (!admin_group) return fail(admin_group.error(), Exit::Permission);
  auto listening = admin::Server::make(loop, server.admin_socket, std::move(source), fleetwork(), *admin_group);
  if (!listening) return fail(listening.error(), exit_code_of(listening.error()));
  admin = *std::move(listening);
  if (auto dropped = drop_privileges(user); !dropped) return fail(dropped.error(), Exit::Permission);
  systemd.emplace(loop, [this] { return health(); });

  uv::Signal on_term(loop, SIGTERM, [this] { fleet->stop(); });
  uv::Signal on_int(loop, SIGINT, [this] { fleet->stop(); });
  uv::Signal on_quit(loop, SIGQUIT, [this] { fleet->leave(); });
  uv::Signal on_usr1(loop, SIGUSR1, [this] {
    reopen_log();
    fleet->tell_all(ipc::ReopenLogs{});
  });
  uv::Signal on_hup(loop, SIGHUP, [this] { reload([](const ReloadReport&) {}); });

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

  auto loaded = read_configuration(options);
  if (!loaded) return Exit::BadConfig;
  config::Config& config = loaded->config;
  const std::string user_problem = problem_with_user(config.server);
  if (options.check_only || options.show_configuration) {
    if (!user_problem.empty())
      std::cerr << "warning: " << options.config_path << ": server.user: " << user_problem << '\n';
    // With -T the verdict leaves stdout to the configuration, which can be used as a file again.
    (options.show_configuration ? std::cerr : std::cout) << options.config_path << ": ok\n";
    if (options.show_configuration) std::cout << config::to_toml_without_secrets(config);
    return Exit::Clean;
  }
  auto worker_path = find_worker(options);
  if (!worker_path) return fail(worker_path.error(), Exit::Failed);

  hold_standard_descriptors();
  log::configure(config.log.level, config.log.format, "supervisor");
  log::show_addresses(config.log.ip);
  auto user = identity_for(config.server);
  if (!user) return fail(user.error(), Exit::Permission);
  if (!config.log.file.empty()) {  // stdout stays what it is: nothing is said there
    auto opened =
        with_rights_of(*user, [&config] { return log::write_to_file(config.log.file, log::Standard::Error); });
    if (!opened) return fail(opened.error(), Exit::Permission);
  }
  if (!user_problem.empty()) log::warn("supervisor.user", {{"why", user_problem}});
  fit_to_descriptors(config);
  Daemon daemon(options, *std::move(loaded));
  daemon.user = *user;
  return daemon.run(*worker_path);
}

}  // namespace
}  // namespace nxb::supervisor

int main(int argc, char** argv) { return static_cast<int>(nxb::supervisor::supervise(argc, argv)); }
