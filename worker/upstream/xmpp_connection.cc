// worker/upstream/xmpp_connection.cc - see xmpp_connection.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/xmpp_connection.h"

#include <utility>

#include "worker/upstream/ending.h"

namespace nxb::upstream {
namespace {

using bosh::Condition;
using stats::Counter;
using State = xmpp::ClientStream::State;

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

// Where in the stream's life it was: for the operator.
std::string_view moment_of(State state) {
  switch (state) {
    case State::Idle:
    case State::Handshake:
      return " during the TLS handshake";
    case State::Header:
      return " before its stream header";
    case State::Features:
      return " before its features";
    case State::Proceed:
      return " instead of an answer to STARTTLS";
    case State::Running:
    case State::Closing:
    case State::Ended:
      break;
  }
  return "";
}

}  // namespace

XmppConnection::~XmppConnection() { let_go(); }

void XmppConnection::let_go() {
  done_ = true;
  drop_attempt();
  goodbye_.reset();
  if (std::exchange(armed_, std::nullopt)) services_.deadlines.clear(services_.family, id_.value);
}

void XmppConnection::drop_attempt() {
  if (!attempt_) return;
  if (attempt_->connector) attempt_->connector->cancel();
  services_.loop.retire(std::move(attempt_->connector));  // it may be what calls
  attempt_.reset();
}

// --- what the session asks ---

void XmppConnection::open(const StreamSpec& spec) {
  if (!NXB_EXPECT(!machine_ && !done_, "a stream is opened once")) return;
  Choice choice = services_.policy.choose(spec.domain, spec.route);
  begin_machine(spec, choice);
  story_ = {spec.session, spec.client_address, machine_->domain(), choice.target.text(), {}};
  if (choice.refusal.condition != Condition::None) {
    return fail(Stage::Policy, choice.refusal.condition, choice.refusal.why);
  }
  attempt_ = std::make_unique<Attempt>();
  attempt_->domain = choice.domain;
  attempt_->usable_by = services_.loop.now() + services_.config.upstream.setup_timeout;
  ConnectorSink& sink = *this;
  attempt_->connector = std::make_unique<Connector>(
      services_, std::move(choice), Asker{spec.client_address, spec.client_port}, attempt_->usable_by, sink);
  attempt_->connector->start();
}

void XmppConnection::begin_machine(const StreamSpec& spec, const Choice& choice) {
  xmpp::ClientStreamSetup setup;
  setup.domain = choice.refusal.condition == Condition::None ? choice.domain.jid : spec.domain;
  setup.from = spec.from;
  setup.lang = spec.lang;
  setup.version = spec.xmpp_version;
  setup.max_stanza_size = services_.config.upstream.max_xmpp_stanza_size;
  setup.max_held = services_.config.bosh.max_data_held;
  setup.setup_timeout = services_.config.upstream.setup_timeout;
  machine_.emplace(std::move(setup), services_.pool);
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

// --- what the connector found ---

void XmppConnection::on_reached(Connection connection) {
  Attempt& attempt = *attempt_;
  stream_ = std::move(connection.stream);
  stream_->set_sink(*this);
  stream_->keepalive(kKeepalive);
  if (!reading_) set_reading(false);
  attempt.target = std::move(connection.target);
  attempt.times = {connection.dns, connection.tcp, {}, {}};
  attempt.part_begun = services_.loop.now();
  story_.target = attempt.target.text();
  story_.address = connection.address.text();
  auto mode = services_.policy.tls_mode(attempt.target, connection.address);
  if (mode == config::TlsMode::Direct) {
    if (start_tls(tls::Engine::Offer::AlpnXmppClient)) arm();  // U-45, U-47
    return;
  }
  auto rule = attempt.tls_failed ? xmpp::TlsRule::Required : rule_of(mode);
  feed(xmpp::event::TransportReady{false, rule, attempt.usable_by});
}

void XmppConnection::on_unreachable(Failure failure) {
  story_.target = std::move(failure.target);
  story_.address = std::move(failure.address);
  fail(failure.stage, failure.condition, std::move(failure.why));
}

// Nothing of the client's was said yet and nothing was heard: what is tried next begins as if it were the first.
bool XmppConnection::try_another(const std::string& why) {
  if (!attempt_ || attempt_->heard || done_) return false;
  if (machine_->state() != State::Idle && machine_->state() != State::Header) return false;  // the client left
  Stage at = stage();
  attempt_->tls_failed = attempt_->tls_failed || at == Stage::Tls;
  stream_.reset();
  engine_.reset();
  feed(xmpp::event::TransportReplaced{});
  attempt_->connector->go_on(at, why);
  return true;
}

// --- TLS ---

bool XmppConnection::start_tls(tls::Engine::Offer offer) {
  const Target& target = attempt_->target;
  const Domain& domain = attempt_->domain;
  attempt_->times.stream += services_.loop.now() - std::exchange(attempt_->part_begun, services_.loop.now());
  auto context = services_.contexts.get(target.tls_ca, target.tls_verify ? tls::Verify::Full : tls::Verify::None);
  if (!context) {
    fail(Stage::Tls, Condition::RemoteConnectionFailed, context.error().text);
    return false;
  }
  tls::Identity identity{target.tls_identity, target.identity_is_domain && !domain.is_ip ? domain.jid : std::string()};
  tls::Resumption resumption{&services_.sessions, target.text()};
  auto engine = tls::Engine::client(**context, domain.ascii, std::move(identity), offer, resumption);
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
    if (state == tls::Engine::State::Handshaking) return;
    if (state == tls::Engine::State::Failed) {
      if (!engine_->distrusted() && try_another(error)) return;
      return fail(Stage::Tls, Condition::RemoteConnectionFailed, error);
    }
    tls_is_up();
  }
  if (!out.plaintext.empty()) take_plaintext(out.plaintext);
  if (state == tls::Engine::State::PeerClosed) transport_ended("TLS closed by the server");
  if (state == tls::Engine::State::Failed) feed(xmpp::event::TransportEnded{error});
}

void XmppConnection::tls_is_up() {
  services_.counters.add(Counter::tls_handshakes);
  if (engine_->resumed()) services_.counters.add(Counter::tls_resumed);
  attempt_->times.tls = services_.loop.now() - std::exchange(attempt_->part_begun, services_.loop.now());
  if (machine_->state() == State::Idle) {
    feed(xmpp::event::TransportReady{true, xmpp::TlsRule::Required, attempt_->usable_by});
  } else {
    feed(xmpp::event::TlsReady{});
  }
}

// --- what the network says; a stream may be destroyed by any feed() ---

void XmppConnection::on_bytes(std::string_view bytes) {
  if (done_) return;
  engine_ ? take_ciphertext(bytes) : take_plaintext(bytes);
}

void XmppConnection::take_plaintext(std::string_view bytes) {
  if (attempt_) attempt_->heard = true;
  services_.counters.add(Counter::bytes_from_servers, bytes.size());
  feed(xmpp::event::Received{bytes});
}

void XmppConnection::on_end() {
  transport_ended(engine_ ? "connection closed without TLS close_notify" : "connection closed");  // U-55
}

void XmppConnection::on_broken(const Error& error) {
  if (goodbye_) return finish(std::move(*goodbye_));
  if (!done_) transport_ended(error.text);
}

void XmppConnection::transport_ended(std::string why) {
  if (done_ || !machine_) return;
  why += moment_of(machine_->state());
  if (try_another(why)) return;
  feed(xmpp::event::TransportEnded{why});
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
  was_ = machine_->state();
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
  if (attempt_) {
    services_.counters.add(Counter::streams_opened);
    attempt_->times.stream += services_.loop.now() - attempt_->part_begun;
    log_open(story_, attempt_->times, engine_ ? engine_->description() : "none");
    drop_attempt();
  }
  auto& [id, from, lang, version] = step.header;
  raise(Opened{std::move(id), std::move(version), std::move(from), std::move(lang)});
}

void XmppConnection::perform(xmpp::step::Deliver& step) { raise(Arrived{std::move(step.stanzas)}); }

void XmppConnection::perform(xmpp::step::Ended& step) {
  Closed closed{condition_of(step.ending), std::move(step.stream_error), std::move(step.why)};
  if (closed.condition != Condition::None) {
    closed.stage = step.ending == xmpp::Ending::NoTls ? Stage::Tls : stage();
    auto word = condition_in(closed.stream_error);
    if (!word.empty()) (closed.why += ": ") += word;
    story_.failed(*closed.stage, closed.condition, closed.why, services_.counters);
  }
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

// How far the stream has come, or had before what it was last fed.
Stage XmppConnection::stage() const {
  if (attempt_ && !stream_) return attempt_->connector->stage();
  bool handshaking = engine_ && engine_->state() == tls::Engine::State::Handshaking;
  return handshaking || was_ == State::Proceed ? Stage::Tls : Stage::Stream;
}

void XmppConnection::fail(Stage stage, Condition condition, std::string why) {
  story_.failed(stage, condition, why, services_.counters);
  finish(Closed{condition, {}, std::move(why), stage});
}

void XmppConnection::finish(Closed closed) {
  done_ = true;
  auto last = std::move(goodbye_);  // `closed` may live in it
  goodbye_by_.reset();
  drop_attempt();
  congestion_.reset();
  stream_.reset();
  engine_.reset();
  closed.target = story_.target;
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
    if (attempt_) consider(stream_ ? attempt_->usable_by : attempt_->connector->next_deadline());
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
  if (attempt_ && !stream_) {
    attempt_->connector->on_deadline(now);
  } else if (attempt_ && now >= attempt_->usable_by && machine_->state() == State::Idle) {
    fail(Stage::Tls, Condition::RemoteConnectionFailed, "no TLS handshake in time");
  } else {
    feed(xmpp::event::TimePassed{});
  }
  arm();
}

}  // namespace nxb::upstream
