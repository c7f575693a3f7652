// worker/main.cc - nxb-worker: one libuv loop that serves the sessions it owns. Started by nxb-supervisor only.
// Inherits the descriptors of common/ipc/contract.h and nothing else; learns who it is and the configuration from its
// control channel; ends when told to (Stop), or when the supervisor is gone (O-07).
// SPDX-License-Identifier: MIT
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "common/config/config.h"
#include "common/ipc/contract.h"
#include "common/log/log.h"
#include "common/log/log_file.h"
#include "common/uv/title.h"
#include "worker/control.h"
#include "worker/descriptors.h"
#include "worker/worker.h"

namespace nxb {
namespace {

using contract::Exit;

// What this version does not know came from another one: a message, or the counters' segment.
Exit exit_for(const Error& error) {
  if (error.code == Code::Config) return Exit::BadConfig;
  return error.code == Code::Unsupported ? Exit::OtherVersion : Exit::Failed;
}

std::size_t open_listeners(const config::Config& config) {
  auto open = std::count_if(config.listen.begin(), config.listen.end(), [](const auto& one) { return one.is_open(); });
  return static_cast<std::size_t>(open);
}

// The life of the process: waits for its configuration, serves, says goodbye.
class Life {
 public:
  explicit Life(uv::Loop& loop) : loop_(loop), ending_(loop, [this] { loop_.stop(); }) {}

  Status begin() {
    Control::Handlers handlers;
    handlers.configure = [this](ipc::Configure configure) { on_configure(configure); };
    handlers.stop = [this](const ipc::Stop& stop) { on_stop(Exit::Clean, Duration{stop.over_ms}); };
    handlers.drain = [this](const ipc::Drain& order) {
      if (worker_) worker_->drain(order);
    };
    handlers.publish = [this](bool on) {
      if (worker_) worker_->publish(on);
    };
    handlers.question = [this](const ipc::Question& question) {
      if (worker_) worker_->answer(question, [this](const ipc::Answer& answer) { control_->send(answer); });
    };
    handlers.told = [this](const ipc::Told& told) {
      if (worker_) worker_->told(told);
    };
    handlers.log_level = [](const std::string& level) {
      if (auto known = log::level_named(level)) log::set_level(*known);
    };
    handlers.reopen_logs = [this] { log::reopen_file(log_file_, log::Standard::OutputToo); };
    handlers.reload = [this](const ipc::Reload& reload) { on_reload(reload); };
    handlers.lost = [this] { on_lost(); };
    handlers.misled = [this](const Error& error) { fail(exit_for(error), "control channel: " + error.text); };
    NXB_TRY(control_, Control::make(loop_, contract::kControl, std::move(handlers)));
    loop_.at_end_of_turn([this] {
      if (worker_) worker_->end_turn();
      send_events();
      if (stopping_ && (!worker_ || worker_->idle())) loop_.stop();
    });
    return Done{};
  }
  Exit how() const { return how_; }

 private:
  void on_configure(const ipc::Configure& identity) {
    if (worker_) return fail(Exit::Failed, "configured twice");
    auto config = config::from_json(identity.config);
    if (!config) return fail(Exit::OtherVersion, config.error().text);   // the supervisor checked what it wrote
    if (!config->server.core_dumps) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // memory holds passwords (O-11)
    name_ = "worker " + std::to_string(identity.index);
    log::configure(config->log.level, config->log.format, name_);
    log::name_generation(identity.generation);
    log::show_addresses(config->log.ip);
    log_file_ = config->log.file;
    if (auto only = only_contract_descriptors(identity.workers, open_listeners(*config)); !only) {
      return fail(Exit::Failed, only.error().text);
    }
    auto worker =
        Worker::make(loop_, identity, *std::move(config), [this](const ipc::Ask& ask) { control_->send(ask); });
    if (!worker) return fail(exit_for(worker.error()), worker.error().text);
    worker_ = *std::move(worker);
    log::debug("worker.serving", {{"pid", getpid()}});
    control_->send(ipc::Ready{contract::kVersion});
  }

  void on_reload(const ipc::Reload& reload) {
    if (!worker_ || stopping_) return;  // it ends
    auto config = config::from_json(reload.config);
    if (!config) return fail(Exit::OtherVersion, config.error().text);
    const config::Config::Log log = config->log;
    Status done = worker_->reload(*std::move(config));
    if (done) {
      log::configure(log.level, log.format, name_);
      log::show_addresses(log.ip);
    }
    control_->send(ipc::Reloaded{reload.id, done ? std::string() : done.error().text});
  }

  // One message a turn, while the supervisor takes them; meanwhile they wait in the journal, which is bounded.
  void send_events() {
    if (!worker_ || control_->queued() != 0) return;
    auto batch = worker_->take_events();
    if (!batch.empty()) control_->send(ipc::Events{std::move(batch.lines), batch.dropped});
  }

  void on_stop(Exit how, Duration over) {
    stopping_ = true;
    how_ = how;
    if (worker_) worker_->stop(over);
    ending_.start(over + contract::kGoodbye);
  }

  void on_lost() {
    if (orphaned_) return;
    orphaned_ = true;
    if (!stopping_) log::error("worker.orphaned", {{"pid", getpid()}});
    on_stop(Exit::LostSupervisor, Duration::zero());
  }

  void fail(Exit how, std::string_view why) {
    log::error("worker.failed", {{"why", why}});
    stopping_ = true;
    how_ = how;
    loop_.stop();
  }

  uv::Loop& loop_;
  uv::Timer ending_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<Worker> worker_;
  std::string log_file_;  // "": the log is stderr
  std::string name_;      // in the log
  bool stopping_ = false;
  bool orphaned_ = false;
  Exit how_ = Exit::Clean;
};

Exit live() {
  uv::Loop loop;
  Life life(loop);
  if (auto begun = life.begin(); !begun) {
    std::fprintf(stderr, "nxb-worker: %s; it is started by nxb-supervisor, not by hand\n", begun.error().text.c_str());
    return Exit::Usage;
  }
  loop.run();
  return life.how();
}

}  // namespace
}  // namespace nxb

int main(int argc, char** argv) {
  nxb::uv::keep_arguments(argc, argv);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);  // O-11
  // Ctrl-C reaches the whole foreground group; the supervisor decides what it means.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGQUIT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGUSR1, SIG_IGN);  // the supervisor passes on what it means
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(nxb::live());
}
