// worker/bosh/session.cc - the running session: what happened, and requests in rid order; see session.h.
// SPDX-License-Identifier: MIT
#include "worker/bosh/session.h"

#include <algorithm>
#include <utility>

namespace nxb::bosh {

namespace {

constexpr Duration kShortestGap{5'000};  // B-55
constexpr Duration kReportAfter{2'000};  // B-67
constexpr std::uint64_t kKeysKept = 64;  // more than the rids that can be repeated
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

bool is_polling(const SessionLimits& limits, const Body& creation) {  // B-78
  return granted_wait(limits, creation) == Duration::zero() || granted_hold(limits, creation) == 0;
}

Duration granted_inactivity(const SessionLimits& limits, const Body& creation) {  // B-72, B-78
  Duration granted = limits.default_inactivity;
  if (creation.inactivity) {
    Duration most = std::max(limits.default_inactivity, limits.max_inactivity);
    granted = std::clamp<Duration>(std::chrono::seconds(*creation.inactivity), limits.default_inactivity, most);
  }
  return is_polling(limits, creation) ? granted + 2 * limits.polling : granted;
}

bool is_poll(const Body& body) { return body.payload_count == 0 && !body.terminate && !body.restart && !body.pause; }

}  // namespace

upstream::StreamSpec stream_spec(Body body) {
  upstream::StreamSpec spec;
  spec.domain = std::move(body.to);
  spec.lang = std::move(body.lang);
  spec.xmpp_version = std::move(body.xmpp_version);
  spec.from = std::move(body.from);
  spec.route = std::move(body.route);
  return spec;
}

Session::Session(const SessionLimits& limits, std::string sid, RequestId id, Body creation, Instant now, Actions& out)
    : sid_(std::move(sid)),
      legacy_(!creation.ver),
      acks_(creation.ack.has_value()),
      hold_(granted_hold(limits, creation)),
      max_streams_(limits.max_streams),
      wait_(span(granted_wait(limits, creation))),
      inactivity_(span(granted_inactivity(limits, creation) + limits.inactivity_grace)),
      grace_(span(limits.inactivity_grace)),
      abort_grace_(limits.abort_grace > Duration::zero() ? std::min(span(limits.abort_grace), inactivity_)
                                                         : inactivity_),
      gap_timeout_(span(std::min(limits.gap_timeout, std::max<Duration>(wait_, kShortestGap)))),
      max_pause_(span(limits.max_pause)),
      max_pending_(limits.max_pending),
      now_(now),
      window_({creation.rid.value_or(Rid{1}), id, now}, hold_ + 1),
      creation_(std::make_unique<Creation>()) {
  bool polling = is_polling(limits, creation);
  if (polling) polling_ = std::make_unique<PollingRule>(limits.polling);
  if (acks_) window_.expect_acknowledgements();
  if (!creation.newkey.empty()) keys_ = std::make_unique<KeySequence>(window_.last(), creation.key, creation.newkey);
  CreationAnswer& answer = creation_->answer;
  answer.sid = sid_;
  answer.from = creation.to;
  answer.to = creation.from;
  if (offers_streams()) answer.stream = stream_name(sid_, 1);
  answer.wait = seconds(wait_);
  answer.hold = hold_;
  answer.requests = window_.requests();
  answer.inactivity = seconds(inactivity_ - grace_);
  answer.maxpause = seconds(max_pause_);
  if (polling) answer.polling = seconds(limits.polling);
  if (acks_) answer.ack = window_.last().value;
  answer.ver = std::min(creation.ver.value_or(kOldest), kNewest);
  creation_->wait = std::min<Duration>(wait_, limits.features_hold);
  streams_.first().greeting->announced = true;
  if (wait_ == Span::zero()) hold_ = 0;  // polling all the same (B-61)

  Forward first{1, std::move(creation.payloads), creation.payload_count};
  out.push_back(OpenStream{1, stream_spec(std::move(creation))});
  if (first.count != 0) out.push_back(std::move(first));
  settle(out);
  NXB_PARANOID_CHECK(is_consistent(), "a new session");
}

void Session::on(Event&& event, Instant now, Actions& out) {
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

// --- what happened ---

void Session::take(RequestArrived& arrived, Actions& out) {
  if (!running()) return answer_after_end(arrived, out);
  idle_since_.reset();  // whatever it is, the clock of B-70 starts anew after it
  aborted_ = false;
  Body& body = arrived.body;
  if (pause_ && body.rid != pause_->rid) pause_.reset();
  OpenRequest request{body.rid.value_or(Rid{}), arrived.id, now_};
  if (!body.rid) {
    bool used_up = window_.last() == kRidMax;  // the rid after the largest is no rid (B-56)
    Condition condition = used_up ? Condition::ItemNotFound : Condition::BadRequest;
    return end_by_fault(request, condition, used_up ? "rids used up" : "malformed rid", out);
  }
  if (body.problem != Condition::None) {
    bool fast = body.problem == Condition::PolicyViolation;  // said by the gateway alone (H-46)
    return end_by_fault(request, body.problem, fast ? "request_rate" : "malformed request", out);
  }
  place(request, body, out);
}

void Session::place(const OpenRequest& request, Body& body, Actions& out) {
  Place place = window_.place_of(request.rid, body.terminate || body.pause);
  bool is_new = place == Place::Next || place == Place::Ahead;
  if (is_new && is_over_active(request, body)) {
    return end_by_fault(request, Condition::PolicyViolation, "too many requests at a time", out);
  }
  if (!is_new && !is_repeat(place, body)) return end_by_fault(request, Condition::ItemNotFound, "wrong key", out);
  switch (place) {
    case Place::Next:
      confirm_answers(request.rid, is_poll(body) && !adds_stream(body));
      return admit(request, body, out);
    case Place::Ahead:
      confirm_answers(request.rid, is_poll(body) && !adds_stream(body));
      if (!gap_since_) gap_since_ = now_;
      return window_.queue({request, std::move(body)});
    case Place::Queued:
    case Place::Held:
      return take_over(*window_.find_open(request.rid), request.id, out);
    case Place::Answered:
      return replay(*window_.find_kept(request.rid), request.id, out);
    case Place::Outside:
      return end_by_fault(request, Condition::ItemNotFound, "rid outside window", out);
  }
}

void Session::take(RequestGone& gone, Actions& out) {
  if (!running()) return;
  OpenRequest* open = window_.find_open(gone.id);
  if (!open) return;
  open->live = false;
  aborted_ = window_.live() == 0;
  // Nobody will ever know the sid: the creation request cannot be repeated.
  if (state_ == State::Opening && open == &window_.held().front()) end_silently("client gone before creation", out);
}

void Session::take(ServerSpoke& spoke, Actions& out) {
  if (!running()) return;
  Stream* stream = streams_.find(spoke.stream);
  if (!stream || !stream->open()) return;  // it ended first
  std::visit([&](auto& known) { on_server(*stream, known, out); }, spoke.event);
}

void Session::take(ShutDown& /*event*/, Actions& out) {
  if (running()) end_by_operator("shutdown", Condition::SystemShutdown, out);
}

void Session::take(Kicked& kicked, Actions& out) {
  if (running()) end_by_operator("kicked", kicked.condition, out);
}

void Session::take(TimePassed& /*event*/, Actions& /*out*/) {}

// --- new requests ---

// The request whose turn it is, then the early ones that waited for it.
void Session::admit(OpenRequest request, Body& body, Actions& out) {
  process(request, body, out);
  while (running()) {
    answer_due(out);
    std::optional<EarlyRequest> next = window_.take_next();
    if (!next) break;
    process(next->open, next->body, out);
  }
  gap_since_ = window_.early().empty() ? std::nullopt : std::optional(now_);
}

void Session::process(const OpenRequest& request, Body& body, Actions& out) {
  Verdict verdict = judge(request, body);
  if (verdict.condition == Condition::None) {
    if (acks_) acknowledge(body, out);
    if (window_.is_overfull()) verdict = {Condition::PolicyViolation, "answers not acknowledged"};
  }
  if (verdict.condition != Condition::None) return end_by_fault(request, verdict.condition, verdict.why, out);
  pause_.reset();
  window_.hold(request);
  apply(request, body, out);
}

Session::Verdict Session::judge(const OpenRequest& request, const Body& body) {
  if (!judge_keys(request.rid, body)) return {Condition::ItemNotFound, "wrong key"};
  if (acks_ && body.ack.value_or(0) > window_.answered().value) {
    return {Condition::BadRequest, "acknowledges what was not answered"};
  }
  if (adds_stream(body) && streams_.size() >= std::size_t{2} * max_streams_) {
    return {Condition::PolicyViolation, "too many streams"};
  }
  if (!names_a_stream(body)) return {Condition::ItemNotFound, "unknown stream"};
  std::optional<Instant> arrival = request.resends == 0 ? std::optional(request.since) : std::nullopt;
  if (polling_ && !polling_->take(is_poll(body) && !adds_stream(body), arrival)) {
    return {Condition::PolicyViolation, "polls too often"};
  }
  return {};
}

bool Session::judge_keys(Rid rid, const Body& body) {
  if (keys_) {
    keys_->forget_below(Rid{rid.value - std::min(rid.value, kKeysKept)});
    return keys_->take(rid, body.key, body.newkey);
  }
  if (body.newkey.empty()) return true;
  if (!KeySequence::is_key(body.newkey)) return false;
  keys_ = std::make_unique<KeySequence>(rid, body.key, body.newkey);
  return true;
}

// B-76: only with a gap can more be open than `requests`. B-77: in a polling session not even as many, if the last of
// them is a poll that came too soon.
bool Session::is_over_active(const OpenRequest& request, const Body& body) {
  std::size_t open = window_.live() + 1;
  bool ahead = request.rid.value > window_.last().value + 1;
  if (ahead && open > window_.requests() && !body.terminate && !body.pause) return true;
  if (!polling_ || !polling_->arrived(now_) || window_.requests() < 2 || open < window_.requests()) return false;
  if (streams_.anyone_congested()) return false;  // the one before would have been answered
  bool is_last = window_.early().empty() || window_.early().back().open.rid < request.rid;
  const Body& last = is_last ? body : window_.early().back().body;
  return is_poll(last) && !adds_stream(last);
}

// Without acknowledgements the request itself tells what its client has, the moment it arrives. By the window it has
// all but the last `requests`. It polls, or leaves, only when less than `hold` polls are out.
void Session::confirm_answers(Rid arrived, bool idle) {
  if (acks_) return;
  std::uint32_t requests = window_.requests();
  window_.confirm_answers(arrived, idle ? std::max(requests - 1, 1U) : requests);
}

// B-66: without the attribute the client has every answer that was given.
void Session::acknowledge(const Body& body, Actions& out) {
  Rid answered = window_.answered();
  Rid known{std::min(body.ack.value_or(answered.value), answered.value)};
  if (std::uint32_t news = window_.acknowledge(known); news != 0) out.push_back(Acknowledged{news});
  if (known >= reported_) report_since_.reset();  // it arrived after all
  if (known < window_.acknowledged()) return;     // it was early, and sent before the client knew more
  Rid missed{known.value + 1};
  const KeptAnswer* kept = window_.find_kept(missed);
  if (!kept || now_ - kept->since <= kReportAfter || missed <= reported_) return;
  reported_ = missed;
  report_since_ = kept->since;
}

void Session::apply(const OpenRequest& request, Body& body, Actions& out) {
  if (!body.to.empty() && body.payload_count != 0 && !body.restart) to_on_payloads_ = true;
  if (body.terminate) {
    if (request.since == now_) confirm_answers(request.rid, true);  // not if it waited: more was answered meanwhile
    if (close_one(body, out)) return;
    forward(body, out);
    return end_by_client(out);
  }
  if (adds_stream(body)) return add_stream(body, out);
  body.restart ? restart(body, out) : forward(body, out);
  if (body.pause && max_pause_ > Duration::zero()) answer_pause(request.rid, *body.pause, out);
}

// --- repeated requests ---

// B-51: an exact copy has the key of the original. What lies outside the window is refused anyway.
bool Session::is_repeat(Place place, const Body& body) const {
  if (!keys_ || place == Place::Outside) return true;
  if (place != Place::Queued) return keys_->is_repeat(*body.rid, body.key);
  auto same = [&body](const EarlyRequest& early) { return early.open.rid == *body.rid; };
  return KeySequence::equal(std::ranges::find_if(window_.early(), same)->body.key, body.key);
}

// B-49: the newest connection gets the answer, the request was or will be processed once.
void Session::take_over(OpenRequest& open, RequestId id, Actions& out) {
  if (++open.resends > kMaxResends) {
    return end_by_fault({open.rid, id, now_}, Condition::PolicyViolation, "too many resends", out);
  }
  if (open.live) out.push_back(Respond{open.id, 200, write_recoverable_error()});
  open.id = id;
  open.live = true;
  open.since = now_;
}

void Session::replay(KeptAnswer& kept, RequestId id, Actions& out) {
  if (++kept.resends > kMaxResends) {
    return end_by_fault({kept.rid, id, now_}, Condition::PolicyViolation, "too many resends", out);
  }
  out.push_back(
      Respond{id, kept.answer ? kept.answer->status : 200, kept.answer ? kept.answer->body : write_answer({}), true});
}

}  // namespace nxb::bosh
