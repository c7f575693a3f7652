// worker/bosh/session_end.cc - how a session ends, and what it says afterwards; see session.h.
// One function for each way to end; all end in remember(), so that it ends exactly once (B-110).
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>
#include <utility>

#include "worker/bosh/session.h"

namespace nxb::bosh {

namespace {

constexpr Duration kRememberedBeyondWait{5'000};  // B-82

const OpenRequest* lowest_live(const std::vector<OpenRequest>& open) {
  for (const auto& request : open) {
    if (request.live) return &request;
  }
  return nullptr;
}

}  // namespace

// The client broke a rule: the request at fault is told, the others that they are not at fault (B-107).
void Session::end_by_fault(OpenRequest fault, Condition condition, std::string_view why, Actions& out) {
  Remains remains = surrender(upstream::Parting::ClientLost);
  say_to_all(Condition::OtherRequest, out);
  if (fault.live) out.push_back(Respond{fault.id, http_status(condition, legacy_), write_terminate(condition)});
  finish({why, condition}, std::move(remains), out);
}

// The missing rid will not come any more (B-55).
void Session::end_by_gap(Actions& out) {
  Remains remains = surrender(upstream::Parting::ClientLost);
  Rid last = window_.last();
  for (const auto& open : window_.abandon()) {
    if (!open.live) continue;
    Condition condition = open.rid > last ? Condition::ItemNotFound : Condition::OtherRequest;
    say_at_end(open, terminate_with(condition, open.rid), out);
  }
  finish({"gap in the rids", Condition::ItemNotFound}, std::move(remains), out);
}

// B-81. The terminate request is the last of those held; what is open above it was never looked at. A dead request is
// answered too, for its resend.
void Session::end_by_client(Actions& out) {
  Remains remains = surrender(upstream::Parting::ClientClosed);
  Rid own = window_.last();
  auto all = window_.abandon();
  const OpenRequest* oldest = lowest_live(all);
  Rid told = oldest && oldest->rid < own ? oldest->rid : own;
  for (const auto& open : all) {
    say_at_end(open, open.rid == told ? terminate_with(Condition::None, told) : compose_quiet(open), out);
  }
  finish({"client terminated", Condition::None, EndedBy::Client}, std::move(remains), out);
}

// What is pending, then the server's own words, in one answer (B-83, B-102); kept for the next request if none is open.
// Of several streams only the last gets here, once nothing of them is pending.
void Session::end_by_server(upstream::Closed& closed, Actions& out) {
  std::uint64_t undelivered = streams_.undelivered();
  std::string words;
  for (Stream& stream : streams_.all()) words += stream.outbox.take().payloads;
  words += closed.stream_error;
  Rid answered = window_.answered();
  Instant gone_at = idle_since_.value_or(now_) + patience();  // when the client, should it not come, would be given up

  auto all = window_.abandon();
  const OpenRequest* first = lowest_live(all);
  auto word = terminate_with(closed.condition, first ? std::optional(first->rid) : std::nullopt, words);
  if (first) undelivered = 0;
  for (const auto& open : all) {
    if (&open == first) {
      say_at_end(open, std::move(word), out);
    } else if (open.live) {
      bool graceful = closed.condition == Condition::None;
      say_at_end(open, graceful ? compose_quiet(open) : terminate_with(Condition::OtherRequest, open.rid), out);
    }
  }
  out.push_back(Ended{upstream::reason(closed), closed.condition, undelivered, upstream::ended_by(closed), true});
  remember(closed.condition);
  ending_->answered = answered;
  if (first) {
    last_word_told_to(first->rid);
  } else {
    ending_->last_word = std::move(word);
    ending_->forget_at = std::max(ending_->forget_at, gone_at);
  }
}

// Its answer may be lost on the way: then the client has as long to ask again as a running session gives it.
void Session::last_word_told_to(Rid rid) {
  ending_->told = rid;
  ending_->forget_at = now_ + std::max<Duration>(wait_ + kRememberedBeyondWait, inactivity_);
}

void Session::end_by_operator(std::string_view why, Condition condition, Actions& out) {
  Remains remains = surrender(upstream::Parting::ClientLost);
  say_to_all(condition, out);
  finish({why, condition, EndedBy::Operator}, std::move(remains), out);
}

// Nobody is there to be told; later requests find nothing (B-71).
void Session::end_silently(std::string_view why, Actions& out) {
  Remains remains = surrender(upstream::Parting::ClientLost);
  say_to_all(Condition::ItemNotFound, out);  // only whoever guessed the sid before it was given out
  finish({why}, std::move(remains), out);
  ending_.reset();
  keys_.reset();
  window_.forget();
  move_to(State::Forgotten);
}

// One whose connection died hears what a later request hears.
void Session::say_to_all(Condition condition, Actions& out) {
  for (const auto& open : window_.abandon()) {
    if (open.live) say_at_end(open, terminate_with(condition, open.rid), out);
  }
}

// Answers one of the requests that are open at the end; kept for a resend (B-82).
void Session::say_at_end(const OpenRequest& request, std::unique_ptr<Answer> answer, Actions& out) {
  respond(request, answer.get(), out);
  window_.keep_at_end(request.rid, std::move(answer), now_);
}

void Session::finish(const End& end, Remains remains, Actions& out) {
  for (CloseStream& close : remains.closing) out.push_back(std::move(close));
  out.push_back(Ended{end.why, end.condition, remains.undelivered, end.by});
  remember(end.condition);
}

void Session::remember(Condition condition) {
  creation_.reset();
  polling_.reset();
  pause_.reset();
  idle_since_.reset();
  gap_since_.reset();
  report_since_.reset();
  streams_.clear();
  ending_ = std::make_unique<Ending>();
  ending_->condition = condition;
  ending_->forget_at = now_ + wait_ + kRememberedBeyondWait;
  move_to(State::Ended);
}

// Stream by stream. An ended one can bounce nothing any more; its stanzas are counted.
Session::Remains Session::surrender(upstream::Parting parting) {
  Remains remains;
  for (Stream& stream : streams_.all()) {
    auto undelivered = surrender(stream);
    remains.undelivered += stanzas_among(undelivered);
    if (stream.open()) remains.closing.push_back({stream.number, parting, std::move(undelivered)});
  }
  return remains;
}

// What the client never got: stanzas in answers that no later request confirmed, then those pending (B-103).
std::vector<xmpp::Stanza> Session::surrender(Stream& stream) {
  std::vector<xmpp::Stanza> undelivered;
  window_.unconfirmed(stream.number, undelivered);
  auto pending = stream.outbox.surrender();
  undelivered.insert(undelivered.end(), std::make_move_iterator(pending.begin()),
                     std::make_move_iterator(pending.end()));
  return undelivered;
}

std::unique_ptr<Answer> Session::terminate_with(Condition condition, std::optional<Rid> rid,
                                                std::string_view payloads) const {
  Heading heading = rid ? heading_for(*rid) : Heading();
  heading.terminate = true;
  heading.condition = condition;
  heading.features = condition == Condition::RemoteStreamError;
  auto answer = std::make_unique<Answer>();
  answer->status = http_status(condition, legacy_);
  answer->body = write_answer(heading, payloads);
  return answer;
}

void Session::answer_after_end(RequestArrived& arrived, Actions& out) {
  const Body& body = arrived.body;
  if (state_ == State::Forgotten) {
    out.push_back(Respond{arrived.id, 200, write_terminate(Condition::ItemNotFound)});
    return;
  }
  // A key is used up only by a rid that can still be answered, or the keys of an ended session could grow without end.
  bool in_window = body.rid && body.rid->value <= window_.last().value + window_.requests() + 1;
  bool genuine = in_window && has_its_key(body);
  KeptAnswer* kept = genuine ? window_.find_kept(*body.rid) : nullptr;
  if (kept && kept->resends < kMaxResends) {  // B-50: each repeat may be a large answer to somebody who does not read
    ++kept->resends;
    const Answer* answer = kept->answer.get();
    out.push_back(Respond{arrived.id, answer ? answer->status : 200, answer ? answer->body : write_answer({}), true});
    return;
  }
  bool unanswered = genuine && !kept && body.problem == Condition::None && *body.rid > ending_->answered;
  if (unanswered && ending_->last_word) {
    last_word_told_to(*body.rid);
    return say_at_end({*body.rid, arrived.id, now_}, std::move(ending_->last_word), out);
  }
  if (unanswered && *body.rid < ending_->told) {
    return say_at_end({*body.rid, arrived.id, now_}, nullptr, out);
  }
  // Without a condition it is as if the sid had never been given out.
  bool known = ending_->condition != Condition::None;
  Condition condition = known ? ending_->condition : Condition::ItemNotFound;
  out.push_back(Respond{arrived.id, known ? http_status(condition, legacy_) : 200, write_terminate(condition)});
}

std::size_t Session::remembered_bytes() const {
  return window_.kept_bytes() + (ending_ && ending_->last_word ? ending_->last_word->body.size() : 0);
}

// B-51, B-85: whoever has no keys does not hear what was meant for the client.
bool Session::has_its_key(const Body& body) {
  if (!keys_) return true;
  if (*body.rid <= window_.last() || keys_->took(*body.rid)) return keys_->is_repeat(*body.rid, body.key);
  return keys_->take(*body.rid, body.key, body.newkey);
}

}  // namespace nxb::bosh
