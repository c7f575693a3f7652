// worker/worker.cc - see worker.h.
// SPDX-License-Identifier: MIT
#include "worker/worker.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/certificate.h"
#include "common/ipc/contract.h"
#include "common/ipc/listener_mail.h"
#include "common/uv/title.h"

namespace nxb {

using stats::Activity;

namespace {

constexpr Duration kTitleEvery{2'000};
constexpr Duration kLookWhetherEmpty{50};  // stopping: this worker has no session, another may have

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(uv::Loop& loop, const ipc::Configure& identity, config::Config config,
                                             AskSupervisor ask) {
  NXB_TRY(auto segment, stats::Segment::attach(contract::kStats, identity.workers));
  auto worker =
      std::make_unique<Worker>(Private(), loop, identity, std::move(config), std::move(segment), std::move(ask));
  NXB_TRY([[maybe_unused]] auto secured, worker->configure_tls(worker->config_));
  NXB_TRY(worker->mailroom_, relay::Mailroom::make(loop, worker->counters_, worker->mailboxes(identity)));
  worker->edge_ = std::make_unique<edge::Edge>(worker->edge_context(identity));
  NXB_TRY(auto listening, worker->listen(identity));
  static_cast<void>(listening);
  worker->pulse_.set_open(true);  // before the order to drain that a replacement may find behind Configure
  return worker;
}

Worker::Worker(Private, uv::Loop& loop, const ipc::Configure& identity, config::Config config, stats::Segment segment,
               AskSupervisor ask)
    : loop_(loop),
      ask_(std::move(ask)),
      workers_(identity.workers),
      config_(std::move(config)),
      segment_(std::move(segment)),
      counters_(segment_.slot(identity.index)),
      pulse_(segment_.pulse(identity.index)),
      beat_(loop, [this] { on_beat(); }),
      goodbyes_(loop, [this] { say_goodbyes(); }),
      title_("nxb-worker " + std::to_string(identity.index) + ": gen " + std::to_string(identity.generation) + ", "),
      route_(identity.routing_key, identity.workers),
      deadlines_(loop),
      sessions_(deadlines_.add(*this)),
      gateway_(config_, *this, counters_, [this] { return loop_.now(); }),
      socket_deadlines_(gateway_, pulse_),
      sockets_(deadlines_.add(socket_deadlines_)),
      streams_({loop_, config_, pool_, deadlines_, counters_, *this, identity.index}),
      tls_(identity.routing_key, [this] { return loop_.now(); }) {
  on_beat();
}

relay::Mailboxes Worker::mailboxes(const ipc::Configure& identity) {
  relay::Mailboxes boxes;
  boxes.in = contract::kMailboxIn;
  for (std::uint32_t i = 0; i < identity.workers; ++i)
    boxes.out.push_back(contract::kFirstMailboxOut + static_cast<int>(i));
  boxes.on_arrived = [this](relay::Handover handover) {
    pulse_.doing(Activity::Arrival);
    edge_->take(std::move(handover));
  };
  boxes.on_refused = [this](relay::Handover handover) { edge_->take_back(std::move(handover)); };
  return boxes;
}

edge::Context Worker::edge_context(const ipc::Configure& identity) {
  return {.loop = loop_,
          .config = config_,
          .requests = *this,
          .sockets = *this,
          .mailroom = *mailroom_,
          .pool = pool_,
          .route = route_,
          .index = identity.index,
          .workers = identity.workers,
          .deadlines = deadlines_,
          .counters = counters_,
          .stats = segment_,
          .ask = ask_,
          .tls = &tls_};
}

Status Worker::listen(const ipc::Configure& identity) {
  int fd = contract::first_listener(static_cast<int>(identity.workers));
  for (std::size_t i = 0; i < config_.listen.size(); ++i) {
    if (!config_.listen[i].is_open()) continue;
    NXB_TRY([[maybe_unused]] auto done, listeners_.open(*edge_, static_cast<std::uint16_t>(i), Descriptor(fd++)));
  }
  return Done{};
}

// Takes certificates and keys out of the configuration; connections to come have them (also at a reload).
Status Worker::configure_tls(config::Config& config) {
  std::vector<config::Credentials> credentials = config::take_credentials(config);
  std::vector<tls::ServerContexts::Pem> by_listener;
  for (const config::Credentials& one : credentials) by_listener.push_back({one.cert, one.key});
  Status done = tls_.configure(by_listener);
  for (config::Credentials& one : credentials) wipe(one.key);
  return done;
}

void Worker::end_turn() {
  count_bugs();
  if (stopping_ && !sessions_anywhere()) edge_->shut_down();
  pulse_.beat(loop_.now());
  pulse_.doing(Activity::Waiting);
}

void Worker::on_beat() {
  beat_.start(std::min(contract::kSlowestBeat, config_.server.watchdog / 4));
  if (loop_.now() - titled_at_ < kTitleEvery) return;
  titled_at_ = loop_.now();
  const std::size_t sessions = gateway_.live_sessions();
  uv::set_title(title_ + std::to_string(sessions) + (sessions == 1 ? " session" : " sessions"));
}

Status Worker::reload(config::Config config) {
  NXB_TRY(auto mail, ipc::take_listeners(contract::kListeners));
  NXB_TRY([[maybe_unused]] auto opened, listeners_.open_added(*edge_, config, std::move(mail)));
  if (Status secured = configure_tls(config); !secured) {
    listeners_.undo(*edge_);
    return secured;
  }
  listeners_.close_removed(*edge_, config);
  config_ = std::move(config);  // where it is: everybody refers to it
  edge_->reconfigure();
  gateway_.reconfigure();
  streams_.reconfigure();
  counters_.add(stats::Counter::reloads);
  return Done{};
}

void Worker::count_bugs() {
  std::uint64_t now = broken_expectations();
  if (now != bugs_counted_) counters_.add(stats::Counter::bugs_seen, now - std::exchange(bugs_counted_, now));
}

// Supervisor and worker are of one build: it asks what is known here. An empty object says that there is nothing to say.
void Worker::answer(const ipc::Question& question, const std::function<void(const ipc::Answer&)>& say) {
  pulse_.doing(Activity::Question);
  auto query = ipc::query_named(question.what);
  if (query == ipc::Query::probe) {
    return streams_.check(question.argument, [say, id = question.id](const std::string& json) { say({id, json}); });
  }
  say({question.id, query ? answer(*query, question.argument) : "{}"});
}

std::string Worker::answer(ipc::Query query, const std::string& argument) {
  using enum ipc::Query;
  switch (query) {
    case explain:
      return gateway_.explain(argument);
    case session:
      return gateway_.explain(argument, gateway::Depth::Full);
    case sessions:
      return gateway_.list(argument);
    case kick:
      if (std::size_t space = argument.find(' '); space != std::string::npos) {
        return gateway_.kick(argument.substr(0, space), argument.substr(space + 1));
      }
      return "{}";
    case watch:
      return gateway_.watch(argument);
    case unwatch:
      return gateway_.unwatch(argument);
    case probe:  // answered later
    case orders:
      return "{}";
  }
  return "{}";
}

void Worker::drain(const ipc::Drain& order) {
  if (stopping_) return;
  gateway_.drain(order.on);
  edge_->drain(order.on);
  pulse_.set_open(!order.on);
  pulse_.doing(Activity::Goodbye);
  if (order.on && order.goodbye) gateway_.say_goodbye(Duration{order.over_ms});
  say_goodbyes();
}

void Worker::stop(Duration over) {
  stopping_ = true;
  gateway_.drain(true);
  edge_->drain(true);
  pulse_.set_open(false);
  pulse_.doing(Activity::Goodbye);
  gateway_.say_goodbye(over);
  say_goodbyes();
}

void Worker::say_goodbyes() {
  pulse_.doing(Activity::Goodbye);
  gateway_.say_due_goodbyes();
  std::optional<Duration> wait;
  if (auto next = gateway_.next_goodbye()) wait = *next - loop_.now();
  if (stopping_) wait = std::min(wait.value_or(kLookWhetherEmpty), kLookWhetherEmpty);
  if (wait) goodbyes_.start(*wait);
}

bool Worker::sessions_anywhere() const {
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (segment_.get(worker, stats::Counter::sessions) != 0) return true;
  }
  return false;
}

bool Worker::idle() const {
  return gateway_.live_sessions() == 0 && edge_->shutting_down() && edge_->idle() && streams_.size() == 0;
}

void Worker::reply(RequestId to, gateway::Reply reply) { edge_->reply(to, std::move(reply)); }

void Worker::hang_up(RequestId of) { edge_->hang_up(of); }

upstream::Upstream& Worker::make_stream(StreamId stream) { return streams_.make(stream); }

upstream::Upstream* Worker::stream(StreamId stream) { return streams_.find(stream); }

void Worker::drop_stream(StreamId stream) { streams_.drop(stream); }

void Worker::wake_at(SessionKey session, std::optional<Instant> at) {
  if (at) {
    deadlines_.set(sessions_, session.value, *at);
  } else {
    deadlines_.clear(sessions_, session.value);
  }
}

void Worker::on_deadline(std::uint64_t id, Instant /*now*/) {
  pulse_.doing(Activity::Deadline);
  gateway_.on_deadline(SessionKey{id});
}

void Worker::on_request(RequestId id, bosh::Body&& body, const gateway::Client& client, std::string_view sid) {
  pulse_.doing(Activity::Request);
  gateway_.on_request(id, std::move(body), client, sid);
}

void Worker::on_request_gone(RequestId id) { gateway_.on_request_gone(id); }

void Worker::send_frame(SocketId to, ws::Opcode opcode, std::string_view payload) {
  edge_->sockets().send(to, opcode, payload);
}

std::size_t Worker::unsent(SocketId of) const { return edge_->sockets().unsent(of); }

void Worker::close_socket(SocketId of) { edge_->sockets().finish(of); }

void Worker::read_socket(SocketId of, bool on) { edge_->sockets().set_reading(of, on); }

void Worker::wake_socket_at(SocketId socket, std::optional<Instant> at) {
  if (at) {
    deadlines_.set(sockets_, socket.value, *at);
  } else {
    deadlines_.clear(sockets_, socket.value);
  }
}

void Worker::on_socket(SocketId id, const gateway::Client& client) { gateway_.on_socket(id, client); }

void Worker::on_socket_event(SocketId id, ws::Event event) {
  pulse_.doing(Activity::Socket);
  gateway_.on_socket_event(id, std::move(event));
}

void Worker::on_stream_event(StreamId stream, upstream::Event event) {
  pulse_.doing(Activity::Server);
  gateway_.on_stream_event(stream, std::move(event));
}

}  // namespace nxb
