// tests/sim/client.cc - see client.h.
// SPDX-License-Identifier: MIT
#include "client.h"

#include <algorithm>
#include <utility>

namespace nxb::sim {

namespace {

constexpr int kBadAttempts = 4;  // after these the network is good: at most 10 repeats of a rid (B-50)
constexpr int kCopies = 2;

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
  body.hold = static_cast<std::uint8_t>(hold_);
  body.wait = static_cast<std::uint16_t>(wait_);
  if (world_.dice.percent(80)) body.ver = bosh::Version{1, 6};
  return body;
}

// The creation goes through: it cannot be repeated, a lost one is another session.
void Client::start() {
  bosh::Body body = creation();
  next_to_read_ = oldest_alive_ = next_rid_;
  requests_ = std::min<std::uint32_t>(hold_, stage_.limits().max_hold) + 1;
  stage_.create(stage_.connection(), std::move(body), [this](const std::string& text) { created(text); });
}

void Client::created(const std::string& text) {
  if (is_terminate(text)) {
    told_ = true;
    return;
  }
  running_ = true;
  for (std::uint64_t number : numbers_in(text)) received_ = number;
  pump();
}

void Client::terminate() {
  wants_end_ = true;
  pump();
}

void Client::vanish() {
  vanished_ = true;
  auto open = std::exchange(open_, {});
  for (auto& [rid, outgoing] : open) stage_.gone(outgoing.id);
}

// Sends what may be sent now.
void Client::pump() {
  while (running_ && !told_ && !vanished_ && !ending_) {
    std::uint64_t lowest = open_.empty() ? next_rid_ : open_.begin()->first;
    std::uint64_t extra = wants_end_ ? 1 : 0;
    if (next_rid_ >= lowest + requests_ + extra) return;
    bosh::Body body;
    if (wants_end_) {
      body.terminate = ending_ = true;
    } else if (world_.busy() && world_.dice.percent(15) && world_.operation()) {
      body.restart = world_.dice.percent(3);
    } else if (!open_.empty()) {
      return;
    } else if ((hold_ == 0 || wait_ == 0) && !std::exchange(poll_due_, false)) {
      return;
    }
    if (!body.restart && next_rid_ % 3 == 0) {
      std::uint64_t count = 1 + world_.dice.below(3);
      for (std::uint64_t i = 0; i < count; ++i) body.payloads += "<message n='" + std::to_string(++sent_) + "'/>";
      body.payload_count = static_cast<std::uint32_t>(count);
    }
    add(std::move(body));
  }
}

void Client::add(bosh::Body body) {
  std::uint64_t rid = next_rid_++;
  body.sid = "sid";
  body.rid = Rid{rid};
  open_[rid].body = std::move(body);
  transmit(rid);
}

bool Client::current(std::uint64_t rid, RequestId id) const {
  auto at = open_.find(rid);
  return at != open_.end() && at->second.id == id && at->second.in_flight;
}

// One attempt on a connection of its own, with a fate.
void Client::transmit(std::uint64_t rid) {
  Outgoing& outgoing = open_.at(rid);
  outgoing.id = stage_.connection();
  outgoing.in_flight = true;
  bool bad = ++outgoing.attempts <= kBadAttempts && world_.dice.percent(loss_);
  std::uint64_t fate = bad ? 1 + world_.dice.below(3) : 0;
  RequestId id = outgoing.id;
  Duration delay = world_.dice.upto(world_.dice.percent(80) ? 30ms : 300ms);
  if (outgoing.attempts <= kCopies && world_.dice.percent(loss_ / 4)) {
    world_.in(world_.dice.upto(3'000ms), [this, body = outgoing.body] { copy(body); });
  }
  if (fate == 1) {  // cut before or within the request
    world_.in(delay + world_.dice.upto(400ms), [this, rid, id] { failed(rid, id); });
    return;
  }
  world_.in(delay, [this, rid, id, fate] { arrive(rid, id, fate == 2); });
  if (fate == 3) world_.in(delay + world_.dice.upto(20'000ms), [this, rid, id] { cut_later(rid, id); });
}

void Client::arrive(std::uint64_t rid, RequestId id, bool lose_answer) {
  if (!current(rid, id)) return;  // abandoned meanwhile
  Outgoing& outgoing = open_.at(rid);
  stage_.post(id, outgoing.body, [this, rid, id, lose_answer](std::string text) {
    Duration delay = world_.dice.upto(world_.dice.percent(80) ? 30ms : 300ms);
    world_.in(delay, [this, rid, id, lose_answer, text = std::move(text)] {
      if (lose_answer) return failed(rid, id);
      answered(rid, id, text);
    });
  });
}

// A copy of the request on a connection that is abandoned already; it comes at most as late as its answer is kept.
void Client::copy(const bosh::Body& body) {
  std::uint64_t rid = body.rid->value;
  if (told_ || vanished_ || rid < oldest_alive_ || rid + requests_ < next_rid_) return;
  RequestId id = stage_.connection();
  world_.note("copy");
  stage_.post(id, body, {});
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

void Client::answered(std::uint64_t rid, RequestId id, const std::string& text) {
  if (!current(rid, id) || told_) return;
  if (is_recoverable(text)) return failed(rid, id);
  open_.erase(rid);
  unread_[rid] = text;
  read_in_order();
  world_.in(world_.dice.upto(1'000ms), [this] { pump(); });
  if (hold_ == 0 || wait_ == 0) {
    world_.in(1'000ms + world_.dice.upto(2'000ms), [this] {
      poll_due_ = true;
      pump();
    });
  }
  if (hold_ != 0) world_.in(world_.dice.upto(5'000ms), [this] { maybe_reload(); });
}

void Client::read_in_order() {
  while (!unread_.empty() && unread_.begin()->first == next_to_read_ && !told_) {
    std::string text = std::move(unread_.begin()->second);
    unread_.erase(unread_.begin());
    ++next_to_read_;
    for (std::uint64_t number : numbers_in(text)) {
      world_.expect(number == received_ + 1, "the client read a stanza out of order, twice, or missed one (delivery)");
      received_ = number;
    }
    if (is_terminate(text)) told_ = true;
  }
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
