// tests/sim/server.cc - see server.h.
// SPDX-License-Identifier: MIT
#include "server.h"

#include <utility>

#include "marks.h"

namespace nxb::sim {

Server::Server(World& world, bosh::StreamNumber number, const Habits& habits, std::uint64_t broadcasts, Say up)
    : world_(world), number_(number), habits_(habits), say_(std::move(up)), broadcasts_(broadcasts) {
  if (!habits.bytes) return;
  wire_ = std::make_unique<Wire>(
      world, [this](upstream::Event event) { say(std::move(event)); },
      [this](std::string_view bytes) { receive(bytes); });
}

void Server::open() {
  open_ = true;
  bool slow = world_.dice.percent(10);
  Duration header = world_.dice.upto(slow ? (wire_ ? 9'000ms : 15'000ms) : 300ms);
  if (wire_) wire_->open();
  world_.in(header, [this] {
    if (wire_) {
      wire_->write_header();
    } else {
      say(upstream::Opened{"id" + std::to_string(number_), "1.0"});
    }
    features(world_.dice.upto(world_.dice.percent(10) ? 9'000ms : 200ms));
  });
}

void Server::restart() {  // never on a wire: what is on its way would be lost with the old stream (U-28)
  world_.in(world_.dice.upto(200ms), [this] {
    say(upstream::Opened{"id2", "1.0"});
    features(world_.dice.upto(300ms));
  });
}

void Server::features(Duration in) {
  world_.in(in, [this] {
    if (!open_) return;
    if (wire_) {
      wire_->write("<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
    } else {
      say(upstream::Arrived{{{xmpp::Kind::Features, "<stream:features xmlns:stream='s'/>"}}});
    }
    if (!std::exchange(talking_, true)) talk();
  });
}

void Server::talk() {
  if (!open_ || silent_ || !world_.busy()) return;
  if (habits_.streams_end && number_ > 1 && world_.dice.percent(1)) return end();
  if (reading_ && world_.operation()) burst();
  Duration pause = world_.dice.percent(70) ? world_.dice.upto(400ms) : world_.dice.upto(habits_.longest_pause);
  world_.in(pause, [this] { talk(); });
}

void Server::burst() {
  upstream::Arrived burst;
  std::uint64_t count = 1 + world_.dice.below(4);
  std::string bytes;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::size_t padding = world_.dice.percent(10) ? 700 : 5;
    if (habits_.heavy && world_.dice.percent(20)) padding = 1'000 * (1 + world_.dice.below(30));
    if (wire_) {
      append_marked(bytes, {number_, ++sent_}, padding);
      if (world_.dice.percent(10)) bytes += '\n';  // keeps the connection alive (U-26)
    } else {
      burst.stanzas.push_back({xmpp::Kind::Message, {}});
      append_marked(burst.stanzas.back().bytes, {number_, ++sent_}, padding);
    }
  }
  if (wire_) {
    wire_->write(bytes);
  } else {
    say(std::move(burst));
  }
}

void Server::say(upstream::Event event) {
  if (!open_) return;
  if (std::holds_alternative<upstream::Closed>(event)) open_ = false;
  say_(number_, std::move(event));
}

// Not from within the session's event. What comes meanwhile is taken nevertheless, as the stream would keep it.
void Server::maybe_stall() {
  if (!habits_.stalls || stalled_ || !world_.dice.percent(20)) return;
  stalled_ = true;
  world_.in(0ms, [this] { say(upstream::Congested{true}); });
  world_.in(world_.dice.upto(world_.dice.percent(80) ? 3'000ms : 29'000ms), [this] {
    stalled_ = false;
    say(upstream::Congested{false});
  });
}

void Server::receive(std::string_view elements) {
  if (open_) maybe_stall();
  if (wire_ && !wire_->speaking()) return wire_->send(elements);
  read_marks(elements, [this](Mark mark) {
    if (mark.stream != 0) world_.expect(mark.stream == number_, "a stanza for another stream (B-92)");
    std::uint64_t& count = mark.stream == 0 ? broadcasts_ : received_;
    world_.expect(mark.number == count + 1, "a client's stanza is lost, doubled or out of order (delivery)");
    count = mark.number;
  });
}

void Server::close() {
  open_ = false;
  closed_by_session_ = true;
  if (wire_) wire_->let_go();
}

void Server::set_reading(bool on) {
  reading_ = on;
  if (wire_) wire_->set_reading(on);
}

void Server::end() {
  if (!open_) return;
  std::uint64_t how = world_.dice.below(3);
  silent_ = true;
  if (wire_) return wire_->end(how);
  upstream::Closed closed;
  if (how == 1) closed.condition = bosh::Condition::RemoteConnectionFailed;
  if (how == 2) {
    closed.condition = bosh::Condition::RemoteStreamError;
    closed.stream_error = "<stream:error/>";
  }
  say(std::move(closed));
}

}  // namespace nxb::sim
