// tests/sim/witness.cc - the oracles: what the session is told; see witness.h.
// SPDX-License-Identifier: MIT
#include "witness.h"

#include <algorithm>

namespace nxb::sim {

namespace {}  // namespace

Witness::Witness(World& world, const bosh::SessionLimits& limits, const bosh::Body& creation, RequestId id)
    : world_(world),
      granted_(limits, creation),
      rids_(granted_, creation, id, world.now),
      streams_(world, granted_, creation),
      idle_limit_(granted_.inactivity + granted_.grace),
      asked_(id) {
  waiting_.push_back({id, creation.rid->value, world.now});
  if (creation.payload_count != 0) forwards_.push_back({1, creation.payloads});
  if (!creation.newkey.empty()) expected_key_ = creation.newkey;
  opens_.push_back(1);
}

void Witness::before(const bosh::Event& event) {
  judgement_ = {};
  asked_ = superseded_ = RequestId{};
  in_order_ = end_told_ = last_word_now_ = false;
  pause_now_ = 0;
  if (const auto* arrived = std::get_if<bosh::RequestArrived>(&event)) before_request(*arrived);
  if (const auto* gone = std::get_if<bosh::RequestGone>(&event)) before_gone(gone->id);
  if (const auto* spoke = std::get_if<bosh::ServerSpoke>(&event)) before_server(*spoke);
  if (std::holds_alternative<bosh::ShutDown>(event)) shut_down_ = true;
}

void Witness::must_end(RequestId at_fault, bosh::Condition condition) {
  judgement_.must_end |= bit(condition);
  judgement_.at_fault = at_fault;
}

const Witness::Waiting* Witness::find_waiting(RequestId id) const {
  auto at = std::ranges::find(waiting_, id, &Waiting::id);
  return at == waiting_.end() ? nullptr : &*at;
}

std::uint64_t Witness::said(bosh::StreamNumber number) const {
  const Stream* stream = streams_.find(number);
  return stream ? stream->said : 0;
}

void Witness::before_request(const bosh::RequestArrived& arrived) {
  asked_ = arrived.id;
  const bosh::Body& body = arrived.body;
  waiting_.push_back({arrived.id, body.rid ? body.rid->value : 0, world_.now});
  idle_since_.reset();
  if (ended_) {
    judgement_.after_end = true;
    odd_ = !body.rid || body.problem != bosh::Condition::None;
    return;
  }
  aborted_ = false;
  if (paused_ && (!body.rid || body.rid->value != pause_rid_)) {  // B-73
    paused_ = false;
    idle_limit_ = granted_.inactivity + granted_.grace;
  }
  if (!body.rid || body.problem != bosh::Condition::None) {
    bool used_up = !body.rid && rids_.last() == kRidMax.value;  // B-56
    bosh::Condition condition = body.rid ? body.problem : bosh::Condition::BadRequest;
    return must_end(arrived.id, used_up ? bosh::Condition::ItemNotFound : condition);
  }
  bool pause = body.pause && granted_.max_pause > Duration::zero();
  bool poll = body.payload_count == 0 && !body.restart && !body.terminate && !body.pause;
  std::uint64_t highest = rids_.last() + granted_.requests + (body.terminate || body.pause ? 1 : 0);
  if (body.rid->value > std::min(highest, kRidMax.value)) {
    // An attribute that is ignored (pause, where it is not offered) may or may not widen the window.
    return must_end(arrived.id, bosh::Condition::ItemNotFound);
  }
  if (body.pause && !pause && body.rid->value == highest) may_end(bosh::Condition::ItemNotFound);
  place({body.rid->value, arrived.id, world_.now, true, 0, body.key, poll}, body);
}

// A request that is not above the window.
void Witness::place(Held request, const bosh::Body& body) {
  std::uint64_t rid = request.rid;
  if (Held* open = rids_.find_open(rid)) return repeat(*open, request.id, body.key);
  if (rid <= rids_.last()) return repeat_answered(rid, body.key);
  prove_by_window(request, false);
  if (crowds(request, body)) return must_end(request.id, bosh::Condition::PolicyViolation);
  if (rid > rids_.last() + 1) return place_early(std::move(request), body);
  in_order_ = process(std::move(request), body);
}

// The early requests behind the one of this event, each when what is due before it was answered.
void Witness::process_early() {
  auto& early = rids_.early();
  while (in_order_ && !terminate_taken_ && !early.empty() && early.begin()->first == rids_.last() + 1) {
    complete_dead();
    if (lowest_is_due()) return;
    Early taken = std::move(early.begin()->second);
    early.erase(early.begin());
    in_order_ = process(std::move(taken.held), taken.body);
  }
  if (in_order_) gap_since_ = early.empty() ? std::nullopt : std::optional(world_.now);
}

// B-76, and in a polling session B-77: the last of as many as may be open is a poll, and came too soon.
bool Witness::crowds(const Held& request, const bosh::Body& body) {
  std::size_t open = rids_.live() + 1;
  bool ahead = request.rid > rids_.last() + 1;
  bool soon = last_arrival_ && world_.now - *last_arrival_ < granted_.polling * 9 / 10;
  last_arrival_ = world_.now;
  if (ahead && open > granted_.requests && !body.terminate && !body.pause) return true;
  if (!granted_.polls || granted_.requests < 2 || open < granted_.requests || !soon) return false;
  if (streams_.congested()) return false;  // it is not the client who leaves them open (U-36)
  const auto& early = rids_.early();
  if (early.empty() || early.rbegin()->first < request.rid) return request.poll && !adds_stream(body);
  return early.rbegin()->second.held.poll && !adds_stream(early.rbegin()->second.body);
}

void Witness::place_early(Held request, const bosh::Body& body) {
  if (!gap_since_) gap_since_ = world_.now;
  std::uint64_t rid = request.rid;
  rids_.early()[rid] = {std::move(request), body};
}

// A client polls only when it waits for no answer; otherwise only the window proves what it has read (B-103).
void Witness::prove_by_window(const Held& request, bool surely) {
  for (const auto& kept : rids_.kept()) {
    std::uint64_t out = request.poll ? std::max<std::uint64_t>(granted_.requests - 1, 1) : granted_.requests;
    bool proven = kept.rid + out <= request.rid;
    if (!proven || kept.composed > request.arrived) continue;
    streams_.know(kept, surely && kept.composed < request.arrived);
  }
}

void Witness::repeat(Held& held, RequestId id, const std::string& key) {
  if (expected_key_ && held.key != key) must_end(id, bosh::Condition::ItemNotFound);  // B-51
  if (++held.resends > kMaxResends) must_end(id, bosh::Condition::PolicyViolation);
  if (judgement_.must_end != 0) return;
  if (held.live) superseded_ = held.id;
  held.id = id;
  held.live = true;
}

void Witness::repeat_answered(std::uint64_t rid, const std::string& key) {
  Kept* kept = rids_.find_kept(rid);
  if (!kept) return must_end(asked_, bosh::Condition::ItemNotFound);
  if (expected_key_ && kept->key != key) must_end(asked_, bosh::Condition::ItemNotFound);
  if (++kept->resends > kMaxResends) must_end(asked_, bosh::Condition::PolicyViolation);
  judgement_.replay = judgement_.must_end == 0;
}

void Witness::before_gone(RequestId id) {
  std::erase_if(waiting_, [id](const Waiting& waiting) { return waiting.id == id; });
  if (ended_) return;
  if (!creation_answered_ && rids_.held().front().id == id)
    creation_gone_ = true;  // the lowest is the creation until then
  if (rids_.gone(id)) aborted_ = rids_.live() == 0;
}

void Witness::before_server(const bosh::ServerSpoke& spoke) {
  if (ended_) return;
  const Stream* stream = streams_.find(spoke.stream);
  bool closes = stream && stream->open && std::holds_alternative<upstream::Closed>(spoke.event);
  streams_.take(spoke);
  if (closes && streams_.ever() == 1) server_gone_ = true;
}

}  // namespace nxb::sim
