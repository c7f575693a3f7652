// tests/scenario/stage_sim.h - nxb in virtual time: bodies as text through bosh::parse_body into a real
// gateway::Gateway, servers as bytes through real xmpp::ClientStream machines. Sockets, HTTP and other processes are not there.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/config/config.h"
#include "common/stats/stats.h"
#include "sim_sockets.h"
#include "sim_upstream.h"
#include "stage.h"
#include "worker/gateway/gateway.h"
#include "worker/xml/reader.h"

namespace nxb::scenario {

class StageSim final : public Stage, private gateway::Ports {
 public:
  // Fails when the script's configuration is not one.
  static Result<std::unique_ptr<StageSim>> make(const Script& script, Listener*& listener);
  StageSim(config::Config config, Listener*& listener);

  Instant now() const override { return clock_.now; }
  Duration patience(Duration wanted) const override { return wanted; }
  RequestNumber send(const Sending& sending) override;
  void cut(RequestNumber request) override;
  SocketNumber connect_socket(const std::string&, const std::string&) override { return sockets_.connect(); }
  void send_to_socket(SocketNumber socket, std::string_view bytes, std::size_t chunk) override {
    sockets_.send(socket, bytes, chunk);
  }
  void cut_socket(SocketNumber socket) override { sockets_.cut(socket); }
  void send_to_nxb(LinkNumber link, std::string_view bytes, std::size_t chunk) override;
  void close(LinkNumber link, Close how) override;
  void wait(Instant until) override;
  bool settled(std::size_t open) override;
  std::optional<std::uint64_t> counter(std::string_view name, int worker) override;
  Status finish() override;

 private:
  void arrive(RequestNumber number, const std::string& text);
  bool run_what_is_due();

  // gateway::Ports
  void reply(RequestId to, gateway::Reply reply) override;
  void hang_up(RequestId of) override;
  upstream::Upstream& make_stream(StreamId stream) override;
  upstream::Upstream* stream(StreamId stream) override;
  void drop_stream(StreamId stream) override;
  void wake_at(SessionKey session, std::optional<Instant> at) override;
  void send_frame(SocketId to, ws::Opcode opcode, std::string_view payload) override {
    sockets_.send_frame(to, opcode, payload);
  }
  std::size_t unsent(SocketId) const override { return 0; }  // clients read at once
  void close_socket(SocketId of) override { sockets_.close_socket(of); }
  void read_socket(SocketId, bool) override {}  // servers read at once
  void wake_socket_at(SocketId socket, std::optional<Instant> at) override { sockets_.wake_at(socket, at); }

  config::Config config_;
  upstream::Policy policy_;
  Listener*& listener_;
  VirtualTime clock_;
  xml::Pool pool_;
  stats::Counters counters_;
  gateway::Gateway gateway_;
  SimSockets sockets_;
  RequestNumber last_request_ = 0;
  LinkNumber last_link_ = 0;
  std::uint64_t last_sid_ = 0;
  std::map<RequestNumber, bool> open_;  // no answer yet
  std::map<SessionKey, Instant> deadlines_;
  std::map<StreamId, std::unique_ptr<SimUpstream>> streams_;
  std::vector<std::unique_ptr<SimUpstream>> dropped_;  // destroyed after the turn
};

}  // namespace nxb::scenario
