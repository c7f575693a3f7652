// tests/sim/endings.cc - the oracles: how a session ends, and what it says then; see witness.h.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "marks.h"
#include "witness.h"

namespace nxb::sim {

// The request at fault hears what it did (B-110). True if this was its answer.
bool Witness::told_at_fault(const bosh::Respond& respond) {
  bool of_this = ends_now_ && judgement_.must_end != 0 && respond.to == judgement_.at_fault;
  if (!of_this) return false;
  bool said = false;
  for (unsigned i = 0; i < 32; ++i) {
    auto condition = static_cast<bosh::Condition>(i);
    if (((judgement_.must_end | judgement_.may_end) >> i & 1) == 0) continue;
    said = said || attribute(respond.body, "condition") == bosh::wire_name(condition);
  }
  world_.expect(said && is_terminate(respond.body), "the request at fault is not told so (B-110)");
  return true;
}

// During the end and after it: what was answered stays as it was; only one answer can bring something new.
void Witness::on_answer_at_end(const bosh::Respond& respond, std::uint64_t rid) {
  bool of_session = is_terminate(respond.body) && !present(attribute(respond.body, "stream"));
  told_at_end_ = told_at_end_ || of_session;
  if (told_at_fault(respond) || lenient_) return;
  Kept* known = rids_.find_kept(rid);
  if (forgotten_) {
    bool right = is_terminate(respond.body) && attribute(respond.body, "condition") == "item-not-found";
    world_.expect(right && !has_payloads(respond.body), "a forgotten session remembers");
    return;
  }
  if (respond.replay) {
    bool first = (!known && rid > rids_.answered()) || (known && known->silent);  // nobody heard it, or the last words
    if (first) rids_.keep_at_end({rid, respond.body, false, world_.now, 0, {}, 0, 0});
    bool same = known && respond.body == known->text;
    world_.expect(first || same, "a repeat after the end differs (B-82)");
    if (Kept* told = rids_.find_kept(rid)) {
      world_.expect(++told->repeats_after_end <= kMaxResends, "an answer is repeated without end (B-50)");
    }
    return;
  }
  bool recent = rid + granted_.requests > rids_.answered();
  bool still_kept = known && recent && known->repeats_after_end < kMaxResends && !known->silent && !expected_key_;
  world_.expect(!still_kept, "an answer is forgotten at the end (B-82)");
  bool by_server = server_gone_ || streams_.open() == 0;
  world_.expect(!has_marks(respond.body) || by_server, "payloads in an end that is not the server's");
  if (!by_server && !has_marks(respond.body)) {
    if (ends_now_) rids_.keep_at_end({rid, respond.body, false, world_.now, 0, {}, 0, 0});
    return;
  }
  bosh::StreamNumber stream = 0;
  std::uint64_t upto = 0;
  if (has_marks(respond.body)) streams_.say(respond.body, !creation_answered_, stream, upto);
  bool takes_word =
      !ends_now_ && waits_for_word_ && !odd_ && rid > rids_.answered() && rid <= rids_.last() + granted_.requests + 1;
  if (takes_word) waits_for_word_ = false, last_word_now_ = true;
  if (ends_now_ || has_marks(respond.body)) {
    rids_.keep_at_end({rid, respond.body, false, world_.now, 0, {}, stream, upto});
  }
}

void Witness::on_action(const bosh::CloseStream& close) {
  bool single = std::erase(closes_, close.stream) != 0;
  streams_.on_close(close, !single);
  bool by_client = single || terminate_taken_;
  world_.expect((close.parting == upstream::Parting::ClientClosed) == by_client, "the wrong parting (U-58)");
  world_.expect(single || ends_now_, "a stream is closed while the session goes on");
}

void Witness::on_action(const bosh::Ended& end) {
  world_.expect(!ended_, "the session ends twice (B-110)");
  world_.note("end");
  world_.note_text(end.why);
  if (world_.traced()) world_.trace("end " + std::string(end.why));
  ended_ = true;
  why_ = end.why;
  condition_ = end.condition;
  world_.expect(lenient_ || server_gone_ || streams_.open() == 0, "a stream is left open at the end");
  world_.expect(lenient_ || right_reason(), "the session ended without reason");
}

bool Witness::right_reason() const {
  if (judgement_.must_end != 0) return ((judgement_.must_end | judgement_.may_end) & bit(condition_)) != 0;
  if (why_ == "inactivity" || why_ == "aborted by client") {
    bool right_word = (why_ == "inactivity") != is_aborted();
    return right_word && idle_since_ && world_.now == *idle_since_ + idle_limit();
  }
  if (why_ == "gap in the rids") return gap_since_ && world_.now == *gap_since_ + granted_.gap;
  if (why_ == "client terminated") return terminate_taken_;
  if (why_ == "client gone before creation") return creation_gone_;
  if (why_ == "shutdown") return shut_down_;
  return ended_by_server();
}

bool Witness::ended_by_server() const {
  bool called_so = why_ == "server closed" || why_ == "server lost" || why_ == "stream error";
  return called_so && (server_gone_ || streams_.ever() > 1);
}

void Witness::check_forgotten(const bosh::Session& session) {
  bool forgotten = session.state() == bosh::State::Forgotten;
  if (ends_now_) {
    // What the server said last waits for the client as long as the session would have done (B-83).
    bool by_server = ended_by_server();
    Instant given_up = idle_since_.value_or(world_.now) + idle_limit();
    remembered_until_ = world_.now + granted_.wait + 5s;
    waits_for_word_ = by_server && !told_at_end_;
    unsure_end_ = waits_for_word_ && expected_key_;  // the word is for the one with the right key
    if (waits_for_word_) remembered_until_ = std::max(remembered_until_, given_up);
    last_word_now_ = by_server && told_at_end_;
  }
  // The answer that tells it may be lost: the client has the inactivity to ask again.
  if (last_word_now_)
    remembered_until_ = world_.now + std::max<Duration>(granted_.wait + 5s, granted_.inactivity + granted_.grace);
  if (forgotten && !forgotten_ && !ends_now_ && !unsure_end_) {
    world_.expect(world_.now == remembered_until_, "the end is not remembered for wait+5 s, or not long enough (B-82)");
  }
  forgotten_ = forgotten;
}

}  // namespace nxb::sim
