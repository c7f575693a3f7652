// tests/sim/oracles.cc - the oracles, second half: what the session does about it; see witness.h.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "witness.h"

namespace nxb::sim {

void Witness::after(const bosh::Session& session, const bosh::Actions& actions) {
  ends_now_ =
      std::ranges::any_of(actions, [](const auto& action) { return std::holds_alternative<bosh::Ended>(action); });
  for (const auto& action : actions) {
    if (const auto* respond = std::get_if<bosh::Respond>(&action)) on_respond(*respond);
    if (const auto* forward = std::get_if<bosh::Forward>(&action)) forwarded_ += forward->count;
    if (const auto* close = std::get_if<bosh::CloseStream>(&action)) on_close(*close);
    if (const auto* end = std::get_if<bosh::Ended>(&action)) on_end(*end);
    if (const auto* read = std::get_if<bosh::ReadServer>(&action)) {
      world_.expect(read->on != reading_, "reading is switched to what it is");
      reading_ = read->on;
    }
  }
  complete_dead();
  world_.expect(!waiting_.contains(asked_) || must_ == Must::Nothing,
                "a repeated or refused request is left unanswered");
  world_.expect(!waiting_.contains(superseded_), "a superseded connection is left unanswered");
  world_.expect(forwarded_ == owed_upstream_,
                "payloads of processed requests, and no others, are forwarded (B-43, B-57)");
  if (ended_) {
    world_.expect(waiting_.empty(), "a request is left open after the end");
  } else {
    world_.expect(must_ == Must::Nothing || must_ == Must::Replay, "a request that must end the session did not");
    world_.expect(!shut_down_ && !server_gone_ && !terminate_taken_ && !creation_gone_, "the session did not end");
    check_running();
  }
  check_time(session);
  world_.expect(session.is_consistent(), "is_consistent()");
  bool forgotten = session.state() == bosh::State::Forgotten;
  if (forgotten && !forgotten_ && !ends_now_) {
    world_.expect(world_.now == ended_at_ + wait_ + 5s, "the end is not remembered for wait+5 s (B-82)");
  }
  forgotten_ = forgotten;
}

// B-54: the lowest request is dead and will not be repeated before a higher one.
void Witness::complete_dead() {
  while (!held_.empty() && !held_.front().live && (held_.size() > 1 || held_.size() > hold_)) {
    answers_[held_.front().rid] = bosh::write_answer({});
    held_.pop_front();
  }
}

void Witness::on_respond(const bosh::Respond& respond) {
  auto at = waiting_.find(respond.to);
  if (!world_.expect(at != waiting_.end(), "a connection is answered that is owed nothing (conservation)")) return;
  std::uint64_t rid = at->second.rid;
  answered_since_ = at->second.since;
  waiting_.erase(at);
  if (is_recoverable(respond.body)) {
    world_.expect(respond.to == superseded_, "a recoverable error without a newer connection (B-49)");
    return;
  }
  if (ends_now_ || ended_) return on_answer_at_end(respond, rid);
  world_.expect(!is_terminate(respond.body), "a terminate without an end");
  if (respond.to == asked_ && must_ == Must::Replay) {
    world_.expect(respond.replay && respond.body == answers_[rid], "a repeat is not byte-identical (B-47)");
    return;
  }
  on_first_answer(respond, rid);
}

void Witness::on_first_answer(const bosh::Respond& respond, std::uint64_t rid) {
  complete_dead();
  if (!world_.expect(!held_.empty() && held_.front().rid == rid, "answers do not leave in rid order (B-44)")) return;
  world_.expect(!respond.replay, "a first answer is called a replay");
  bool reason = pending_count_ != 0 || !creation_answered_ || held_.size() > hold_;
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.rid <= last_ && waiting.since + wait_ <= world_.now) reason = true;  // it pushes this one (B-44)
  }
  world_.expect(reason || answered_since_ + wait_ <= world_.now, "an empty answer before its time (B-60, B-61)");
  held_.pop_front();
  on_numbers(respond.body);
  world_.expect(said_ == sent_, "an answer left without everything that was pending (B-59)");
  pending_bytes_ = pending_count_ = 0;
  answers_[rid] = respond.body;
  said_by_[rid] = said_;
  creation_answered_ = true;
  answers_.erase(answers_.begin(), answers_.lower_bound(rid > 40 ? rid - 40 : 0));
}

void Witness::on_numbers(const std::string& text) {
  for (std::uint64_t number : numbers_in(text)) {
    if (!world_.expect(number == said_ + 1, "a stanza is lost, doubled or out of order (delivery)")) return;
    said_ = number;
  }
  world_.expect(said_ <= sent_, "a stanza from nowhere");
}

