// worker/upstream/xmpp_connection.cc - see xmpp_connection.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/xmpp_connection.h"

#include <utility>

#include "worker/upstream/ending.h"
#include "worker/upstream/tls_rule.h"

namespace nxb::upstream {
namespace {

using bosh::Condition;
using stats::Counter;
using State = xmpp::ClientStream::State;

constexpr Duration kLastBytes{5'000};  // for a server that does not read our goodbye (U-30)
constexpr const char* kUntaken = "the server does not take what the client sends";

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
    congestion_->see(channel_.queued(), services_.loop.now());
    if (channel_.queued() > most_unsent()) return fail(Stage::Stream, Condition::PolicyViolation, kUntaken);
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
  if (done_ || !channel_.is_open()) return;
  const std::size_t unsent = channel_.queued();
  if (congestion_) return congestion_->see(unsent, services_.loop.now());
  if (unsent <= kMaxUnsent) return;
  congestion_ = std::make_unique<Congestion>(services_.config.upstream.write_timeout, unsent, services_.loop.now());
  arm();
  raise(Congested{true});
}

void XmppConnection::restart(std::string_view stream_attrs) { feed(xmpp::event::Restart{stream_attrs}); }

void XmppConnection::close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) {
  if (!machine_) return finish(Closed{Condition::None, {}, "closed before it was opened"});
  set_reading(true);  // the server's goodbye is wanted
  congestion_.reset();
  feed(xmpp::event::Close{parting == Parting::ClientLost, &undelivered});
}

// --- what the connector found ---

void XmppConnection::on_reached(Connection connection) {
  Attempt& attempt = *attempt_;
  channel_.adopt(std::move(connection.stream));
  attempt.target = std::move(connection.target);
  attempt.times = {connection.dns, connection.tcp, {}, {}};
  attempt.part_begun = services_.loop.now();
  story_.target = attempt.target.text();
  story_.address = connection.address.text();
  auto mode = services_.policy.tls_mode(attempt.target, connection.address);
  if (mode == config::TlsMode::Direct) {
    attempt.secure_by = std::min(attempt.usable_by, services_.loop.now() + services_.config.upstream.connect_timeout);
    return start_tls(tls::Engine::Offer::AlpnXmppClient);  // U-45, U-47
  }
  auto rule = attempt.tls_failed ? xmpp::TlsRule::Required : rule_of(mode);
  feed(xmpp::event::TransportReady{false, rule, attempt.usable_by});
}

// Adds the time since the last part ended.
void XmppConnection::end_part(Duration& part) {
  Instant now = services_.loop.now();
  part += now - std::exchange(attempt_->part_begun, now);
}

void XmppConnection::on_unreachable(Failure failure) {
  story_.target = std::move(failure.target);
  story_.address = std::move(failure.address);
  fail(failure.stage, failure.condition, std::move(failure.why));
}

// Nothing of the client's was said yet and nothing was heard: what is tried next begins as if it were the first.
bool XmppConnection::try_another(Stage at, const std::string& why) {
  if (!attempt_ || attempt_->heard || done_) return false;
  if (machine_->state() != State::Idle && machine_->state() != State::Header) return false;  // the client left
  attempt_->tls_failed = attempt_->tls_failed || at == Stage::Tls;
  channel_.close();
  feed(xmpp::event::TransportReplaced{});
  attempt_->connector->go_on(at, why);
  return true;
}

// --- what the channel says; it may be closed by any feed() ---

void XmppConnection::start_tls(tls::Engine::Offer offer) {
  end_part(attempt_->times.stream);
  auto started = channel_.start_tls(attempt_->target, attempt_->domain, offer);
  if (!started) return fail(Stage::Tls, Condition::RemoteConnectionFailed, started.error().text);
  arm();
}

void XmppConnection::on_secure() {
  end_part(attempt_->times.tls);
  if (machine_->state() == State::Idle) {
    feed(xmpp::event::TransportReady{true, xmpp::TlsRule::Required, attempt_->usable_by});
  } else {
    feed(xmpp::event::TlsReady{});
  }
}

void XmppConnection::on_insecure(const std::string& why, bool distrusted) {
  if (!distrusted && try_another(Stage::Tls, why)) return;
  fail(Stage::Tls, Condition::RemoteConnectionFailed, why);
}

void XmppConnection::on_plaintext(std::string_view bytes) {
  if (done_) return;
  if (attempt_) attempt_->heard = true;
  services_.counters.add(Counter::bytes_from_servers, bytes.size());
  feed(xmpp::event::Received{bytes});
}

void XmppConnection::on_lost(const std::string& why) {
  if (goodbye_) return finish(std::move(goodbye_->closed));
  if (done_ || !machine_) return;
  std::string when = why + std::string(moment_of(machine_->state()));
  if (try_another(stage(), when)) return;
  feed(xmpp::event::TransportEnded{when});
}

void XmppConnection::on_sent() {
  if (goodbye_) return finish(std::move(goodbye_->closed));
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
  channel_.write(step.bytes);
}

void XmppConnection::perform(xmpp::step::StartTls&) { start_tls(tls::Engine::Offer::NoAlpn); }

void XmppConnection::perform(xmpp::step::Usable& step) {
  if (attempt_) {
    services_.counters.add(Counter::streams_opened);
    end_part(attempt_->times.stream);
    log_open(story_, attempt_->times, channel_.description());
    services_.counters.observe(stats::Histogram::upstream_connect, attempt_->times.all());
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
    closed.why += earlier_failures();
    story_.failed(*closed.stage, closed.condition, closed.why, services_.counters);
  }
  if (!step.abrupt && channel_.is_open()) channel_.say_goodbye();
  if (!step.abrupt && channel_.queued() > 0) {
    done_ = true;
    goodbye_ = std::make_unique<Goodbye>(Goodbye{std::move(closed), services_.loop.now() + kLastBytes});
    return;
  }
  finish(std::move(closed));
}

// --- the end ---

bool XmppConnection::awaits_direct_tls() const {
  return attempt_ && channel_.is_handshaking() && machine_->state() == State::Idle;
}

// How far the stream has come, or had before what it was last fed.
Stage XmppConnection::stage() const {
  if (attempt_ && !channel_.is_open()) return attempt_->connector->stage();
  return channel_.is_handshaking() || was_ == State::Proceed ? Stage::Tls : Stage::Stream;
}

// What was tried before the connection at hand; the connector has told of them when there is none.
std::string XmppConnection::earlier_failures() const {
  std::string reasons = attempt_ && channel_.is_open() ? attempt_->connector->reasons() : "";
  return reasons.empty() ? "" : "; before: " + reasons;
}

void XmppConnection::fail(Stage stage, Condition condition, std::string why) {
  why += earlier_failures();
  story_.failed(stage, condition, why, services_.counters);
  finish(Closed{condition, {}, std::move(why), stage});
}

void XmppConnection::finish(Closed closed) {
  done_ = true;
  goodbye_.reset();
  drop_attempt();
  congestion_.reset();
  channel_.close();
  closed.target = story_.target;
  arm();
  raise(std::move(closed));
}

// --- deadlines: the earliest of all that is waited for ---

void XmppConnection::arm() {
  std::optional<Instant> next;
  if (goodbye_) next = goodbye_->by;
  auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (!done_) {
    if (attempt_) consider(channel_.is_open() ? attempt_->usable_by : attempt_->connector->next_deadline());
    if (awaits_direct_tls()) consider(attempt_->secure_by);
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
  if (goodbye_) return finish(std::move(goodbye_->closed));
  if (done_) return;
  if (congestion_ && now >= congestion_->look_at() && congestion_->is_stalled(channel_.queued(), now)) {
    return fail(Stage::Stream, Condition::PolicyViolation, kUntaken);
  }
  if (attempt_ && !channel_.is_open()) {
    attempt_->connector->on_deadline(now);
  } else if (awaits_direct_tls() && now >= attempt_->secure_by) {
    constexpr const char* kWhy = "no TLS handshake in time";
    bool time_left = now < attempt_->usable_by;
    if (!time_left || !try_another(Stage::Tls, kWhy)) fail(Stage::Tls, Condition::RemoteConnectionFailed, kWhy);
  } else {
    feed(xmpp::event::TimePassed{});
  }
  arm();
}

}  // namespace nxb::upstream
