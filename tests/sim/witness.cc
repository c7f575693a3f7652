// tests/sim/witness.cc - the oracles, first half: what the session is told; see witness.h.
// SPDX-License-Identifier: MIT
#include "witness.h"

#include <algorithm>

namespace nxb::sim {

std::vector<std::uint64_t> numbers_in(const std::string& text) {
  std::vector<std::uint64_t> found;
  constexpr std::string_view kMark = "<message n='";
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + 1)) {
    found.push_back(std::stoull(text.substr(at + kMark.size(), 20)));
  }
  return found;
}

bool is_terminate(const std::string& text) {
  return text.substr(0, text.find('>')).find("terminate") != std::string::npos;
}

bool is_recoverable(const std::string& text) { return text == bosh::write_recoverable_error(); }

Witness::Witness(World& world, const bosh::SessionLimits& limits, const bosh::Body& creation, RequestId id)
    : world_(world),
      wait_(std::min<Duration>(std::chrono::seconds(creation.wait.value_or(9999)), limits.max_wait)),
      creation_wait_(std::min(wait_, limits.features_hold)),
      inactivity_(limits.default_inactivity + limits.inactivity_grace),
      gap_(std::min<Duration>(limits.gap_timeout, std::max<Duration>(wait_, 5s))),
      hold_(std::min<std::uint32_t>(creation.hold.value_or(1), limits.max_hold)),
      requests_(hold_ + 1),
      max_pending_(limits.max_pending),
      last_(creation.rid->value),
      asked_(id) {
  if (wait_ == Duration::zero()) hold_ = 0;
  waiting_[id] = {last_, world.now};
  held_.push_back({last_, true, id});
  owed_upstream_ = creation.payload_count;
}

void Witness::before(const bosh::Event& event) {
  must_ = Must::Nothing;
  asked_ = superseded_ = RequestId{};
  if (const auto* arrived = std::get_if<bosh::RequestArrived>(&event)) before_request(*arrived);
  if (const auto* gone = std::get_if<bosh::RequestGone>(&event)) before_gone(gone->id);
  if (const auto* spoke = std::get_if<bosh::ServerSpoke>(&event)) before_server(spoke->event);
  if (std::holds_alternative<bosh::ShutDown>(event)) shut_down_ = true;
}

void Witness::before_request(const bosh::RequestArrived& arrived) {
  asked_ = arrived.id;
  const bosh::Body& body = arrived.body;
  waiting_[arrived.id] = {body.rid ? body.rid->value : 0, world_.now};
  idle_since_.reset();
  if (ended_) {
    must_ = Must::AnswerAfterEnd;
  } else if (!body.rid || body.problem != bosh::Condition::None) {
    must_ = Must::EndProblem;
  } else {
    std::uint64_t elements = body.restart && !body.terminate ? 0 : body.payload_count;
    bool poll = body.payload_count == 0 && !body.restart && !body.terminate && !body.pause;
    Early request{{body.rid->value, true, arrived.id}, elements, body.terminate, poll};
    bool one_more = body.terminate || body.pause;
    if (request.held.rid > std::min(last_ + requests_ + (one_more ? 1 : 0), kRidMax.value)) {
      must_ = Must::EndItemNotFound;
    } else {
      place(request);
    }
  }
}

// A request that is not above the window.
void Witness::place(const Early& request) {
  std::uint64_t rid = request.held.rid;
  auto held = std::ranges::find(held_, rid, &Held::rid);
  auto early = early_.find(rid);
  if (held != held_.end()) return repeat(*held, request.held.id);
  if (early != early_.end()) return repeat(early->second.held, request.held.id);
  if (rid <= last_) {
    std::uint64_t answered = last_ - held_.size();
    if (rid + requests_ <= answered || !answers_.contains(rid)) {
      must_ = Must::EndItemNotFound;
    } else {
      must_ = ++resends_[rid] > 10 ? Must::EndPolicy : Must::Replay;
    }
    return;
  }
  // A client polls only when it waits for no answer; otherwise only the window proves what it has read (B-103).
  auto unproven = said_by_.upper_bound(rid - std::min<std::uint64_t>(rid, requests_));
  std::uint64_t proven = unproven == said_by_.begin() ? 0 : std::prev(unproven)->second;
  confirmed_ = std::max(confirmed_, request.poll ? said_ : proven);
  if (rid > last_ + 1) {
    early_[rid] = request;
    if (!gap_since_) gap_since_ = world_.now;
    return;
  }
  process(request);
  for (auto next = early_.begin(); next != early_.end() && next->first == last_ + 1 && !terminate_taken_;) {
    process(next->second);
    next = early_.erase(next);
  }
  gap_since_ = early_.empty() ? std::nullopt : std::optional(world_.now);
}

void Witness::repeat(Held& held, RequestId id) {
  if (++resends_[held.rid] > 10) {
    must_ = Must::EndPolicy;
    return;
  }
  if (held.live) superseded_ = held.id;
  held.id = id;
  held.live = true;
}

void Witness::process(const Early& request) {
  last_ = request.held.rid;
  held_.push_back(request.held);
  owed_upstream_ += request.elements;
  if (request.terminate) terminate_taken_ = true;
}

void Witness::before_gone(RequestId id) {
  waiting_.erase(id);
  if (ended_) return;
  if (!creation_answered_ && held_.front().id == id) creation_gone_ = true;  // the lowest is the creation until then
  for (auto& held : held_) {
    if (held.id == id) held.live = false;
  }
  for (auto& early : early_) {
    if (early.second.held.id == id) early.second.held.live = false;
  }
}

void Witness::before_server(const upstream::Event& event) {
  if (ended_) return;
  if (std::holds_alternative<upstream::Closed>(event)) server_gone_ = true;
  const auto* arrived = std::get_if<upstream::Arrived>(&event);
  if (!arrived) return;
  for (const auto& stanza : arrived->stanzas) {
    pending_bytes_ += stanza.bytes.size();
    ++pending_count_;
    for (std::uint64_t number : numbers_in(stanza.bytes)) sent_ = number;
  }
}

}  // namespace nxb::sim
