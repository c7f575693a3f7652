// supervisor/fleet.cc - steps of the policy become processes; what happens to them becomes events.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/fleet.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "common/base/certificate.h"
#include "common/ipc/sid_route.h"
#include "common/log/log.h"
#include "supervisor/exit_text.h"

namespace nxb::supervisor {
namespace {

constexpr std::uint32_t kGeneration = 1;                      // raised by reload and upgrade
constexpr std::size_t kMostUntaken = std::size_t{64} * 1024;  // by a worker: more is not asked
constexpr std::size_t kTitleRoom = 64;  // of an argument that is nothing else: a worker writes its title over it
constexpr Duration kLookWhetherEmpty{100};
constexpr int kMailboxBytes = 4 * 1024 * 1024;

struct Pair {
  Descriptor first, second;
};

Result<Pair> socket_pair(int type) {
  int fds[2];
  if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
    return Error{Code::Io, std::string("socketpair: ") + std::strerror(errno)};
  }
  return Pair{Descriptor(fds[0]), Descriptor(fds[1])};
}

// A full mailbox costs clients a 503: as much room as this process may ask for.
void widen(int fd) {
  int bytes = kMailboxBytes;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == 0) return;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

std::uint32_t milliseconds(Duration duration) {
  return static_cast<std::uint32_t>(std::clamp<Duration::rep>(duration.count(), 0, UINT32_MAX));
}

}  // namespace

Result<std::unique_ptr<Fleet>> Fleet::make(uv::Loop& loop, Setup setup, Hooks hooks) {
  NXB_TRY(auto segment, stats::Segment::create(setup.policy.workers));
  Descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.get() < 0) return Error{Code::Io, std::string("/dev/null: ") + std::strerror(errno)};
  NXB_TRY(auto config, SealedText::make(std::exchange(setup.config_json, {})));
  auto fleet = std::make_unique<Fleet>(Private(), loop, std::move(setup), std::move(hooks), std::move(segment),
                                       std::move(null), std::move(config));
  for (Slot& slot : fleet->slots_) {
    NXB_TRY(auto mailbox, socket_pair(SOCK_SEQPACKET));
    widen(mailbox.second.get());
    slot.mailbox_in = std::move(mailbox.first);
    slot.mailbox_out = std::move(mailbox.second);
  }
  return fleet;
}

Fleet::Fleet(Private, uv::Loop& loop, Setup setup, Hooks hooks, stats::Segment segment, Descriptor null,
             SealedText config)
    : loop_(loop),
      setup_(std::move(setup)),
      hooks_(std::move(hooks)),
      segment_(std::move(segment)),
      null_(std::move(null)),
      config_(std::move(config)),
      routing_key_(random_hash_key()),
      policy_(setup_.policy),
      slots_(setup_.policy.workers),
      timer_(loop, [this] { on_time(); }),
      leaving_(loop, [this] { look_whether_empty(); }),
      questions_(loop, [this](Index index, const ipc::Question& question) { return put(index, question); }),
      reloads_(
          loop, [this](Index index, const ipc::Question& question) { return put_reload(index, question.id); },
          kReloadPatience) {}

void Fleet::begin() { deliver(Begin{}); }

void Fleet::stop(std::optional<Duration> over) {
  if (!policy_.stopping()) {
    Duration time = over.value_or(setup_.policy.shutdown_timeout);
    log::info("supervisor.stopping", {{"sessions", sessions()}, {"over_ms", time.count()}});
  }
  deliver(StopRequested{over});
}

void Fleet::drain(std::optional<Index> worker, bool on, std::optional<Duration> goodbye) {
  log::info(on ? "supervisor.drain" : "supervisor.undrain",
            {{"worker", worker ? std::to_string(*worker) : "all"}, {"sessions", sessions()}});
  deliver(DrainRequested{worker, on, goodbye});
}

void Fleet::leave() {
  log::info("supervisor.leaving", {{"sessions", sessions()}, {"within_ms", setup_.policy.drain_timeout.count()}});
  deliver(LeaveRequested{});
  look_whether_empty();
}

