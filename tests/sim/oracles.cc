// tests/sim/oracles.cc - the oracles: what the session does about it; see witness.h.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "marks.h"
#include "witness.h"

namespace nxb::sim {

namespace {

constexpr std::size_t kMostKept = 16;  // H-44

std::uint64_t seconds(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

void Witness::after(const bosh::Session& session, const bosh::Actions& actions) {
  ends_now_ = false;
  for (const auto& action : actions) {
    const auto* end = std::get_if<bosh::Ended>(&action);
    if (!end) continue;
    ends_now_ = true;
    end_condition_ = end->condition;
  }
  for (const auto& action : actions) {
    process_early();
    // An early request may be what it ended for.
    bool allowed = judgement_.must_end == 0 && (judgement_.may_end & bit(end_condition_)) != 0;
    if (ends_now_ && allowed) lenient_ = true;
    if (lenient_) in_order_ = false;
    std::visit([this](const auto& known) { on_action(known); }, action);
  }
  process_early();
  complete_dead();
  bool judged = judgement_.replay || judgement_.after_end || judgement_.must_end != 0;
  bool left = judged && waits(asked_);
  world_.expect(!left, "a repeated or refused request is left unanswered");
  world_.expect(!waits(superseded_), "a superseded connection is left unanswered");
  check_tasks();
  if (ended_) {
    world_.expect(waiting_.empty(), "a request is left open after the end");
  } else {
    world_.expect(judgement_.must_end == 0, "a request that must end the session did not");
    world_.expect(!shut_down_ && !server_gone_ && !terminate_taken_ && !creation_gone_, "the session did not end");
    check_running();
    check_clocks();
  }
  check_deadline(session);
  world_.expect(session.is_consistent(), "is_consistent()");
  check_forgotten(session);
}

// What processed requests cause, no more and no less.
void Witness::check_tasks() {
  bool none = forwards_.empty() && opens_.empty() && restarts_.empty() && closes_.empty();
  if (none) return;
  if (!lenient_) {
    world_.expect(forwards_.empty(), "payloads of a processed request are not forwarded (B-43, B-57)");
    world_.expect(opens_.empty(), "a stream that was asked for is not opened (B-90)");
    world_.expect(restarts_.empty(), "a stream is not restarted (B-99)");
    world_.expect(closes_.empty(), "a stream that was terminated is not closed (B-96)");
  }
  forwards_.clear();
  opens_.clear();
  restarts_.clear();
  closes_.clear();
}

void Witness::on_action(const bosh::Forward& forward) {
  auto at = std::ranges::find(forwards_, forward.stream, &Errand::stream);
  bool right = at != forwards_.end() && at->what == forward.elements;
  if (world_.expect(right, "payloads that no processed request brought, or to the wrong stream (B-43, B-92)")) {
    forwards_.erase(at);
  }
}

void Witness::on_action(const bosh::OpenStream& open) {
  const Stream* stream = streams_.find(open.stream);
  bool right = stream && std::erase(opens_, open.stream) == 1 && open.spec.domain == stream->from;
  world_.expect(right, "a stream that nobody asked for (B-90)");
}

void Witness::on_action(const bosh::RestartStream& restart) {
  auto at = std::ranges::find(restarts_, restart.stream);
  if (world_.expect(at != restarts_.end(), "a stream is restarted without request (B-99)")) restarts_.erase(at);
}

// B-54: the lowest request is dead and will not be repeated before a higher one.
void Witness::complete_dead() {
  if (ended_ || (ends_now_ && (!(in_order_ || end_told_) || terminate_taken_))) return;
  auto& held = rids_.held();
  while (!held.empty() && !held.front().live) {
    bool pushed = held.size() > 1 || held.size() > most_held() || before_pause(held.front().rid);
    if (!pushed) return;
    keep("<body xmlns='http://jabber.org/protocol/httpbind'/>", true, 0, 0);
  }
}

void Witness::keep(std::string text, bool silent, bosh::StreamNumber stream, std::uint64_t upto) {
  const Held& held = rids_.held().front();
  bool pause = held.rid == pause_now_;
  if (held.rid == previous_.rid) previous_said_something_ = has_payloads(text);
  Kept kept{held.rid, std::move(text), silent, world_.now, held.resends, held.key, stream, upto};
  rids_.answer(std::move(kept), pause, [this](const Kept& freed) { streams_.know(freed, true); });
}

void Witness::on_action(const bosh::Respond& respond) {
  auto at = std::ranges::find(waiting_, respond.to, &Waiting::id);
  if (!world_.expect(at != waiting_.end(), "a connection is answered that is owed nothing (conservation)")) return;
  std::uint64_t rid = at->rid;
  answered_since_ = at->since;
  waiting_.erase(at);
  if (is_recoverable(respond.body)) {
    world_.expect(respond.to == superseded_, "a recoverable error without a newer connection (B-49)");
    return;
  }
  bool of_stream = is_terminate(respond.body) && present(attribute(respond.body, "stream"));
  // The end comes when all is told (B-97); what is told again is no news.
  if (of_stream && !respond.replay && !ended_ && !lenient_) end_told_ = true;
  complete_dead();
  bool before_end = (in_order_ || end_told_) && !rids_.held().empty() &&
                    (of_stream || (!terminate_taken_ && was_due())) && rids_.held().front().rid == rid;
  if (ended_ || (ends_now_ && !before_end)) return on_answer_at_end(respond, rid);
  bool of_session = is_terminate(respond.body) && !present(attribute(respond.body, "stream"));
  world_.expect(!of_session, "a terminate without an end");
  if (respond.to == asked_ && judgement_.replay) return on_replay(respond, rid);
  on_first_answer(respond, rid);
}

void Witness::on_replay(const bosh::Respond& respond, std::uint64_t rid) {
  Kept* kept = rids_.find_kept(rid);
  bool fresh = kept && kept->silent && !has_payloads(respond.body) && !is_terminate(respond.body);
  if (fresh) kept->text = respond.body;
  if (fresh) kept->silent = false;
  world_.expect(kept && respond.replay && respond.body == kept->text, "a repeat is not byte-identical (B-47)");
}

bool Witness::lowest_is_due() const {
  const auto& held = rids_.held();
  if (held.empty() || !held.front().live) return false;
  bool news = streams_.owes() || !reports_due_.empty();
  if (news || held.size() > most_held() || before_pause(held.front().rid)) return true;
  return std::ranges::any_of(waiting_, [this](const Waiting& waiting) {  // one above pushes this one (B-44)
    return waiting.rid <= rids_.last() && waiting.since + longest_wait() <= world_.now;
  });
}

// The same of the one that is being answered, which is no longer among those that wait.
bool Witness::was_due() const { return lowest_is_due() || answered_since_ + longest_wait() <= world_.now; }

void Witness::on_first_answer(const bosh::Respond& respond, std::uint64_t rid) {
  complete_dead();
  auto& held = rids_.held();
  if (!world_.expect(!held.empty() && held.front().rid == rid, "answers do not leave in rid order (B-44)")) return;
  world_.expect(!respond.replay, "a first answer is called a replay");
  bool pause_itself = pause_now_ != 0 && rid == pause_now_;
  bool late = present(attribute(respond.body, "report")) && !reports_late_.empty();
  bool reason = late || was_due() || !creation_answered_;
  world_.expect(reason, "an empty answer before its time (B-60, B-61)");
  bosh::StreamNumber stream = 0;
  std::uint64_t upto = 0;
  if (pause_itself) {
    world_.expect(!has_payloads(respond.body), "the answer of a pause has payloads (B-73)");
  } else {
    bool owed = streams_.owes();
    streams_.say(respond.body, !creation_answered_, stream, upto);
    bool says = has_payloads(respond.body) || present(attribute(respond.body, "stream")) ||
                present(attribute(respond.body, "authid")) || !creation_answered_;
    world_.expect(!owed || says, "an empty answer although there is something to say (B-59)");
  }
  if (!creation_answered_) on_creation_answer(respond.body, rid);
  on_ack(respond.body, rid);
  on_report(respond.body);
  keep(respond.body, false, stream, upto);
  creation_answered_ = true;
}

// B-30 to B-38.
void Witness::on_creation_answer(std::string_view text, std::uint64_t rid) {
  auto is = [this, text](std::string_view name, std::uint64_t value) {
    bool right = present(attribute(text, name)) ? number_attribute(text, name) == value : value == 0;
    world_.expect(right, "the creation answer says something else than is granted (B-30)");
  };
  world_.expect(attribute(text, "sid") == "sid", "the creation answer names the session (B-30)");
  is("wait", seconds(granted_.wait));
  is("hold", granted_.hold_told);
  is("requests", granted_.requests);
  is("inactivity", seconds(granted_.inactivity));
  is("maxpause", seconds(granted_.max_pause));
  is("polling", granted_.polls ? seconds(granted_.polling) : 0);
  if (!granted_.acks) is("ack", 0);
  std::uint64_t ack = number_attribute(text, "ack");
  world_.expect(!granted_.acks || ack == rid || ack == rids_.last(), "acks begin in the creation answer (B-33)");
  std::string_view name = attribute(text, "stream");
  bool right = streams_.offered() ? name == streams_.all().front().name : !present(name);
  world_.expect(right, "the creation answer names the stream if there may be several (B-38)");
}

// B-65.
void Witness::on_ack(std::string_view text, std::uint64_t rid) {
  if (!creation_answered_) return;
  std::uint64_t right = granted_.acks && rids_.received() != rid ? rids_.received() : 0;
  world_.expect(number_attribute(text, "ack") == right, "an answer acknowledges the wrong rid, or none (B-65)");
}

// B-67, B-68.
void Witness::on_report(std::string_view text) {
  std::uint64_t rid = number_attribute(text, "report");
  if (rid == 0) {
    world_.expect(!present(attribute(text, "time")), "a time without report (B-67)");
    return;
  }
  auto due = std::ranges::find(reports_due_, rid, &Missed::rid);
  std::vector<Missed>& from = due == reports_due_.end() ? reports_late_ : reports_due_;
  due = std::ranges::find(from, rid, &Missed::rid);
  if (!world_.expect(due != from.end(), "a report that is not due, or again (B-67)")) return;
  auto ms = static_cast<std::uint64_t>((world_.now - due->composed).count());
  world_.expect(number_attribute(text, "time") == std::min<std::uint64_t>(ms, 65'535),
                "a report has the wrong time (B-67)");
  from.erase(due);
  reported_.push_back(rid);
  highest_reported_ = std::max(highest_reported_, rid);
  if (reported_.size() > 64) reported_.erase(reported_.begin());
}

void Witness::check_running() {
  std::size_t in_order = 0;
  for (const auto& waiting : waiting_) {
    if (waiting.rid > rids_.last()) continue;
    ++in_order;
    Duration most = creation_answered_ ? longest_wait() : granted_.creation_wait;
    world_.expect(waiting.since + most > world_.now, "a request is held longer than wait (B-61)");
  }
  world_.expect(in_order <= most_held(), "more requests are held than hold allows (B-60, U-36)");
  world_.expect(waiting_.size() <= granted_.hold + granted_.requests + 1,
                "more requests are open than the window allows");
  const auto& held = rids_.held();
  world_.expect(held.empty() || !before_pause(held.front().rid), "a pause leaves a request open (B-73)");
  bool takes = !held.empty() && held.front().live;
  streams_.check(takes);
  world_.expect(reports_due_.empty() || !takes, "a report is due and not made (B-67)");
  reports_late_.insert(reports_late_.end(), reports_due_.begin(), reports_due_.end());
  reports_due_.clear();
  world_.expect(rids_.kept().size() <= kMostKept, "more answers are kept than is allowed (H-44)");
  world_.expect(streams_.ever() == 1 || streams_.open() != 0 || streams_.owes() || !takes,
                "a session without streams lives on (B-97)");
}

void Witness::check_clocks() {
  if (!waiting_.empty()) {
    idle_since_.reset();
  } else if (!idle_since_) {
    idle_since_ = world_.now;
  }
  world_.expect(!idle_since_ || world_.now < *idle_since_ + idle_limit(),
                "an inactive session lives on (B-70, B-73, O-32)");
  world_.expect(!gap_since_ || world_.now < *gap_since_ + granted_.gap, "a gap lasts too long (B-55)");
}

void Witness::check_deadline(const bosh::Session& session) {
  auto deadline = session.next_deadline();
  world_.expect(!deadline || *deadline > world_.now, "a deadline that is not in the future: a busy loop");
  world_.expect(deadline.has_value() != (session.state() == bosh::State::Forgotten), "a session without a deadline");
}

}  // namespace nxb::sim
