// tests/fuzz/bosh_world.h - a gateway with servers that echo: BOSH requests in, answers out, in virtual time.
// Each stream is open at once, offers features, and sends every element back that the client sends. What reaches it is
// checked: whole elements for a stream of jabber:client, nothing before it is opened, nothing after it is closed.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/config/config.h"
#include "common/stats/stats.h"
#include "worker/gateway/gateway.h"
#include "worker/xmpp/splitter.h"

namespace nxb::fuzz {

class EchoServer final : public upstream::Upstream {
 public:
  EchoServer(xml::Pool& pool, std::function<void(upstream::Event)> say);
  void open(const upstream::StreamSpec& spec) override;
  void send(std::string_view elements) override;
  void restart(std::string_view stream_attrs) override;
  void set_reading(bool on) override { reading_ = on; }
  void close(upstream::Parting parting, const std::vector<xmpp::Stanza>& undelivered) override;

 private:
  void begin();
  xml::Pool& pool_;
  std::function<void(upstream::Event)> say_;
  bool open_ = false, closed_ = false, reading_ = true;
};

class BoshWorld final : public gateway::Ports {
 public:
  explicit BoshWorld(xml::Pool& pool);
  // The answer is in answers() then or later. A body without sid creates the session "s1", "s2", ...
  RequestId request(bosh::Body body, bool secure);
  void gone(RequestId id);
  void pass(Duration by);
  const std::map<RequestId, gateway::Reply>& answers() const { return answers_; }
  std::size_t waiting() const { return asked_ - answers_.size() - gone_; }
  std::size_t sessions() const { return gateway_.live_sessions(); }
  xml::Pool& pool() { return pool_; }
  const config::Config& config() const { return config_; }

 private:
  void reply(RequestId to, gateway::Reply answer) override;
  void hang_up(RequestId of) override;
  upstream::Upstream& make_stream(StreamId stream) override;
  upstream::Upstream* stream(StreamId stream) override;
  void drop_stream(StreamId stream) override;
  void wake_at(SessionKey session, std::optional<Instant> at) override;
  void send_frame(SocketId, ws::Opcode, std::string_view) override {}
  std::size_t unsent(SocketId) const override { return 0; }
  void close_socket(SocketId) override {}
  void read_socket(SocketId, bool) override {}
  void wake_socket_at(SocketId, std::optional<Instant>) override {}

  xml::Pool& pool_;
  config::Config config_;
  stats::Counters counters_;
  Instant now_{Duration(1'000'000)};
  std::map<StreamId, std::unique_ptr<EchoServer>> streams_, dropped_;
  std::map<SessionKey, Instant> deadlines_;
  std::map<RequestId, gateway::Reply> answers_;
  std::map<RequestId, bool> open_;
  std::size_t asked_ = 0, gone_ = 0, sids_ = 0;
  gateway::Gateway gateway_;
};

}  // namespace nxb::fuzz
