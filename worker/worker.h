// worker/worker.h - everything one worker owns, put together; and the gateway's way to the outside.
// Runs in: worker. The only place that knows the edge, the gateway, the relay and the upstreams at once.
// Destruction order is the reverse of declaration: the edge goes first, the tables that others point into last.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/config/config.h"
#include "common/ipc/message.h"
#include "common/ipc/questions.h"
#include "common/ipc/sid_route.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "worker/edge/edge.h"
#include "worker/edge/listeners.h"
#include "worker/gateway/gateway.h"
#include "worker/relay/mailroom.h"
#include "worker/tls/server_context.h"
#include "worker/upstream/streams.h"
#include "worker/xml/reader.h"

namespace nxb {

class Worker final : private gateway::Ports,
                     private uv::DeadlineSink,
                     private edge::Requests,
                     private edge::Sockets,
                     private upstream::Events {
  struct Private {
    explicit Private() = default;
  };

 public:
  using AskSupervisor = std::function<void(const ipc::Ask&)>;
  // Takes over the descriptors of contract.h. Fails when one of them is not what it must be.
  static Result<std::unique_ptr<Worker>> make(uv::Loop& loop, const ipc::Configure& identity, config::Config config,
                                              AskSupervisor ask);

  void end_turn();                                 // after every turn of the loop
  void publish(bool on) { gateway_.publish(on); }  // whether anybody listens to events (O-19)
  gateway::Journal::Batch take_events() { return gateway_.take_events(); }
  // `say` is called once; at once, but for what takes time.
  void answer(const ipc::Question& question, const std::function<void(const ipc::Answer&)>& say);

  void told(const ipc::Told& told) { edge_->told(told); }  // what its pages asked the supervisor
  // Takes over another configuration, in place (O-33). Fails, and then nothing has changed, if a listening socket that it
  // names did not arrive, or a certificate cannot be used.
  Status reload(config::Config config);

  void drain(const ipc::Drain& order);
  // Goodbye to every client over that time (B-108, O-08); again: sooner. idle() becomes true soon after no worker has a
  // session: until then this one answers whoever asks for one that was his.
  void stop(Duration over);
  bool idle() const;  // stopped: no connection and no stream is left

  Worker(Private, uv::Loop& loop, const ipc::Configure& identity, config::Config config, stats::Segment segment,
         AskSupervisor ask);

 private:
  relay::Mailboxes mailboxes(const ipc::Configure& identity);
  edge::Context edge_context(const ipc::Configure& identity);
  Status listen(const ipc::Configure& identity);
  Status configure_tls(config::Config& config);
  std::string answer(ipc::Query query, const std::string& argument);
  void count_bugs();  // broken expectations since the last call, into bugs_seen
  void on_beat();
  void say_goodbyes();
  bool sessions_anywhere() const;

  // gateway::Ports
  void reply(RequestId to, gateway::Reply reply) override;
  void hang_up(RequestId of) override;
  upstream::Upstream& make_stream(StreamId stream) override;
  upstream::Upstream* stream(StreamId stream) override;
  void drop_stream(StreamId stream) override;
  void wake_at(SessionKey session, std::optional<Instant> at) override;
  void send_frame(SocketId to, ws::Opcode opcode, std::string_view payload) override;
  std::size_t unsent(SocketId of) const override;
  void close_socket(SocketId of) override;
  void read_socket(SocketId of, bool on) override;
  void wake_socket_at(SocketId socket, std::optional<Instant> at) override;
  // uv::DeadlineSink: a BOSH session's deadline is due
  void on_deadline(std::uint64_t id, Instant now) override;
  // edge::Requests
  void on_request(RequestId id, bosh::Body&& body, const gateway::Client& client, std::string_view sid) override;
  void on_request_gone(RequestId id) override;
  // edge::Sockets
  void on_socket(SocketId id, const gateway::Client& client) override;
  void on_socket_event(SocketId id, ws::Event event) override;

  // upstream::Events
  void on_stream_event(StreamId stream, upstream::Event event) override;

  // A WebSocket session's deadline is due.
  struct SocketDeadlines final : uv::DeadlineSink {
    SocketDeadlines(gateway::Gateway& g, stats::Pulse& p) : gateway(g), pulse(p) {}
    void on_deadline(std::uint64_t id, Instant /*now*/) override {
      pulse.doing(stats::Activity::Deadline);
      gateway.on_socket_deadline(SocketId{id});
    }
    gateway::Gateway& gateway;
    stats::Pulse& pulse;
  };

  uv::Loop& loop_;
  AskSupervisor ask_;
  std::uint64_t bugs_counted_ = 0;
  const std::uint32_t workers_;
  config::Config config_;
  stats::Segment segment_;
  stats::Counters counters_;
  stats::Pulse pulse_;
  uv::Timer beat_;      // a loop without events turns as well (O-06)
  uv::Timer goodbyes_;  // the next one is due; stopping: also looks whether any session is left
  bool stopping_ = false;
  const std::string title_;  // what ps shows before the number of sessions
  Instant titled_at_{};
  ipc::SidRoute route_;
  xml::Pool pool_;
  uv::Deadlines deadlines_;
  uv::Deadlines::Family sessions_;
  gateway::Gateway gateway_;
  SocketDeadlines socket_deadlines_;
  uv::Deadlines::Family sockets_;
  upstream::Streams streams_;
  tls::ServerContexts tls_;
  edge::Listeners listeners_;
  std::unique_ptr<relay::Mailroom> mailroom_;
  std::unique_ptr<edge::Edge> edge_;
};

}  // namespace nxb