bool Fleet::draining() const {
  for (Index i = 0; i < slots_.size(); ++i) {
    if (!policy_.draining(i)) return false;
  }
  return true;
}

bool Fleet::standing_still() const {
  for (Index i = 0; i < slots_.size(); ++i) {
    if (policy_.silent(i) || (!policy_.stopping() && policy_.state(i) == WorkerState::Ending)) return true;
  }
  return false;
}

std::uint64_t Fleet::sessions() const { return segment_.total()[static_cast<std::size_t>(stats::Counter::sessions)]; }

void Fleet::look_whether_empty() {
  if (!policy_.leaving()) return;
  if (sessions() == 0) return deliver(SessionsGone{});
  leaving_.start(kLookWhetherEmpty);
}

std::string_view Fleet::WorkerInfo::word() const {
  if (stuck) return "stuck";
  return draining && state == WorkerState::Ready ? "draining" : name_of(state);
}

std::vector<Fleet::WorkerInfo> Fleet::workers() const {
  std::vector<WorkerInfo> all;
  for (Index i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    WorkerInfo info;
    info.index = i;
    info.generation = kGeneration;
    info.state = policy_.state(i);
    info.stuck = info.state == WorkerState::Ready && (questions_.silent(i) || policy_.silent(i));
    info.draining = policy_.draining(i);
    info.restarts = slot.spawned > 0 ? slot.spawned - 1 : 0;
    info.last_exit = slot.last_exit;
    if (slot.child) {
      info.pid = slot.child->pid();
      info.uptime = loop_.now() - slot.started_at;
    }
    all.push_back(std::move(info));
  }
  return all;
}

void Fleet::publish(bool on) {
  publishing_ = on;
  for (Slot& slot : slots_) tell_publish(slot);
}

void Fleet::set_log_level(const std::string& level) {
  log_level_ = level;
  tell_all(ipc::LogLevel{level});
}

// Only the state that holds, and only to a worker that reads: one that hangs is told when it has taken the rest, so
// nothing piles up for it however often subscribers come and go.
void Fleet::tell_publish(Slot& slot) {
  if (!slot.control || slot.told_to_publish == publishing_ || slot.control->queued() != 0) return;
  slot.told_to_publish = publishing_;
  slot.control->send(ipc::Publish{publishing_});
}

void Fleet::on_worker_drained(Index index) {
  tell_publish(slots_[index]);
  tell_reload(slots_[index]);
}

Index Fleet::owner_of(std::string_view sid) const {
  return ipc::SidRoute(routing_key_, setup_.policy.workers).owner(sid);
}

void Fleet::tell_all(const ipc::Message& message) {
  for (Slot& slot : slots_) {
    if (slot.control && slot.control->queued() <= kMostUntaken) slot.control->send(message);
  }
}

void Fleet::ask(std::optional<Index> whom, const std::string& what, const std::string& argument, Questions::Done done,
                std::optional<Duration> patience) {
  std::vector<Index> all;
  for (Index i = 0; i < slots_.size(); ++i) {
    if (!whom || *whom == i) all.push_back(i);
  }
  questions_.ask(all, what, argument, std::move(done), patience);
}

std::vector<Fleet::Loss> Fleet::losses() const {
  std::vector<Loss> all;
  for (const Slot& slot : slots_) all.insert(all.end(), slot.losses.begin(), slot.losses.end());
  return all;
}

Reply::State Fleet::put(Index index, const ipc::Question& question) {
  Slot& slot = slots_[index];
  if (!slot.control) return Reply::State::Absent;
  if (slot.control->queued() > kMostUntaken) return Reply::State::Silent;
  slot.control->send(question);
  return Reply::State::Answered;
}

