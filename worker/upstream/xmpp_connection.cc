// worker/upstream/xmpp_connection.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/xmpp_connection.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "worker/upstream/ending.h"

namespace nxb::upstream {
namespace {

using bosh::Condition;
using stats::Counter;

constexpr Duration kKeepalive{60'000};  // U-27
constexpr Duration kLastBytes{5'000};   // for a server that does not read our goodbye (U-30)
constexpr const char* kUntaken = "the server does not take what the client sends";

xmpp::TlsRule rule_of(config::TlsMode mode) {
  switch (mode) {
    case config::TlsMode::Required:
    case config::TlsMode::Direct:
      return xmpp::TlsRule::Required;
    case config::TlsMode::Offered:
      return xmpp::TlsRule::Offered;
    case config::TlsMode::Off:
      return xmpp::TlsRule::Off;
  }
  return xmpp::TlsRule::Required;
}

}  // namespace

XmppConnection::~XmppConnection() { let_go(); }

void XmppConnection::let_go() {
  done_ = true;
  if (attempt_) services_.resolver.cancel(attempt_->lookup);
  attempt_.reset();
  goodbye_.reset();
  if (std::exchange(armed_, std::nullopt)) services_.deadlines.clear(services_.family, id_.value);
}

// --- what the session asks ---

void XmppConnection::open(const StreamSpec& spec) {
  if (!NXB_EXPECT(!machine_ && !done_, "a stream is opened once")) return;
  attempt_ = std::make_unique<Attempt>();
  attempt_->client_address = spec.client_address;
  attempt_->usable_by = services_.loop.now() + services_.config.upstream.setup_timeout;
  attempt_->choice = services_.policy.choose(spec.domain, spec.route);
  const Choice& choice = attempt_->choice;
  xmpp::ClientStreamSetup setup;
  setup.domain = choice.refusal.condition == Condition::None ? choice.domain.jid : spec.domain;
  setup.from = spec.from;
  setup.lang = spec.lang;
  setup.version = spec.xmpp_version;
  setup.max_stanza_size = services_.config.upstream.max_xmpp_stanza_size;
  setup.max_held = services_.config.bosh.max_data_held;
  setup.setup_timeout = services_.config.upstream.setup_timeout;
  machine_.emplace(std::move(setup), services_.pool);
  if (choice.refusal.condition != Condition::None) {
    return fail(Stage::Policy, choice.refusal.condition, choice.refusal.why);
  }
  look_up();
}

void XmppConnection::send(std::string_view elements) {
  if (congestion_ && !done_) {
    congestion_->see(stream_->queued(), services_.loop.now());
    if (stream_->queued() > most_unsent()) return fail(Stage::Stream, Condition::PolicyViolation, kUntaken);
  }
  feed(xmpp::event::Send{elements});
  watch_unsent();
}

// A client that is held back has a window of requests under way, or one message.
std::size_t XmppConnection::most_unsent() const {
  const config::Config::Bosh& bosh = services_.config.bosh;
  return kMaxUnsent + std::max<std::size_t>(kMaxUnsent, (bosh.max_bosh_connections + 2) * bosh.max_data_held);
}

void XmppConnection::watch_unsent() {
  if (done_ || !stream_) return;
  const std::size_t unsent = stream_->queued();
  if (congestion_) return congestion_->see(unsent, services_.loop.now());
  if (unsent <= kMaxUnsent) return;
  congestion_ = std::make_unique<Congestion>(services_.config.upstream.write_timeout, unsent, services_.loop.now());
  arm();
  raise(Congested{true});
}

void XmppConnection::restart(std::string_view stream_attrs) { feed(xmpp::event::Restart{stream_attrs}); }

void XmppConnection::set_reading(bool on) {
  reading_ = on;
  if (!stream_) return;
  on ? stream_->resume(uv::PauseReason::PeerSlow) : stream_->pause(uv::PauseReason::PeerSlow);
}

void XmppConnection::close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) {
  if (!machine_) return finish(Closed{Condition::None, {}, "closed before it was opened"});
  set_reading(true);  // the server's goodbye is wanted
  congestion_.reset();
  feed(xmpp::event::Close{parting == Parting::ClientLost, &undelivered});
}

// --- resolve and connect ---

void XmppConnection::look_up() {
  const Target& target = attempt_->choice.target;
  if (target.unix_socket) {
    attempt_->addresses.push_back(*target.unix_socket);
  } else {
    attempt_->addresses = dns::known_addresses(target.host, target.port);
  }
  if (!attempt_->addresses.empty()) return try_next_address();
  attempt_->lookup =
      services_.resolver.lookup(target.host, target.port, [this](dns::Answer answer) { on_answer(std::move(answer)); });
  arm();
}

void XmppConnection::on_answer(dns::Answer answer) {
  attempt_->lookup = {};
  if (answer.addresses.empty()) {
    auto condition = answer.failure == Code::NotFound ? Condition::HostUnknown : Condition::RemoteConnectionFailed;
    return fail(Stage::Dns, condition, std::move(answer.why));  // U-62, U-64
  }
  attempt_->addresses = std::move(answer.addresses);
  try_next_address();
}

void XmppConnection::try_next_address() {
  Attempt& attempt = *attempt_;
  stream_.reset();
  attempt.connect_by.reset();
  while (attempt.next < attempt.addresses.size() && attempt.tried < kMaxAddresses) {
    const Address& address = attempt.addresses[attempt.next++];
    if (!services_.policy.may_connect(attempt.choice.target, address)) continue;
    ++attempt.tried;
    auto stream = uv::Stream::connect(services_.loop, address, *this);
    if (!stream) {
      attempt.last_error = address.text() + ": " + stream.error().text;
      continue;
    }
    stream_ = *std::move(stream);
    attempt.connect_by = services_.loop.now() + services_.config.upstream.connect_timeout;
    return arm();
  }
  if (attempt.tried == 0)
    return fail(Stage::Policy, Condition::HostUnknown, "no address that may be connected to");  // U-16, U-63
  fail(Stage::Tcp, Condition::RemoteConnectionFailed, attempt.last_error);
}

void XmppConnection::on_connected() {
  Attempt& attempt = *attempt_;
  attempt.connect_by.reset();
  stream_->keepalive(kKeepalive);
  if (!reading_) set_reading(false);
  const Address& address = attempt.addresses[attempt.next - 1];
  auto mode = services_.policy.tls_mode(attempt.choice.target, address);
  if (mode != config::TlsMode::Direct) {
    return feed(xmpp::event::TransportReady{false, rule_of(mode), attempt.usable_by});
  }
  if (start_tls(tls::Engine::Offer::AlpnXmppClient)) arm();  // U-45, U-47
}

// --- TLS ---

bool XmppConnection::start_tls(tls::Engine::Offer offer) {
  const Target& target = attempt_->choice.target;
  const Domain& domain = attempt_->choice.domain;
  auto context = services_.contexts.get(target.tls_ca, target.tls_verify ? tls::Verify::Full : tls::Verify::None);
  if (!context) {
    fail(Stage::Tls, Condition::RemoteConnectionFailed, context.error().text);
    return false;
  }
  tls::Identity identity{target.tls_identity, target.identity_is_domain && !domain.is_ip ? domain.jid : std::string()};
  auto engine = tls::Engine::client(**context, domain.ascii, std::move(identity), offer);
  if (!engine) {
    fail(Stage::Tls, Condition::RemoteConnectionFailed, engine.error().text);
    return false;
  }
  engine_ = *std::move(engine);
  tls::Output out;
  engine_->start(out);
  stream_->write(out.to_peer);
  return true;
}

void XmppConnection::take_ciphertext(std::string_view bytes) {
  bool handshaking = engine_->state() == tls::Engine::State::Handshaking;
  tls::Output out;
  engine_->received(bytes, out);
  if (!out.to_peer.empty()) stream_->write(out.to_peer);
  auto state = engine_->state();
  std::string error = engine_->error();
  if (handshaking) {
    if (state == tls::Engine::State::Failed) return fail(Stage::Tls, Condition::RemoteConnectionFailed, error);
    if (state == tls::Engine::State::Handshaking) return;
    log::debug("stream.tls", {{"domain", machine_->domain()}, {"with", engine_->description()}});
    if (machine_->state() == xmpp::ClientStream::State::Idle) {
      feed(xmpp::event::TransportReady{true, xmpp::TlsRule::Required, attempt_->usable_by});
    } else {
      feed(xmpp::event::TlsReady{});
    }
  }
  if (!out.plaintext.empty()) take_plaintext(out.plaintext);
  if (state == tls::Engine::State::PeerClosed) feed(xmpp::event::TransportEnded{"TLS closed by the server"});
  if (state == tls::Engine::State::Failed) feed(xmpp::event::TransportEnded{error});
}

// --- what the network says; a stream may be destroyed by any feed() ---

void XmppConnection::on_bytes(std::string_view bytes) {
  if (done_) return;
  engine_ ? take_ciphertext(bytes) : take_plaintext(bytes);
}

void XmppConnection::take_plaintext(std::string_view bytes) {
  services_.counters.add(Counter::bytes_from_servers, bytes.size());
  feed(xmpp::event::Received{bytes});
}

void XmppConnection::on_end() {
  feed(xmpp::event::TransportEnded{engine_ ? "connection closed without TLS close_notify"
                                           : "connection closed"});  // U-55
}

void XmppConnection::on_broken(const Error& error) {
  if (goodbye_) return finish(std::move(*goodbye_));
  if (done_) return;
  if (attempt_ && attempt_->connect_by) {
    attempt_->last_error = attempt_->addresses[attempt_->next - 1].text() + ": " + error.text;
    return try_next_address();
  }
  feed(xmpp::event::TransportEnded{error.text});
}

void XmppConnection::on_drained() {
  if (goodbye_) return finish(std::move(*goodbye_));
  if (done_ || !std::exchange(congestion_, nullptr)) return;
  arm();
  raise(Congested{false});
}

// --- the machine's steps ---

void XmppConnection::feed(const xmpp::StreamInput& input) {
  if (done_ || !machine_) return;
  machine_->on(input, services_.loop.now(), steps_);
  pump();
}

void XmppConnection::pump() {
  if (std::exchange(pumping_, true)) return;  // called from an event: the loop below takes it
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    auto step = std::move(steps_[i]);
    std::visit([this](auto& each) { perform(each); }, step);
    if (done_) break;
  }
  xmpp::StreamSteps().swap(steps_);  // an idle stream keeps no buffer
  pumping_ = false;
  arm();
}

void XmppConnection::perform(xmpp::step::Write& step) {
  services_.counters.add(Counter::bytes_to_servers, step.bytes.size());
  if (engine_) {
    tls::Output out;
    engine_->send(step.bytes, out);
    stream_->write(out.to_peer);
  } else {
    stream_->write(step.bytes);
  }
}

void XmppConnection::perform(xmpp::step::StartTls&) { start_tls(tls::Engine::Offer::NoAlpn); }

void XmppConnection::perform(xmpp::step::Usable& step) {
  if (std::exchange(attempt_, nullptr)) services_.counters.add(Counter::streams_opened);
  auto& [id, from, lang, version] = step.header;
  raise(Opened{std::move(id), std::move(version), std::move(from), std::move(lang)});
}

void XmppConnection::perform(xmpp::step::Deliver& step) { raise(Arrived{std::move(step.stanzas)}); }

void XmppConnection::perform(xmpp::step::Ended& step) {
  if (step.ending != xmpp::Ending::Closed && step.ending != xmpp::Ending::StreamError) {
    bool tls = step.ending == xmpp::Ending::NoTls || (engine_ && engine_->state() == tls::Engine::State::Handshaking);
    log_failure(tls ? Stage::Tls : Stage::Stream, step.why);
  }
  Closed closed{condition_of(step.ending), std::move(step.stream_error), std::move(step.why)};
  if (!step.abrupt && stream_) say_goodbye();
  if (!step.abrupt && stream_ && stream_->queued() > 0) {
    done_ = true;
    goodbye_ = std::make_unique<Closed>(std::move(closed));
    goodbye_by_ = services_.loop.now() + kLastBytes;
    return;
  }
  finish(std::move(closed));
}

void XmppConnection::say_goodbye() {
  if (engine_) {
    tls::Output out;
    engine_->close(out);
    if (!out.to_peer.empty()) stream_->write(out.to_peer);
  }
  stream_->half_close();
}

// --- the end ---

void XmppConnection::fail(Stage stage, Condition condition, std::string why) {
  log_failure(stage, why);
  finish(Closed{condition, {}, std::move(why)});
}

void XmppConnection::log_failure(Stage stage, std::string_view why) const {
  static constexpr std::string_view kNames[] = {"policy", "dns", "tcp", "tls", "stream"};
  std::string target = attempt_ ? attempt_->choice.target.text() : "";
  if (!attempt_ && stream_) {
    if (auto peer = Address::peer_of(stream_->fd())) target = peer->text();
  }
  log::warn("stream.failed", {{"domain", machine_->domain()},
                              {"stage", kNames[static_cast<std::size_t>(stage)]},
                              {"target", target},
                              {"client", attempt_ ? attempt_->client_address : std::string()},
                              {"why", why}});
}

void XmppConnection::finish(Closed closed) {
  done_ = true;
  auto last = std::move(goodbye_);  // `closed` may live in it
  goodbye_by_.reset();
  if (attempt_) services_.resolver.cancel(attempt_->lookup);
  attempt_.reset();
  congestion_.reset();
  stream_.reset();
  engine_.reset();
  if (closed.condition != Condition::None) services_.counters.add(Counter::streams_failed);
  arm();
  raise(std::move(closed));
}

// --- deadlines: the earliest of all that is waited for ---

void XmppConnection::arm() {
  std::optional<Instant> next = goodbye_by_;
  auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (!done_) {
    if (attempt_) consider(attempt_->usable_by);
    if (attempt_) consider(attempt_->connect_by);
    if (machine_) consider(machine_->next_deadline());
    if (congestion_) consider(congestion_->look_at());
  }
  if (next == armed_) return;
  armed_ = next;
  if (next) {
    services_.deadlines.set(services_.family, id_.value, *next);
  } else {
    services_.deadlines.clear(services_.family, id_.value);
  }
}

void XmppConnection::on_deadline(Instant now) {
  armed_.reset();
  if (goodbye_) return finish(std::move(*goodbye_));
  if (done_) return;
  if (congestion_ && now >= congestion_->look_at() && congestion_->is_stalled(stream_->queued(), now)) {
    return fail(Stage::Stream, Condition::PolicyViolation, kUntaken);
  }
  bool connecting = attempt_ && attempt_->connect_by;
  if (connecting && now < attempt_->usable_by) {
    if (now >= *attempt_->connect_by) {
      attempt_->last_error = attempt_->addresses[attempt_->next - 1].text() + ": no connection in time";
      return try_next_address();
    }
  } else if (attempt_ && now >= attempt_->usable_by && machine_->state() == xmpp::ClientStream::State::Idle) {
    Stage stage = engine_ ? Stage::Tls : connecting ? Stage::Tcp : Stage::Dns;
    return fail(stage, Condition::RemoteConnectionFailed, "not done in time");
  } else {
    feed(xmpp::event::TimePassed{});
  }
  arm();
}

}  // namespace nxb::upstream
