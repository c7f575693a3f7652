// worker/ws/session.cc - the running session: what the client and its server say, and time; see session.h.
// A restart before the one before was answered cannot be passed on, for a server hears nothing until it has sent its
// features (U-29): that is refused, as a second first header is.
// SPDX-License-Identifier: MIT
#include "worker/ws/session.h"

#include <algorithm>
#include <utility>

namespace nxb::ws {

using bosh::Condition;

namespace {

constexpr std::size_t kLongestDomain = 3071;  // a JID (RFC 7622 3.1); what a domain may be the upstream judges
constexpr std::size_t kLongestLanguage = 64;
constexpr std::string_view kVersion = "1.0";

// Any frame (W-25). Behind a backlog pings come late, and so do their pongs: meanwhile it is enough that the client reads.
bool is_sign_of_life(const Event& event) {
  if (const auto* unsent = std::get_if<Unsent>(&event)) return unsent->some_taken;
  return std::holds_alternative<MessageArrived>(event) || std::holds_alternative<PingArrived>(event) ||
         std::holds_alternative<PongArrived>(event) || std::holds_alternative<CloseArrived>(event);
}

bool same_domain(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

// W-31: a missing one is 1.0.
bool is_supported(std::string_view version) {
  if (version.empty()) return true;
  std::size_t dot = version.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == version.size() || version.size() > 9) return false;
  if (version.find_first_not_of("0123456789.") != std::string_view::npos) return false;
  if (version.find('.', dot + 1) != std::string_view::npos) return false;
  return version.substr(0, dot).find_first_not_of('0') != std::string_view::npos;
}

HeaderForm form_of(const Message& header) { return header.header_closed ? HeaderForm::Closed : HeaderForm::Unclosed; }

std::string_view condition_of(Wrong wrong) {
  switch (wrong) {
    case Wrong::Nothing:
      break;
    case Wrong::NotWellFormed:
      return "not-well-formed";
    case Wrong::RestrictedXml:
      return "restricted-xml";
    case Wrong::InvalidNamespace:
      return "invalid-namespace";
    case Wrong::PolicyViolation:
      return "policy-violation";
  }
  return "undefined-condition";
}

}  // namespace

Session::Session(const SessionLimits& limits, std::string name, Instant now)
    : limits_(limits),
      name_(std::move(name)),
      pings_since_(now),
      now_(now),
      alive_at_(now),
      deadline_(now + limits.open_wait) {
  if (limits.ping_interval > Duration::zero()) ping_at_ = now + limits.ping_interval;
}

void Session::on(Event&& event, Instant now, Actions& out) {
  NXB_CHECK(now >= now_, "time does not go backwards");
  now_ = now;
  if (is_sign_of_life(event)) {
    alive_at_ = now;
    lost_at_.reset();
  }
  expire(out);
  if (state_ != State::Gone) std::visit([&](auto& known) { take(known, out); }, event);
  NXB_PARANOID_CHECK(is_consistent(), "a WebSocket session between two events");
}

void Session::move_to(State to) {
  NXB_CHECK(to > state_, "a session never goes back to an earlier state");
  state_ = to;
}

bool Session::is_consistent() const {
  bool awaits = header_ == Header::Awaited;
  if (lost_at_ && !ping_at_) return false;
  if (over() && (ping_at_ || deaf_since_ || header_ != Header::Settled)) return false;
  if (deaf_since_ && lost_at_) return false;
  if ((state_ == State::Closing) != (owed_ != Owed::Nothing)) return false;
  switch (state_) {  // no default: a new state must be thought about here
    case State::Waiting:
      return deadline_ && header_ == Header::Settled && to_.empty() && reading_;
    case State::Opening:
      return deadline_ && awaits && !to_.empty();
    case State::Open:
      return deadline_.has_value() == awaits;
    case State::Closing:
      return deadline_.has_value();
    case State::Gone:
      return !deadline_;
  }
  return false;
}

// --- the client's frames ---

void Session::take(MessageArrived& arrived, Actions& out) {
  Message& message = arrived.message;
  if (message.kind == Message::Kind::Blank) return;
  if (state_ == State::Closing) return goodbye_heard(message, out);
  if (message.kind == Message::Kind::Wrong) {
    std::string_view condition = condition_of(message.wrong);
    return end_with_error(condition, {condition, Condition::BadRequest}, out);
  }
  state_ == State::Waiting ? first_message(message, out) : next_message(message, out);
}

void Session::first_message(Message& message, Actions& out) {
  bool legacy = message.kind == Message::Kind::LegacyHeader && limits_.legacy_framing;  // W-53
  if (message.kind != Message::Kind::Open && !legacy) {
    return end_with_error("bad-format", {"no open at first", Condition::BadRequest}, out);  // W-29
  }
  legacy_ = legacy;
  begin(message, out);
}

void Session::next_message(Message& message, Actions& out) {
  bool in_framing = true;
  switch (message.kind) {
    case Message::Kind::Open:
      in_framing = !legacy_;
      break;
    case Message::Kind::LegacyHeader:
      in_framing = legacy_;
      break;
    case Message::Kind::Close:
      if (!legacy_) return end_by_client(out);
      in_framing = false;
      break;
    case Message::Kind::LegacyEnd:
      if (legacy_) return end_by_client(out);
      in_framing = false;
      break;
    case Message::Kind::StartTls:
      return end_with_element(std::string(kTlsFailure), {"starttls", Condition::BadRequest}, out);
    case Message::Kind::Element:
      out.push_back(Forward{std::move(message.element), 1});
      return;
    case Message::Kind::Blank:
    case Message::Kind::Wrong:
      return;  // taken before
  }
  if (!in_framing) return end_with_error("bad-format", {"another framing", Condition::BadRequest}, out);
  restart(message, out);
}

// False: it ended the session.
bool Session::accept_header(const Message& header, Actions& out) {
  if (header.to.empty() || header.to.size() > kLongestDomain) {
    end_with_error("improper-addressing", {"no domain", Condition::ImproperAddressing}, out);
  } else if (!is_supported(header.version)) {
    end_with_error("unsupported-version", {"unsupported version", Condition::BadRequest}, out);
  }
  return !over();
}

void Session::begin(Message& header, Actions& out) {
  form_ = form_of(header);
  if (header.to.size() <= kLongestDomain) to_ = header.to;
  if (!accept_header(header, out)) return;
  // The draft has no way to say it, so its clients stay.
  if (!limits_.see_other_uri.empty() && !legacy_) return end_elsewhere(out);
  await_header(header);
  move_to(State::Opening);
  upstream::StreamSpec spec;
  spec.domain = std::move(header.to);
  if (header.lang.size() <= kLongestLanguage) spec.lang = std::move(header.lang);
  spec.xmpp_version = std::move(header.version);
  spec.from = std::move(header.from);
  out.push_back(OpenStream{std::move(spec)});
}

// W-38
void Session::restart(Message& header, Actions& out) {
  if (header_ != Header::Settled) {
    return end_with_error("bad-format", {"open before the stream was ready", Condition::BadRequest}, out);
  }
  if (!accept_header(header, out)) return;
  if (!same_domain(header.to, to_)) {
    return end_with_error("host-unknown", {"another domain", Condition::HostUnknown}, out);
  }
  await_header(header);
  out.push_back(RestartStream{});
}

void Session::await_header(const Message& header) {
  form_ = form_of(header);
  header_ = Header::Awaited;
  deadline_ = now_ + limits_.quick_open;
}

void Session::say_header(const Greeting& greeting, Actions& out) {
  say(legacy_ ? write_legacy_header(greeting, form_) : write_open(greeting), out);
}

void Session::say_own_header(Actions& out) { say_header({to_, name_, kVersion, {}}, out); }

// W-40: what is said next needs a stream.
void Session::say_missing_header(Actions& out) {
  if (state_ == State::Waiting || header_ == Header::Awaited) say_own_header(out);
}

void Session::take(PingArrived& ping, Actions& out) {
  if (owed_ == Owed::Answer) return;  // nothing after Close (W-22)
  if (pings_too_often()) return fail(CloseCode::PolicyViolation, {"too many pings", Condition::PolicyViolation}, out);
  out.push_back(Send{Opcode::Pong, std::move(ping.payload)});
}

bool Session::pings_too_often() {
  if (now_ - pings_since_ >= 1s) {
    pings_since_ = now_;
    pings_ = 0;
  }
  if (++pings_ <= limits_.pings_per_second) return false;
  if (pings_forgiven_ == 0) return true;
  --pings_forgiven_;
  return false;
}

void Session::take(PongArrived& /*pong*/, Actions& /*out*/) {}

void Session::take(CloseArrived& close, Actions& out) { close_heard(close.code, out); }

// W-19: the stream is told; nothing more of the client is read, so its answer is not waited for.
void Session::take(RuleBroken& broken, Actions& out) {
  End end{broken.why, Condition::BadRequest};
  if (broken.code != CloseCode::TooBig || over()) return fail(broken.code, end, out);
  end.condition = Condition::PolicyViolation;
  end_with_error("policy-violation", end, out, CloseCode::TooBig);
  hang_up(out);
}

// W-26
void Session::take(Unsent& unsent, Actions& out) {
  if (unsent.bytes > limits_.max_unsent) {
    return fail(CloseCode::PolicyViolation, {"client does not read", Condition::PolicyViolation}, out);
  }
  bool slow = unsent.bytes > limits_.slow_above;
  if (!running() || (slow ? !reading_ : reading_ || unsent.bytes != 0)) return;
  reading_ = !slow;
  out.push_back(ReadServer{reading_});
}

void Session::take(ConnectionGone& gone, Actions& out) {
  part({gone.why, Condition::None, upstream::Parting::ClientLost, bosh::EndedBy::Client}, out);
  be_gone();
}

// Who is one too many is not listened to until it has answered.
void Session::take(Refused& refused, Actions& out) {
  if (state_ != State::Waiting) return;
  bool policy = refused.code == CloseCode::PolicyViolation;
  fail(refused.code, {refused.why, policy ? Condition::PolicyViolation : Condition::None}, out);
}

// O-09. Who has not begun a stream hears the Close only.
void Session::take(ShutDown& /*event*/, Actions& out) {
  End end{"shutdown", Condition::SystemShutdown, upstream::Parting::ClientLost, bosh::EndedBy::Operator};
  if (state_ == State::Waiting) return end_with_close(CloseCode::GoingAway, end, out);
  if (running()) end_with_error("system-shutdown", end, out, CloseCode::GoingAway);
}

// The names are those of RFC 6120 4.9.3 as well: ipc::kKickConditions. Who has not begun a stream hears the Close only.
void Session::take(Kicked& kicked, Actions& out) {
  End end{"kicked", kicked.condition, upstream::Parting::ClientLost, bosh::EndedBy::Operator};
  CloseCode code = kicked.condition == Condition::PolicyViolation ? CloseCode::PolicyViolation : CloseCode::GoingAway;
  if (state_ == State::Waiting) return end_with_close(code, end, out);
  if (running()) end_with_error(bosh::wire_name(kicked.condition), end, out, code);
}

void Session::take(TimePassed& /*event*/, Actions& /*out*/) {}

// --- the server ---

void Session::take(ServerSpoke& spoke, Actions& out) {
  if (!running()) return;
  std::visit([&](auto& known) { on_server(known, out); }, spoke.event);
}

void Session::on_server(upstream::Opened& opened, Actions& out) {
  if (header_ == Header::Settled) return;  // nobody waits for it
  bool said = std::exchange(header_, Header::Settled) == Header::Overdue;
  lang_.clear();
  if (opened.lang.size() <= kLongestLanguage) lang_ = std::move(opened.lang);
  if (said) return;  // W-33
  std::string_view version = opened.xmpp_version;
  if (!legacy_ && !version.empty()) version = kVersion;  // W-32
  std::string_view from = opened.from.empty() ? std::string_view(to_) : opened.from;
  deadline_.reset();
  say_header({from, opened.authid, version, lang_}, out);
  if (state_ == State::Opening) move_to(State::Open);
}

void Session::on_server(upstream::Arrived& arrived, Actions& out) {
  for (xmpp::Stanza& stanza : arrived.stanzas) say(with_language(std::move(stanza.bytes), lang_), out);
}

// U-36. Who was asked for a last sign of life is not lost now: it cannot be heard.
void Session::on_server(upstream::Congested& congested, Actions& out) {
  if (!congested.on) return hear_again(out);
  if (deaf_since_) return;
  deaf_since_ = now_;
  lost_at_.reset();
  out.push_back(ReadClient{false});
}

// What the client said meanwhile comes all at once, its pings too.
void Session::hear_again(Actions& out) {
  if (!deaf_since_) return;
  const Duration deaf = now_ - *std::exchange(deaf_since_, std::nullopt);
  const auto seconds = static_cast<std::uint64_t>(deaf / 1s) + 1;
  pings_forgiven_ = seconds * limits_.pings_per_second;
  alive_at_ = now_;
  out.push_back(ReadClient{true});
}

void Session::on_server(upstream::Closed& closed, Actions& out) { end_by_server(closed, out); }

// --- time ---

std::optional<Instant> Session::next_deadline() const {
  std::optional<Instant> next = deadline_;
  if (!ping_at_) return next;
  Instant due = deaf_since_ ? *ping_at_ : std::min(*ping_at_, lost_at_.value_or(silent_at()));
  return next ? std::min(*next, due) : due;
}

// W-25. A worker that stood still sees the time before it reads what has come meanwhile: nobody is lost then.
void Session::expire(Actions& out) {
  if (lost_at_ && now_ >= *lost_at_) return lose({"no pong"}, out);
  if (deadline_ && now_ >= *deadline_) deadline_passed(out);
  if (!ping_at_) return;
  bool silent = !deaf_since_ && !lost_at_ && now_ >= silent_at();
  if (!silent && now_ < *ping_at_) return;
  if (silent) lost_at_ = now_ + std::min(limits_.last_wait, limits_.ping_interval);
  ping_at_ = now_ + limits_.ping_interval;
  out.push_back(Send{Opcode::Ping, {}});
}

void Session::deadline_passed(Actions& out) {
  switch (state_) {
    case State::Waiting:
      return fail(CloseCode::PolicyViolation, {"no open in time", Condition::PolicyViolation}, out);  // W-10
    case State::Opening:
    case State::Open:  // W-33
      say_own_header(out);
      header_ = Header::Overdue;
      deadline_.reset();
      if (state_ == State::Opening) move_to(State::Open);
      return;
    case State::Closing:
      if (owed_ == Owed::Answer) return hang_up(out);
      return send_close(CloseCode::Normal, out);
    case State::Gone:
      return;
  }
}

}  // namespace nxb::ws