// The one place where the policy meets processes. Steps may raise events at once (a spawn that fails); they are
// handled by the loop already running.
void Fleet::deliver(Event event) {
  inbox_.push_back(event);
  if (std::exchange(pumping_, true)) return;
  Steps steps;
  while (!inbox_.empty()) {
    Event next = inbox_.front();
    inbox_.pop_front();
    steps.clear();
    policy_.on(next, loop_.now(), steps);
    for (const Step& step : steps) {
      std::visit([this](const auto& todo) { perform(todo); }, step);
    }
  }
  pumping_ = false;
  if (policy_.stopping() && !std::exchange(stopping_told_, true)) hooks_.on_stopping(setup_.policy.shutdown_timeout);
  rearm();
}

// What workers show in the segment is looked at when the policy wants to know, which is not often.
void Fleet::on_time() {
  for (Index i = 0; i < slots_.size(); ++i) {
    if (policy_.state(i) == WorkerState::Ready) deliver(HeartbeatSeen{i, segment_.sign(i).at});
  }
  deliver(TimePassed{});
}

void Fleet::rearm() {
  if (auto at = policy_.next_deadline()) {
    timer_.start(std::max(*at - loop_.now(), Duration::zero()));
  } else {
    timer_.stop();
  }
}

void Fleet::on_worker_ready(Index index) {
  const Slot& slot = slots_[index];
  log::info("worker.ready", {{"index", index},
                             {"pid", slot.child ? slot.child->pid() : 0},
                             {"after_ms", (loop_.now() - slot.started_at).count()}});
  hooks_.on_worker_ready(index, slot.child ? slot.child->pid() : 0, slot.spawned - 1);
  deliver(WorkerReady{index});
}

void Fleet::on_worker_events(Index index, const ipc::Events& events) {
  questions_.on_word(index);
  if (publishing_) hooks_.on_events(index, events);  // others were on their way when it ended
}

void Fleet::on_worker_answer(Index index, const ipc::Answer& answer) { questions_.on_answer(index, answer); }

// One that asks and does not read its answers is told no more.
void Fleet::on_worker_asks(Index index, const ipc::Ask& ask) {
  questions_.on_word(index);
  Slot& slot = slots_[index];
  if (slot.control->queued() <= kMostUntaken) slot.control->send(ipc::Told{ask.id, hooks_.on_ask(ask.what)});
}

void Fleet::on_worker_misbehaved(Index index, std::string_view how) {
  log::error("worker.misbehaved", {{"index", index}, {"how", how}});
  deliver(WorkerMisbehaved{index});
}

void Fleet::on_exit(Index index, uv::ChildExit how) {
  Slot& slot = slots_[index];
  slot.last_exit = describe(how);
  last_error_ = slot.last_exit;
  bool expected = policy_.stopping();
  Duration age = loop_.now() - slot.started_at;
  if (!expected) {
    slot.losses.push_back({index, slot.child->pid(), slot.last_exit, wall_clock_ms() - age.count(), wall_clock_ms()});
    if (slot.losses.size() > kLossesKept) slot.losses.pop_front();
  }
  log::write(expected ? log::Level::Info : log::Level::Error, "worker.exit",
             {{"index", index}, {"pid", slot.child->pid()}, {"how", slot.last_exit}, {"uptime_ms", age.count()}});
  hooks_.on_worker_exit(index, slot.child->pid(), slot.last_exit, age);
  if (slot.control) slot.control->silence();
  loop_.retire(std::move(slot.control));
  loop_.retire(std::move(slot.child));
  segment_.clear_gauges(index);
  questions_.on_gone(index);
  reloads_.on_gone(index);
  deliver(WorkerExited{index, how.signal == 0 ? std::optional(how.status) : std::nullopt});
}

void Fleet::perform(const Spawn& step) {
  auto started = start_process(step.index);
  if (started) return;
  Slot& slot = slots_[step.index];
  slot.last_exit = "not started: " + started.error().text;
  last_error_ = slot.last_exit;
  log::error("worker.not_started", {{"index", step.index}, {"why", started.error().text}});
  deliver(WorkerExited{step.index, std::nullopt});
}

