// worker/upstream/probe.h - one target, tried as a stream would: connected to, secured, its features read; then left (O-20).
// Runs in: worker. I/O: through Connector and Channel, which streams use as well. Owned by: Checkup.
// Nobody logs in, nothing is counted as a stream of a client. It is over after kPatience, whatever the server does.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/upstream/channel.h"
#include "worker/upstream/connector.h"
#include "worker/upstream/finding.h"
#include "worker/upstream/services.h"
#include "worker/xmpp/client_stream.h"

namespace nxb::upstream {

class Probe final : private ConnectorSink, private ChannelSink {
 public:
  static constexpr Duration kPatience{5'000};

  // `choice` names the target: its by_srv is false. `done` is called once, maybe from within start(); not after let_go().
  Probe(XmppServices& services, const Choice& choice, std::function<void()> done);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void start();
  void let_go();  // nothing of it touches the services any more
  const std::vector<Finding>& findings() const { return findings_; }

 private:
  // ConnectorSink
  void on_reached(Connection connection) override;
  void on_unreachable(Failure failure) override;
  void on_under_way() override { arm(); }
  // ChannelSink
  void on_plaintext(std::string_view bytes) override { feed(xmpp::event::Received{bytes}); }
  void on_secure() override;
  void on_insecure(const std::string& why, bool distrusted) override;
  void on_lost(const std::string& why) override;
  void on_sent() override {}

  void start_tls(tls::Engine::Offer offer);
  void feed(const xmpp::StreamInput& input);
  void perform(xmpp::step::Write& step) { channel_.write(step.bytes); }
  void perform(xmpp::step::StartTls& step);
  void perform(xmpp::step::Usable& step);
  void perform(xmpp::step::Deliver&) {}
  void perform(xmpp::step::Ended& step);
  void judge_certificate(const std::string& distrusted);
  void fail(const std::string& why);
  void finish(Finding::Kind kind, std::string text);
  void on_time();
  void arm();

  XmppServices& services_;
  const Choice choice_;
  std::function<void()> done_;
  std::unique_ptr<Connector> connector_;
  Channel channel_;
  std::optional<xmpp::ClientStream> machine_;
  xmpp::StreamSteps steps_;
  std::string address_;  // once connected
  const char* stage_ = "connecting";
  bool direct_ = false;  // TLS at once
  bool pumping_ = false;
  bool over_ = false;
  Instant end_by_;
  uv::Timer timer_;
  std::vector<Finding> findings_;
};

}  // namespace nxb::upstream