// During the end and after it: what was answered stays as it was; only one answer can bring something new.
void Witness::on_answer_at_end(const bosh::Respond& respond, std::uint64_t rid) {
  bool at_fault = respond.to == asked_ && ends_now_ && must_ != Must::Nothing;
  if (at_fault) {
    std::string_view condition = must_ == Must::EndPolicy ? "policy-violation" : "item-not-found";
    bool said = must_ == Must::EndProblem || respond.body.find(condition) != std::string::npos;
    world_.expect(said && is_terminate(respond.body), "the request at fault is not told so (B-110)");
    return;
  }
  auto known = answers_.find(rid);
  if (forgotten_) {
    world_.expect(respond.body == bosh::write_terminate(bosh::Condition::ItemNotFound),
                  "a forgotten session remembers");
  } else if (respond.replay) {
    bool first = known == answers_.end() && rid > last_ - held_.size();  // completed in silence, or the last words
    if (first) answers_[rid] = respond.body;
    bool same = known != answers_.end() && respond.body == known->second;
    world_.expect(first || same, "a repeat after the end differs (B-82)");
  } else {
    bool still_kept = known != answers_.end() && rid + requests_ > last_ - held_.size();
    world_.expect(!still_kept, "an answer is forgotten at the end (B-82)");
    world_.expect(numbers_in(respond.body).empty() || server_gone_, "payloads in an end that is not the server's");
    on_numbers(respond.body);
    if (ends_now_ || !numbers_in(respond.body).empty()) answers_[rid] = respond.body;
  }
}

void Witness::on_close(const bosh::CloseStream& close) {
  world_.expect(!closed_stream_ && !ended_ && !server_gone_, "the stream is closed again");
  closed_stream_ = true;
  world_.expect((close.parting == upstream::Parting::ClientClosed) == terminate_taken_, "the wrong parting (U-58)");
  auto dropped = said_by_.upper_bound(last_ - held_.size() - requests_);  // from here on answers are kept
  std::uint64_t next = dropped == said_by_.begin() ? confirmed_ : std::max(confirmed_, std::prev(dropped)->second);
  for (const auto& stanza : close.undelivered) {
    for (std::uint64_t number : numbers_in(stanza.bytes)) world_.expect(number == ++next, "undelivered out of order");
  }
  world_.expect(next == sent_, "stanzas that nobody got are not returned (B-103)");
}

void Witness::on_end(const bosh::Ended& end) {
  world_.expect(!ended_, "the session ends twice (B-110)");
  world_.note("end " + std::string(end.why));
  ended_ = true;
  ended_at_ = world_.now;
  why_ = end.why;
  world_.expect(closed_stream_ != server_gone_, "the stream is closed unless the server closed it");
  bool right = false;
  if (why_ == "inactivity") right = idle_since_ && world_.now == *idle_since_ + inactivity_;
  if (why_ == "gap in the rids") right = gap_since_ && world_.now == *gap_since_ + gap_;
  if (why_ == "client terminated") right = terminate_taken_;
  if (why_ == "client gone before creation") right = creation_gone_;
  if (why_ == "shutdown") right = shut_down_;
  if (why_ == "server closed" || why_ == "server lost" || why_ == "stream error") right = server_gone_;
  if (why_ == "rid outside window") right = must_ == Must::EndItemNotFound;
  if (why_ == "too many resends") right = must_ == Must::EndPolicy;
  if (why_ == "malformed rid" || why_ == "malformed request" || why_ == "rids used up")
    right = must_ == Must::EndProblem;
  world_.expect(right, "the session ended without reason");
}

void Witness::check_running() {
  std::size_t in_order = 0;
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.rid > last_) continue;
    ++in_order;
    Duration most = creation_answered_ ? wait_ : creation_wait_;
    world_.expect(waiting.since + most > world_.now, "a request is held longer than wait (B-61)");
  }
  world_.expect(in_order <= hold_, "more requests are held than hold allows (B-60)");
  world_.expect(waiting_.size() <= hold_ + requests_, "more requests are open than the window allows");
  bool takes = !held_.empty() && held_.front().live;
  world_.expect(!takes || pending_count_ == 0, "stanzas wait although a request is held (B-59)");
  world_.expect(pending_bytes_ <= max_pending_ || !reading_, "the server is read above max_pending (U-36)");
  world_.expect(reading_ || pending_bytes_ * 2 >= max_pending_, "the server is not read although there is room (U-36)");
  if (!waiting_.empty()) {
    idle_since_.reset();
  } else if (!idle_since_) {
    idle_since_ = world_.now;
  }
  world_.expect(!idle_since_ || world_.now < *idle_since_ + inactivity_, "an inactive session lives on (B-70)");
  world_.expect(!gap_since_ || world_.now < *gap_since_ + gap_, "a gap lasts too long (B-55)");
}

void Witness::check_time(const bosh::Session& session) {
  auto deadline = session.next_deadline();
  world_.expect(!deadline || *deadline > world_.now, "a deadline that is not in the future: a busy loop");
  world_.expect(deadline.has_value() != (session.state() == bosh::State::Forgotten), "a session without a deadline");
}

}  // namespace nxb::sim