void Fleet::perform(const Postponed& step) {
  log::warn("worker.postponed",
            {{"index", step.index}, {"ms", step.in.count()}, {"last_exit", slots_[step.index].last_exit}});
}

void Fleet::perform(const Kill& step) {
  Slot& slot = slots_[step.index];
  if (!slot.child) return;
  const stats::Sign sign = segment_.sign(step.index);
  log::warn("worker.kill", {{"index", step.index},
                            {"pid", slot.child->pid()},
                            {"signal", step.signal},
                            {"why", step.why},
                            {"silent_ms", sign.at == Instant{} ? 0 : (loop_.now() - sign.at).count()},
                            {"doing", stats::name_of(sign.activity)}});
  slot.child->kill(step.signal);
}

void Fleet::perform(const SendStop& step) {
  if (Slot& slot = slots_[step.index]; slot.control) slot.control->send(ipc::Stop{milliseconds(step.over)});
}

void Fleet::perform(const SendDrain& step) {
  Slot& slot = slots_[step.index];
  if (!slot.control) return;
  slot.control->send(ipc::Drain{step.on, step.goodbye.has_value(), milliseconds(step.goodbye.value_or(Duration{0}))});
}

void Fleet::perform(const WorkersReplaced&) {
  log::error("worker.replaced", {{"why", "nxb-worker was replaced by another version: restart nxb-supervisor"}});
}

void Fleet::perform(const AllReady&) { hooks_.on_all_ready(); }

void Fleet::perform(const GiveUp& step) {
  exit_code_ = step.code;
  log::error("supervisor.give_up",
             {{"why", step.why}, {"last_exit", last_error_}, {"code", static_cast<int>(step.code)}});
}

void Fleet::perform(const AllGone&) { hooks_.on_finished(exit_code_); }

Status Fleet::start_process(Index index) {
  Slot& slot = slots_[index];
  NXB_TRY(auto config, config_.text());
  NXB_TRY(auto channel, socket_pair(SOCK_STREAM));
  NXB_TRY(auto mail, socket_pair(SOCK_SEQPACKET));
  NXB_TRY(auto control, Control::make(loop_, channel.first.release(), index, *this));
  NXB_TRY(slot.child,
          uv::Child::spawn(loop_, {setup_.worker_path, std::string(kTitleRoom, ' ')},
                           descriptors_for(index, channel.second.get(), mail.second.get()), setup_.worker_identity,
                           [this, index](uv::ChildExit how) { on_exit(index, how); }));
  slot.control = std::move(control);
  slot.listener_mail = std::move(mail.first);
  slot.listeners.clear();
  for (const Listening& listener : setup_.listeners) slot.listeners.insert(listener.number);
  slot.reload_due = 0;
  slot.started_at = loop_.now();
  if (++slot.spawned > 1) stats::Counters(segment_.slot(index)).add(stats::Counter::worker_restarts);
  ipc::Configure configure;
  configure.version = contract::kVersion;
  configure.index = index;
  configure.workers = setup_.policy.workers;
  configure.generation = kGeneration;
  configure.routing_key = routing_key_;
  configure.config = std::move(config);
  slot.control->send(configure);
  wipe(configure.config);
  if (!log_level_.empty()) slot.control->send(ipc::LogLevel{log_level_});
  slot.told_to_publish = false;
  tell_publish(slot);
  log::info("worker.spawn", {{"index", index}, {"pid", slot.child->pid()}, {"restarts", slot.spawned - 1}});
  return Done{};
}

std::vector<int> Fleet::descriptors_for(Index index, int control, int listener_mail) const {
  std::vector<int> list{
      null_.get(), STDERR_FILENO, STDERR_FILENO, control, segment_.fd(), slots_[index].mailbox_in.get(), listener_mail};
  for (const Slot& slot : slots_) list.push_back(slot.mailbox_out.get());
  for (const Listening& listener : setup_.listeners) list.push_back(listener.fd);
  return list;
}

}  // namespace nxb::supervisor
