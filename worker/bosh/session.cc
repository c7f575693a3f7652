// worker/bosh/session.cc - the running session; see session.h. How it ends is in session_end.cc.
// SPDX-License-Identifier: MIT
#include "worker/bosh/session.h"

#include <algorithm>
#include <utility>

namespace nxb::bosh {

namespace {

constexpr int kMaxResends = 10;          // of one rid (B-50)
constexpr Duration kShortestGap{5'000};  // B-55
constexpr Version kNewest{1, 11};        // B-22
constexpr Version kOldest{1, 6};         // told to a client that named none

std::uint32_t seconds(Duration duration) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

Duration granted_wait(const SessionLimits& limits, const Body& creation) {  // B-19
  return creation.wait ? std::min<Duration>(std::chrono::seconds(*creation.wait), limits.max_wait) : limits.max_wait;
}

std::uint32_t granted_hold(const SessionLimits& limits, const Body& creation) {  // B-20
  return std::min<std::uint32_t>(creation.hold.value_or(1), limits.max_hold);
}

Duration granted_inactivity(const SessionLimits& limits, const Body& creation) {  // B-72
  if (!creation.inactivity) return limits.default_inactivity;
  Duration most = std::max(limits.default_inactivity, limits.max_inactivity);
  return std::clamp<Duration>(std::chrono::seconds(*creation.inactivity), limits.default_inactivity, most);
}

bool is_poll(const Body& body) { return body.payload_count == 0 && !body.terminate && !body.restart && !body.pause; }

bool sends_no_features(const std::string& version) { return version.empty() || version.starts_with("0."); }

std::string text_of(const KeptAnswer& kept) { return kept.answer ? kept.answer->body : write_answer({}); }

}  // namespace

Session::Session(const SessionLimits& limits, std::string sid, RequestId id, Body creation,
                 std::string_view client_address, Instant now, Actions& out)
    : sid_(std::move(sid)),
      legacy_(!creation.ver),
      hold_(granted_hold(limits, creation)),
      wait_(granted_wait(limits, creation)),
      inactivity_(granted_inactivity(limits, creation) + limits.inactivity_grace),
      gap_timeout_(std::min(limits.gap_timeout, std::max(wait_, kShortestGap))),
      max_pending_(limits.max_pending),
      now_(now),
      window_({creation.rid.value_or(Rid{1}), id, now}, hold_ + 1),
      creation_(std::make_unique<Creation>()) {
  CreationAnswer& answer = creation_->answer;
  answer.sid = sid_;
  answer.from = creation.to;
  answer.to = creation.from;
  answer.wait = seconds(wait_);
  answer.hold = hold_;
  answer.requests = window_.requests();
  answer.inactivity = seconds(inactivity_ - limits.inactivity_grace);
  answer.ver = std::min(creation.ver.value_or(kOldest), kNewest);
  creation_->wait = std::min(wait_, limits.features_hold);
  if (wait_ == Duration::zero()) hold_ = 0;  // polling all the same (B-61)

  out.push_back(OpenStream{{std::move(creation.to), std::move(creation.lang), std::move(creation.xmpp_version),
                            std::move(creation.from), std::string(client_address)}});
  if (creation.payload_count != 0) out.push_back(Forward{std::move(creation.payloads), creation.payload_count});
  settle(out);
  NXB_PARANOID_CHECK(is_consistent(), "a new session");
}

void Session::on(Event event, Instant now, Actions& out) {
  NXB_CHECK(now >= now_, "time does not go backwards");
  now_ = now;
  expire(out);
  std::visit([&](auto& known) { take(known, out); }, event);
  settle(out);
  NXB_PARANOID_CHECK(is_consistent(), "a session between two events");
}

void Session::move_to(State to) {
  NXB_CHECK(to > state_, "a session never goes back to an earlier state");
  state_ = to;
}

// --- requests ---

void Session::take(RequestArrived& arrived, Actions& out) {
  if (!running()) return answer_after_end(arrived, out);
  idle_since_.reset();  // whatever it is, the clock of B-70 starts anew after it
  Body& body = arrived.body;
  if (!body.rid) {
    bool used_up = window_.last() == kRidMax;  // the rid after the largest is no rid (B-56)
    Condition condition = used_up ? Condition::ItemNotFound : Condition::BadRequest;
    return end_by_fault(arrived.id, condition, used_up ? "rids used up" : "malformed rid", out);
  }
  if (body.problem != Condition::None) return end_by_fault(arrived.id, body.problem, "malformed request", out);

  OpenRequest request{*body.rid, arrived.id, now_};
  switch (window_.place_of(*body.rid, body.terminate || body.pause)) {
    case Place::Next:
      return admit(request, body, out);
    case Place::Ahead:
      window_.confirm_answers(*body.rid, is_poll(body));
      if (!gap_since_) gap_since_ = now_;
      return window_.queue({request, std::move(body)});
    case Place::Queued:
    case Place::Held:
      return take_over(*window_.find_open(*body.rid), arrived.id, out);
    case Place::Answered:
      return replay(*window_.find_kept(*body.rid), arrived.id, out);
    case Place::Outside:
      return end_by_fault(arrived.id, Condition::ItemNotFound, "rid outside window", out);
  }
}

// The request whose turn it is, then the early ones that waited for it.
void Session::admit(OpenRequest request, Body& body, Actions& out) {
  window_.confirm_answers(request.rid, is_poll(body));
  process(request, body, out);
  while (running()) {
    std::optional<EarlyRequest> next = window_.take_next();
    if (!next) break;
    process(next->open, next->body, out);
  }
  gap_since_ = window_.early().empty() ? std::nullopt : std::optional(now_);
}

void Session::process(OpenRequest request, Body& body, Actions& out) {
  window_.hold(request);
  if (body.restart && !body.terminate) {
    out.push_back(RestartStream{});  // its payloads are ignored (B-100)
  } else if (body.payload_count != 0) {
    out.push_back(Forward{std::move(body.payloads), body.payload_count});
  }
  if (body.terminate) end_by_client(out);
}

// B-49: the newest connection gets the answer, the request was or will be processed once.
void Session::take_over(OpenRequest& open, RequestId id, Actions& out) {
  if (++open.resends > kMaxResends) return end_by_fault(id, Condition::PolicyViolation, "too many resends", out);
  if (open.live) out.push_back(Respond{open.id, 200, write_recoverable_error()});
  open.id = id;
  open.live = true;
  open.since = now_;
}

void Session::replay(KeptAnswer& kept, RequestId id, Actions& out) {
  if (++kept.resends > kMaxResends) return end_by_fault(id, Condition::PolicyViolation, "too many resends", out);
  out.push_back(Respond{id, kept.answer ? kept.answer->status : 200, text_of(kept), true});
}

void Session::take(RequestGone& gone, Actions& out) {
  if (!running()) return;
  OpenRequest* open = window_.find_open(gone.id);
  if (!open) return;
  open->live = false;
  // Nobody will ever know the sid: the creation request cannot be repeated.
  if (state_ == State::Opening && open == &window_.held().front()) end_silently("client gone before creation", out);
}

// --- the server ---

void Session::take(ServerSpoke& spoke, Actions& out) {
  if (!running()) return;
  std::visit([&](auto& known) { on_server(known, out); }, spoke.event);
}

void Session::on_server(upstream::Opened& opened, Actions& /*out*/) {
  if (!creation_ || creation_->opened) return;  // after a restart the client is told the features only
  creation_->opened = true;
  creation_->without_features = sends_no_features(opened.xmpp_version);
  creation_->answer.authid = std::move(opened.authid);
  creation_->answer.xmpp_version = std::move(opened.xmpp_version);
}

void Session::on_server(upstream::Arrived& arrived, Actions& /*out*/) { outbox_.add(std::move(arrived.stanzas)); }

void Session::on_server(upstream::Closed& closed, Actions& out) { end_by_server(closed, out); }

void Session::take(ShutDown& /*event*/, Actions& out) {
  if (running()) end_by_shutdown(out);
}

void Session::take(TimePassed& /*event*/, Actions& /*out*/) {}

// --- time and answers ---

// What ended by time alone, before the event is looked at.
void Session::expire(Actions& out) {
  if (state_ == State::Ended && ending_->forget_at <= now_) {
    ending_.reset();
    window_.forget();
    return move_to(State::Forgotten);
  }
  if (!running()) return;
  if (idle_since_ && *idle_since_ + inactivity_ <= now_) return end_silently("inactivity", out);
  if (gap_since_ && *gap_since_ + gap_timeout_ <= now_) return end_by_gap(out);
}

// Answers what must be answered now; then the clocks follow.
void Session::settle(Actions& out) {
  if (!running()) return;
  while (lowest_is_due()) answer_lowest(out);
  if (window_.live() != 0) {
    idle_since_.reset();
  } else if (!idle_since_) {
    idle_since_ = now_;
  }
  throttle(out);
}

bool Session::lowest_is_due() const {
  const auto& held = window_.held();
  if (held.empty()) return false;
  if (held.size() > hold_) return true;            // B-60
  if (!held.front().live) return held.size() > 1;  // B-54
  if (!outbox_.empty()) return true;               // B-59
  if (creation_ && !creation_->answered && creation_->without_features) return true;
  // A later one that is due pushes those before it (B-44).
  return std::ranges::any_of(held, [this](const OpenRequest& open) { return open.live && due(open) <= now_; });
}

Instant Session::due(const OpenRequest& held) const {
  return held.since + (creation_ && !creation_->answered ? creation_->wait : wait_);
}

// A dead request takes no payloads: they wait for one that lives (B-54).
void Session::answer_lowest(Actions& out) {
  bool live = window_.held().front().live;
  auto answer = live ? compose() : nullptr;
  if (live) {
    RequestId to = window_.held().front().id;
    out.push_back(Respond{to, 200, answer ? answer->body : write_answer({})});
  }
  window_.answer_lowest(std::move(answer));
}

// Everything that is pending as one answer; nothing for the empty body. Kept before it is written (B-53).
std::unique_ptr<Answer> Session::compose() {
  Batch batch = outbox_.take();
  auto answer = std::make_unique<Answer>();
  if (creation_ && !creation_->answered) {
    answer->body = write_creation(creation_->answer, batch.payloads);
    creation_->answered = true;
    if (creation_->opened) creation_.reset();
    move_to(State::Open);
  } else if (creation_ && creation_->opened && (!batch.pieces.empty() || creation_->without_features)) {
    answer->body = write_late_features(creation_->answer.authid, creation_->answer.xmpp_version, batch.payloads);
    creation_.reset();
  } else if (batch.pieces.empty()) {
    return nullptr;
  } else {
    answer->body = write_answer(batch.payloads);
  }
  if (!batch.pieces.empty()) answer->payloads_at = answer->body.find(batch.payloads);
  answer->pieces = std::move(batch.pieces);
  return answer;
}

// U-36: above the mark the server is not read, until half of it has gone.
void Session::throttle(Actions& out) {
  bool on = reading_ ? outbox_.bytes() <= max_pending_ : outbox_.empty() || outbox_.bytes() < max_pending_ / 2;
  if (on != reading_) out.push_back(ReadServer{on});
  reading_ = on;
}

// --- what can be seen from outside ---

std::optional<Instant> Session::next_deadline() const {
  std::optional<Instant> next;
  auto also = [&next](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (state_ == State::Ended) also(ending_->forget_at);
  if (!running()) return next;
  if (idle_since_) also(*idle_since_ + inactivity_);
  if (gap_since_) also(*gap_since_ + gap_timeout_);
  for (const auto& open : window_.held()) {
    if (open.live) also(due(open));
  }
  return next;
}

bool Session::is_consistent() const {
  auto deadline = next_deadline();
  if (deadline && *deadline <= now_) return false;
  const auto& held = window_.held();
  switch (state_) {
    case State::Opening:
    case State::Open: {
      if (ending_ || !deadline || !window_.is_consistent() || !outbox_.is_consistent()) return false;
      if ((state_ == State::Opening) != (creation_ && !creation_->answered)) return false;
      if (held.size() > hold_ || (window_.early().empty() != !gap_since_)) return false;
      if ((window_.live() == 0) != idle_since_.has_value()) return false;
      bool front_lives = !held.empty() && held.front().live;
      if (front_lives ? !outbox_.empty() : held.size() > 1) return false;
      return outbox_.bytes() <= max_pending_ || !reading_;
    }
    case State::Ended:
      return ending_ && held.empty() && window_.early().empty() && outbox_.empty() && !creation_;
    case State::Forgotten:
      return !ending_ && held.empty() && window_.early().empty() && outbox_.empty() && !creation_;
  }
  return false;
}

}  // namespace nxb::bosh
