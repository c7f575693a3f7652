// worker/bosh/session_answer.cc - what the session answers, and when; see session.h.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "worker/bosh/session.h"

namespace nxb::bosh {

// --- time ---

// What ended by time alone, before the event is looked at.
void Session::expire(Actions& out) {
  if (state_ == State::Ended && ending_->forget_at <= now_) {
    ending_.reset();
    keys_.reset();
    window_.forget();
    return move_to(State::Forgotten);
  }
  if (!running()) return;
  if (idle_since_ && *idle_since_ + patience() <= now_) {
    const bool early = aborted_ && !pause_ && abort_grace_ < inactivity_;
    return end_silently(early ? "aborted by client" : "inactivity", out);
  }
  if (gap_since_ && *gap_since_ + gap_timeout_ <= now_) return end_by_gap(out);
}

// Answers what must be answered now; then the clocks follow.
void Session::settle(Actions& out) {
  if (!running()) return;
  answer_due(out);
  if (streams_.size() == 0) {  // the client was told of the end of each
    upstream::Closed closed;
    closed.condition = last_end_;
    closed.why = "no stream is left";
    closed.stage = last_stage_;
    return end_by_server(closed, out);
  }
  if (window_.live() != 0) {
    idle_since_.reset();
  } else if (!idle_since_) {
    idle_since_ = now_;
  }
  throttle(out);
}

Instant Session::due(const OpenRequest& held) const {
  if (creation_) return held.since + creation_->wait;
  return held.since + (polling_ && streams_.anyone_congested() ? polling_->polling() : Duration(wait_));
}

// --- which request is answered ---

void Session::answer_due(Actions& out) {
  while (lowest_is_due()) answer_lowest(out);
}

// More than `hold` while that keeps the client from sending on (U-36).
std::size_t Session::most_held() const {
  return streams_.anyone_congested() ? std::size_t{window_.requests()} : std::size_t{hold_};
}

bool Session::lowest_is_due() const {
  const auto& held = window_.held();
  if (held.empty()) return false;
  if (held.size() > most_held()) return true;      // B-60
  if (!held.front().live) return held.size() > 1;  // B-54
  if (anything_to_say()) return true;              // B-59
  // A later one that is due pushes those before it (B-44).
  return std::ranges::any_of(held, [this](const OpenRequest& open) { return open.live && due(open) <= now_; });
}

bool Session::anything_to_say() const {
  if (creation_) return streams_.all().front().speaks();
  return report_since_ || streams_.anyone_speaks();
}

// A dead request takes no payloads: they wait for one that lives (B-54).
void Session::answer_lowest(Actions& out) {
  const OpenRequest& lowest = window_.held().front();
  auto answer = lowest.live ? compose() : compose_quiet(lowest);
  respond(lowest, answer.get(), out);
  window_.answer_lowest(std::move(answer), now_);  // kept before it is written (B-53)
}

// B-73: what is pending may go to the requests below, the pause request itself is answered without payloads.
void Session::answer_pause(Rid rid, std::uint16_t seconds, Actions& out) {
  while (window_.held().size() > 1) answer_lowest(out);
  const OpenRequest& own = window_.held().front();
  auto answer = creation_ ? compose_creation() : compose_quiet(own);
  respond(own, answer.get(), out);
  window_.answer_pause(std::move(answer), now_);
  pause_ = Pause{rid, std::min<Duration>(std::chrono::seconds(seconds), max_pause_) + grace_};
}

void Session::respond(const OpenRequest& to, const Answer* answer, Actions& out) const {
  if (to.live) out.push_back(Respond{to.id, answer ? answer->status : 200, answer ? answer->body : write_answer({})});
}

// --- what it says ---

// Nothing for the empty body.
std::unique_ptr<Answer> Session::compose() {
  if (creation_) return compose_creation();
  Heading heading = heading_for(window_.held().front().rid);
  if (report_since_) heading.report = take_report();
  Stream* stream = streams_.next_to_speak();
  if (!stream && !heading.ack && !heading.report) return nullptr;
  auto answer = std::make_unique<Answer>();
  if (!stream) {
    answer->body = write_answer(heading, {});
    return answer;
  }
  speak_of(*stream, heading, *answer);
  return answer;
}

// Of no stream, whatever is pending.
std::unique_ptr<Answer> Session::compose_quiet(const OpenRequest& request) {
  Heading heading = heading_for(request.rid);
  if (report_since_ && request.live) heading.report = take_report();
  if (!heading.ack && !heading.report) return nullptr;
  auto answer = std::make_unique<Answer>();
  answer->body = write_answer(heading, {});
  return answer;
}

std::unique_ptr<Answer> Session::compose_creation() {
  Stream& stream = streams_.first();
  auto answer = std::make_unique<Answer>();
  Batch batch = stream.outbox.take();
  Greeting& greeting = *stream.greeting;
  creation_->answer.authid = greeting.authid;
  creation_->answer.xmpp_version = greeting.xmpp_version;
  answer->body = write_creation(creation_->answer, batch.payloads);
  if (!batch.pieces.empty()) answer->payloads_at = answer->body.find(batch.payloads);
  answer->pieces = std::move(batch.pieces);
  if (greeting.opened) stream.greeting.reset();
  creation_.reset();
  move_to(State::Open);
  return answer;
}

// Everything that is pending of one stream as one answer.
void Session::speak_of(Stream& stream, Heading& heading, Answer& answer) {
  std::string name = streams_.had_several() ? stream_name(sid_, stream.number) : std::string();  // B-93
  heading.stream = name;
  Batch batch = stream.outbox.take();
  std::unique_ptr<Greeting> greeting = std::move(stream.greeting);
  if (greeting && !std::exchange(greeting->announced, true)) {
    heading.from = greeting->from;
    heading.to = greeting->to;
  }
  bool introduced = greeting && greeting->opened && (!batch.pieces.empty() || greeting->without_features);
  if (introduced) {
    heading.authid = greeting->authid;
    heading.xmpp_version = greeting->xmpp_version;
    heading.features = true;
  }
  std::string payloads = std::move(batch.payloads);
  if (stream.farewell) {
    heading.terminate = true;
    heading.condition = stream.farewell->condition;
    heading.features = heading.features || !stream.farewell->stream_error.empty();
    payloads += stream.farewell->stream_error;
  }
  answer.body = write_answer(heading, payloads);
  if (polling_ && !payloads.empty()) polling_->answered_with_payloads();  // a stream's error is one, too
  if (!batch.pieces.empty()) answer.payloads_at = answer.body.find(payloads);
  answer.stream = stream.number;
  answer.pieces = std::move(batch.pieces);
  if (greeting && !introduced) stream.greeting = std::move(greeting);
  if (stream.farewell) streams_.drop(stream.number, now_);
}

Heading Session::heading_for(Rid rid) const {
  Heading heading;
  if (acks_ && window_.received() != rid) heading.ack = window_.received().value;  // B-65
  return heading;
}

Report Session::take_report() {
  constexpr Duration kMost{65'535};
  Duration age = std::min(now_ - *std::exchange(report_since_, std::nullopt), kMost);
  return {reported_.value, static_cast<std::uint16_t>(age.count())};
}

// U-36: above the mark the server is not read, until half of it has gone.
void Session::throttle(Actions& out) {
  for (Stream& stream : streams_.all()) {
    if (!stream.open()) continue;
    const Outbox& outbox = stream.outbox;
    bool on = stream.reading ? outbox.bytes() <= max_pending_ : outbox.empty() || outbox.bytes() < max_pending_ / 2;
    if (on != stream.reading) out.push_back(ReadServer{stream.number, on});
    stream.reading = on;
  }
}

// --- what can be seen from outside ---

std::optional<Instant> Session::next_deadline() const {
  std::optional<Instant> next;
  auto also = [&next](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (state_ == State::Ended) also(ending_->forget_at);
  if (!running()) return next;
  if (idle_since_) also(*idle_since_ + patience());
  if (gap_since_) also(*gap_since_ + gap_timeout_);
  for (const auto& open : window_.held()) {
    if (open.live) also(due(open));
  }
  return next;
}

View Session::view() const {
  std::size_t pending = 0;
  for (const Stream& stream : streams_.all()) pending += stream.outbox.bytes();
  return {state_,
          window_.last(),
          window_.answered(),
          window_.requests(),
          window_.live(),
          window_.early().size(),
          pending,
          pause_.has_value(),
          acks_,
          wait_,
          patience(),
          hold_};
}

bool Session::is_consistent() const {
  auto deadline = next_deadline();
  if (deadline && *deadline <= now_) return false;
  const auto& held = window_.held();
  bool at_rest = !creation_ && held.empty() && window_.early().empty() && streams_.size() == 0;
  switch (state_) {
    case State::Opening:
    case State::Open: {
      if (ending_ || !deadline || !window_.is_consistent() || streams_.size() == 0) return false;
      if ((state_ == State::Opening) != (creation_ != nullptr)) return false;
      if (held.size() > most_held() || (window_.early().empty() != !gap_since_)) return false;
      if ((window_.live() == 0) != idle_since_.has_value() || (pause_ && !held.empty())) return false;
      if (streams_.open_count() > max_streams_ || streams_.size() > std::size_t{2} * max_streams_) return false;
      bool front_lives = !held.empty() && held.front().live;
      if (front_lives ? anything_to_say() : held.size() > 1) return false;
      return std::ranges::all_of(streams_.all(), [this](const Stream& stream) {
        return stream.outbox.is_consistent() &&
               (stream.outbox.bytes() <= max_pending_ || !stream.reading || !stream.open());
      });
    }
    case State::Ended:
      return ending_ && at_rest;
    case State::Forgotten:
      return !ending_ && at_rest;
  }
  return false;
}

}  // namespace nxb::bosh
