// tests/sim/client.cc - the network and the order of requests; see client.h.
// SPDX-License-Identifier: MIT
#include "client.h"

#include <algorithm>
#include <utility>

#include "marks.h"

namespace nxb::sim {

namespace {

constexpr int kBadAttempts = 4;  // after these the network is good: at most 10 repeats of a rid (B-50)
constexpr int kCopies = 2;
constexpr Instant kNotBeforeItsAnswer = Instant::max();

}  // namespace

Client::Client(World& world, Stage& stage) : world_(world), stage_(stage) {}

bosh::Body Client::creation() {
  constexpr std::uint16_t kWaits[] = {0, 1, 3, 10, 30, 60, 60, 60};
  bosh::Body body;
  next_rid_ = 1 + world_.dice.below(1'000'000'000);
  body.rid = Rid{next_rid_++};
  body.to = "a.example";
  hold_ = static_cast<std::uint32_t>(world_.dice.percent(60) ? 1 : world_.dice.below(4));
  wait_ = kWaits[world_.dice.below(8)];
  loss_ = world_.dice.percent(20) ? 0 : world_.dice.below(60);
  slow_ = world_.dice.percent(15);
  restarts_ = !stage_.habits().bytes;
  choose_features();
  body.hold = static_cast<std::uint8_t>(hold_);
  body.wait = static_cast<std::uint16_t>(wait_);
  if (acks_) body.ack = 1;
  if (keys_ && world_.dice.percent(70)) sign(body);
  if (world_.dice.percent(80)) body.ver = bosh::Version{1, 6};
  return body;
}

// The creation goes through: it cannot be repeated, a lost one is another session.
void Client::start() {
  bosh::Body body = creation();
  next_to_read_ = oldest_alive_ = next_rid_;
  requests_ = std::min<std::uint32_t>(hold_, stage_.limits().max_hold) + 1;
  stage_.create(stage_.connection(), std::move(body));
}

void Client::created(const std::string& text) {
  if (is_terminate(text)) {
    told_ = true;
    return;
  }
  running_ = true;
  learn(text);
  pump();
}

void Client::terminate() {
  wants_end_ = true;
  resting_ = false;
  loss_ = 0;  // what it lost already it repeats while the end is remembered, wait+5 s (B-82)
  pump();
}

void Client::vanish() {
  vanished_ = true;
  auto open = std::exchange(open_, {});
  for (auto& [rid, outgoing] : open) stage_.gone(outgoing.id);
}

// Sends what may be sent now.
void Client::pump() {
  while (running_ && !told_ && !vanished_ && !ending_ && (pause_ == 0 || wants_end_)) {
    std::uint64_t lowest = open_.empty() ? next_rid_ : open_.begin()->first;
    bool pause = pauses_ && !wants_end_ && world_.busy() && world_.dice.percent(2);
    std::uint64_t extra = wants_end_ || pause ? 1 : 0;
    if (next_rid_ >= lowest + requests_ + extra) return;
    bosh::Body body;
    if (wants_end_) {
      body.terminate = ending_ = true;
      fill_payloads(body);
    } else if (pause && world_.operation()) {
      pause_for(body);
    } else if (world_.busy() && world_.dice.percent(15) && world_.operation()) {
      fill(body);
    } else if (!open_.empty()) {
      return;
    } else if (polls() && world_.now < next_poll_) {
      return;
    }
    bool poll = body.payload_count == 0 && !body.terminate && !body.pause && !body.restart;
    if (poll && polls()) next_poll_ = kNotBeforeItsAnswer;
    add(std::move(body));
  }
}

void Client::add(bosh::Body body) {
  std::uint64_t rid = next_rid_++;
  body.sid = "sid";
  body.rid = Rid{rid};
  if (acks_ && next_to_read_ != rid) body.ack = next_to_read_ - 1;
  if (keys_) sign(body);
  open_[rid].body = std::move(body);
  transmit(rid);
}

bool Client::current(std::uint64_t rid, RequestId id) const {
  auto at = open_.find(rid);
  return at != open_.end() && at->second.id == id && at->second.in_flight;
}

Duration Client::travel() { return world_.dice.upto(world_.dice.percent(80) ? 30ms : 300ms); }

// One attempt on a connection of its own, with a fate.
void Client::transmit(std::uint64_t rid) {
  using Fate = Outgoing::Fate;
  Outgoing& outgoing = open_.at(rid);
  outgoing.id = stage_.connection();
  outgoing.in_flight = true;
  outgoing.arrives = false;
  if (outgoing.attempts > 0 && rid != pause_rid_) disturbed_ = true;
  bool bad = ++outgoing.attempts <= kBadAttempts && world_.dice.percent(loss_);
  constexpr Fate kBad[] = {Fate::CutInRequest, Fate::CutInAnswer, Fate::CutHeld};
  outgoing.fate = bad ? kBad[world_.dice.below(3)] : Fate::Good;
  RequestId id = outgoing.id;
  Duration delay = travel();
  if (outgoing.attempts <= kCopies && world_.dice.percent(loss_ / 4)) {
    world_.in(world_.dice.upto(3'000ms), [this, rid] {
      auto at = open_.find(rid);
      if (at != open_.end()) copy(at->second.body);
    });
  }
  if (outgoing.fate == Fate::CutInRequest) {
    world_.in(delay + world_.dice.upto(400ms), [this, rid, id] { failed(rid, id); });
    return;
  }
  world_.in(delay, [this, rid, id] { arrive(rid, id); });
  if (outgoing.fate == Fate::CutHeld) {
    world_.in(delay + world_.dice.upto(20'000ms), [this, rid, id] { cut_later(rid, id); });
  }
}

void Client::arrive(std::uint64_t rid, RequestId id) {
  if (!current(rid, id)) return;  // abandoned meanwhile
  Outgoing& outgoing = open_.at(rid);
  outgoing.arrives = true;
  stage_.post(id, outgoing.body);
}

// The session answers: the text is on its way.
void Client::answered(RequestId id, const std::string& text) {
  if (!running_) {
    world_.in(travel(), [this, text] { created(text); });
    return;
  }
  for (auto& [rid, outgoing] : open_) {
    if (outgoing.id != id) continue;
    bool cut = outgoing.fate == Outgoing::Fate::CutInAnswer;
    Duration delay = !cut && slow_ && world_.dice.percent(30) ? world_.dice.upto(8'000ms) : travel();
    std::string arrives = cut ? text.substr(0, world_.dice.below(text.size())) : text;
    world_.in(delay, [this, rid = rid, id, arrives = std::move(arrives)] { comes(rid, id, arrives); });
    return;
  }
}

// A copy of the request on a connection that is abandoned already; it comes at most as late as its answer is kept.
void Client::copy(const bosh::Body& body) {
  std::uint64_t rid = body.rid->value;
  if (told_ || vanished_ || rid < oldest_alive_ || rid + requests_ < next_rid_) return;
  if (pause_ != 0 && rid != pause_rid_) return;  // it would end the pause
  RequestId id = stage_.connection();
  world_.note("copy");
  stage_.post(id, body);
  world_.in(world_.dice.upto(500ms), [this, id] { stage_.gone(id); });
}

// The connection breaks; both sides notice, one after the other.
void Client::cut_later(std::uint64_t rid, RequestId id) {
  if (!current(rid, id)) return;
  Duration client_notices = world_.dice.upto(400ms), server_notices = world_.dice.upto(400ms);
  world_.in(client_notices, [this, rid, id] { failed(rid, id); });
  world_.in(server_notices, [this, id] { stage_.gone(id); });
  open_.at(rid).in_flight = false;
}

void Client::failed(std::uint64_t rid, RequestId id) {
  auto at = open_.find(rid);
  if (told_ || vanished_ || at == open_.end() || at->second.id != id) return;
  at->second.in_flight = false;
  world_.in(world_.dice.upto(200ms), [this, rid, id] {
    auto again = open_.find(rid);
    if (!told_ && !vanished_ && again != open_.end() && again->second.id == id) transmit(rid);
  });
}

void Client::comes(std::uint64_t rid, RequestId id, const std::string& text) {
  if (!current(rid, id) || told_) return;
  if (!is_complete(text) || is_recoverable(text)) return failed(rid, id);
  const bosh::Body& body = open_.at(rid).body;
  bool poll = body.payload_count == 0;
  open_.erase(rid);
  heed_report(text);
  unread_[rid] = text;
  read_in_order();
  maybe_rest();
  world_.in(world_.dice.upto(1'000ms), [this] { pump(); });
  if (polls()) {
    if (poll) next_poll_ = world_.now + std::max<Duration>(polling_, 1'000ms);
    world_.in(polling_ + world_.dice.upto(2'000ms) + 1'000ms, [this] { pump(); });
  }
  if (!polls()) world_.in(world_.dice.upto(5'000ms), [this] { maybe_reload(); });
}

// The page is loaded anew while its poll is held: only the next rid is remembered.
void Client::maybe_reload() {
  if (told_ || vanished_ || ending_ || open_.empty() || !unread_.empty() || !world_.dice.percent(3)) return;
  for (const auto& [rid, outgoing] : open_) {
    if (!outgoing.in_flight || !stage_.waits(outgoing.id)) return;
  }
  world_.note("reload");
  auto open = std::exchange(open_, {});
  for (auto& [rid, outgoing] : open) stage_.gone(outgoing.id);
  next_to_read_ = oldest_alive_ = next_rid_;
  pump();
}

}  // namespace nxb::sim
