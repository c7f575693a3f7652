// worker/upstream/probe.cc - see probe.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/probe.h"

#include <algorithm>
#include <utility>

#include "worker/upstream/tls_rule.h"

namespace nxb::upstream {

Probe::Probe(XmppServices& services, const Choice& choice, std::function<void()> done)
    : services_(services),
      choice_(choice),
      done_(std::move(done)),
      channel_(services, *this),
      timer_(services.loop, [this] { on_time(); }) {}

Probe::~Probe() { let_go(); }

void Probe::let_go() {
  over_ = true;
  timer_.stop();
  if (connector_) {
    connector_->cancel();
    services_.loop.retire(std::move(connector_));  // it may be what calls
  }
  channel_.close();
}

void Probe::start() {
  end_by_ = services_.loop.now() + kPatience;
  ConnectorSink& sink = *this;
  connector_ = std::make_unique<Connector>(services_, choice_, Asker{}, end_by_, sink);
  arm();
  connector_->start();
}

// --- what the connector found ---

void Probe::on_reached(Connection connection) {
  address_ = connection.address.text();
  channel_.adopt(std::move(connection.stream));
  xmpp::ClientStreamSetup setup;
  setup.domain = choice_.domain.jid;
  setup.max_stanza_size = services_.config.upstream.max_xmpp_stanza_size;
  machine_.emplace(std::move(setup), services_.pool);
  auto mode = services_.policy.tls_mode(connection.target, connection.address);
  direct_ = mode == config::TlsMode::Direct;
  if (direct_) return start_tls(tls::Engine::Offer::AlpnXmppClient);
  stage_ = "waiting for the stream's features";
  feed(xmpp::event::TransportReady{false, rule_of(mode), end_by_});
}

void Probe::on_unreachable(Failure failure) { finish(Finding::Kind::Problem, std::move(failure.why)); }

// --- what the channel says ---

void Probe::start_tls(tls::Engine::Offer offer) {
  stage_ = "in the TLS handshake";
  if (auto started = channel_.start_tls(choice_.target, choice_.domain, offer); !started) fail(started.error().text);
}

void Probe::on_secure() {
  judge_certificate({});
  stage_ = "waiting for the stream's features";
  if (machine_->state() == xmpp::ClientStream::State::Idle) {
    feed(xmpp::event::TransportReady{true, xmpp::TlsRule::Required, end_by_});
  } else {
    feed(xmpp::event::TlsReady{});
  }
}

void Probe::on_insecure(const std::string& why, bool distrusted) {
  if (distrusted) judge_certificate(why);
  fail(why);
}

void Probe::on_lost(const std::string& why) {
  if (!over_) fail(why + ", " + stage_);
}

void Probe::judge_certificate(const std::string& distrusted) {
  if (auto certificate = channel_.certificate()) {
    const Target& target = choice_.target;
    findings_.push_back(finding_of(*certificate, target.text(), target.tls_identity, distrusted, target.tls_verify));
  }
}

// --- the machine's steps ---

void Probe::feed(const xmpp::StreamInput& input) {
  if (over_) return;
  machine_->on(input, services_.loop.now(), steps_);
  if (std::exchange(pumping_, true)) return;  // the loop below takes it
  for (std::size_t i = 0; i < steps_.size() && !over_; ++i) {
    auto step = std::move(steps_[i]);
    std::visit([this](auto& each) { perform(each); }, step);
  }
  steps_.clear();
  pumping_ = false;
}

void Probe::perform(xmpp::step::StartTls&) { start_tls(tls::Engine::Offer::NoAlpn); }

void Probe::perform(xmpp::step::Usable&) {
  std::string text = address_ + ": ";
  const bool secure = channel_.description() != "none";
  text +=
      secure ? std::string(direct_ ? "direct TLS, " : "STARTTLS, ") + channel_.description() : "in clear, without TLS";
  channel_.write("</stream:stream>");
  channel_.say_goodbye();
  finish(secure ? Finding::Kind::Ok : Finding::Kind::Warning, text + "; it offers a stream");
}

void Probe::perform(xmpp::step::Ended& step) { fail(step.why); }

// --- the end ---

void Probe::fail(const std::string& why) {
  const char* how = direct_ ? " (direct TLS)" : "";
  finish(Finding::Kind::Problem, (address_.empty() ? "" : address_ + how + ": ") + why);
}

// The target first, then its certificate.
void Probe::finish(Finding::Kind kind, std::string text) {
  if (over_) return;
  findings_.insert(findings_.begin(), {kind, "target " + choice_.target.text(), std::move(text)});
  let_go();
  done_();
}

void Probe::on_time() {
  if (over_) return;
  Instant now = services_.loop.now();
  if (now < end_by_) {
    if (!channel_.is_open()) connector_->on_deadline(now);
    return arm();
  }
  std::string reasons = connector_->reasons();
  fail("nothing more within 5 s, " + std::string(stage_) + (reasons.empty() ? "" : "; before: " + reasons));
}

void Probe::arm() {
  if (over_) return;
  Instant next = end_by_;
  if (auto at = connector_->next_deadline(); at && !channel_.is_open()) next = std::min(next, *at);
  timer_.start(std::max(next - services_.loop.now(), Duration::zero()));
}

}  // namespace nxb::upstream
