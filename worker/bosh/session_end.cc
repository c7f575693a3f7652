// worker/bosh/session_end.cc - how a session ends, and what it says afterwards; see session.h.
// One function for each way to end; all end in remember(), so that it ends exactly once (B-110).
// SPDX-License-Identifier: MIT
#include <iterator>
#include <utility>

#include "worker/bosh/session.h"

namespace nxb::bosh {

namespace {

constexpr Duration kRememberedBeyondWait{5'000};  // B-82

std::string_view reason(const upstream::Closed& closed) {
  if (!closed.stream_error.empty()) return "stream error";
  return closed.condition == Condition::None ? "server closed" : "server lost";
}

const OpenRequest* lowest_live(const std::vector<OpenRequest>& open) {
  for (const auto& request : open) {
    if (request.live) return &request;
  }
  return nullptr;
}

}  // namespace

// The client broke a rule: the request at fault is told, the others that they are not at fault (B-107).
void Session::end_by_fault(RequestId fault, Condition condition, std::string_view why, Actions& out) {
  auto undelivered = surrender();
  say_to_all(Condition::OtherRequest, out);
  out.push_back(Respond{fault, http_status(condition, legacy_), write_terminate(condition)});
  finish({why, condition}, std::move(undelivered), out);
}

// The missing rid will not come any more (B-55).
void Session::end_by_gap(Actions& out) {
  auto undelivered = surrender();
  Rid last = window_.last();
  for (const auto& open : window_.abandon()) {
    if (!open.live) continue;
    Condition condition = open.rid > last ? Condition::ItemNotFound : Condition::OtherRequest;
    say_at_end(open, terminate_with(condition), out);
  }
  finish({"gap in the rids", Condition::ItemNotFound}, std::move(undelivered), out);
}

// B-81. The terminate request is the last of those held; what is open above it was never looked at. A dead request is
// answered too, for its resend.
void Session::end_by_client(Actions& out) {
  auto undelivered = surrender();
  Rid own = window_.last();
  auto all = window_.abandon();
  const OpenRequest* oldest = lowest_live(all);
  Rid told = oldest && oldest->rid < own ? oldest->rid : own;
  for (const auto& open : all) {
    say_at_end(open, open.rid == told ? terminate_with(Condition::None) : nullptr, out);
  }
  finish({"client terminated", Condition::None, upstream::Parting::ClientClosed}, std::move(undelivered), out);
}

// What is pending, then the server's own words, in one answer (B-83, B-102); kept for the next request if none is open.
void Session::end_by_server(upstream::Closed& closed, Actions& out) {
  std::uint64_t undelivered = outbox_.count();
  auto word = std::make_unique<Answer>();
  word->status = http_status(closed.condition, legacy_);
  word->body = write_terminate(closed.condition, outbox_.take().payloads + closed.stream_error);
  Rid answered{window_.last().value - window_.held().size()};

  auto all = window_.abandon();
  const OpenRequest* first = lowest_live(all);
  if (first) undelivered = 0;
  for (const auto& open : all) {
    if (&open == first) {
      say_at_end(open, std::move(word), out);
    } else if (open.live) {
      say_at_end(open, closed.condition == Condition::None ? nullptr : terminate_with(Condition::OtherRequest), out);
    }
  }
  out.push_back(Ended{reason(closed), closed.condition, undelivered});
  remember(closed.condition);
  ending_->answered = answered;
  if (first) {
    ending_->told = first->rid;
  } else {
    ending_->last_word = std::move(word);
  }
}

void Session::end_by_shutdown(Actions& out) {
  auto undelivered = surrender();
  say_to_all(Condition::SystemShutdown, out);
  finish({"shutdown", Condition::SystemShutdown}, std::move(undelivered), out);
}

// Nobody is there to be told; later requests find nothing (B-71).
void Session::end_silently(std::string_view why, Actions& out) {
  auto undelivered = surrender();
  say_to_all(Condition::ItemNotFound, out);  // only whoever guessed the sid before it was given out
  finish({why}, std::move(undelivered), out);
  ending_.reset();
  window_.forget();
  move_to(State::Forgotten);
}

// One whose connection died hears what a later request hears.
void Session::say_to_all(Condition condition, Actions& out) {
  for (const auto& open : window_.abandon()) {
    if (open.live) say_at_end(open, terminate_with(condition), out);
  }
}

// Answers one of the requests that are open at the end; kept for a resend (B-82).
void Session::say_at_end(const OpenRequest& request, std::unique_ptr<Answer> answer, Actions& out) {
  if (request.live) {
    out.push_back(Respond{request.id, answer ? answer->status : 200, answer ? answer->body : write_answer({})});
  }
  window_.keep_at_end(request.rid, std::move(answer));
}

void Session::finish(const End& end, std::vector<xmpp::Stanza> undelivered, Actions& out) {
  std::uint64_t count = undelivered.size();
  out.push_back(CloseStream{end.parting, std::move(undelivered)});
  out.push_back(Ended{end.why, end.condition, count});
  remember(end.condition);
}

void Session::remember(Condition condition) {
  creation_.reset();
  idle_since_.reset();
  gap_since_.reset();
  ending_ = std::make_unique<Ending>();
  ending_->condition = condition;
  ending_->forget_at = now_ + wait_ + kRememberedBeyondWait;
  move_to(State::Ended);
}

// What the client never got: stanzas in answers that no later request confirmed, then those pending (B-103).
std::vector<xmpp::Stanza> Session::surrender() {
  std::vector<xmpp::Stanza> undelivered;
  window_.unconfirmed(undelivered);
  auto pending = outbox_.surrender();
  undelivered.insert(undelivered.end(), std::make_move_iterator(pending.begin()),
                     std::make_move_iterator(pending.end()));
  return undelivered;
}

std::unique_ptr<Answer> Session::terminate_with(Condition condition) const {
  auto answer = std::make_unique<Answer>();
  answer->status = http_status(condition, legacy_);
  answer->body = write_terminate(condition);
  return answer;
}

void Session::answer_after_end(RequestArrived& arrived, Actions& out) {
  const Body& body = arrived.body;
  if (state_ == State::Forgotten) {
    out.push_back(Respond{arrived.id, 200, write_terminate(Condition::ItemNotFound)});
    return;
  }
  if (KeptAnswer* kept = body.rid ? window_.find_kept(*body.rid) : nullptr) {
    const Answer* answer = kept->answer.get();
    out.push_back(Respond{arrived.id, answer ? answer->status : 200, answer ? answer->body : write_answer({}), true});
    return;
  }
  bool unanswered = body.rid && body.problem == Condition::None && *body.rid > ending_->answered &&
                    body.rid->value <= window_.last().value + window_.requests() + 1;
  if (unanswered && ending_->last_word) {
    ending_->told = *body.rid;
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

}  // namespace nxb::bosh
