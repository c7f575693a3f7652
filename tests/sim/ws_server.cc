// tests/sim/ws_server.cc - see ws_server.h.
// SPDX-License-Identifier: MIT
#include "ws_server.h"

#include <utility>

#include "marks.h"

namespace nxb::sim {

void WsServer::open() {
  open_ = true;
  greet();
}

void WsServer::restart() {
  ready_ = false;
  greet();
}

// Now and then later than a client would wait (W-33).
void WsServer::greet() {
  Duration header = world_.dice.upto(world_.dice.percent(20) ? 5'000ms : 300ms);
  world_.in(header, [this] {
    if (!open_) return;
    if (world_.dice.percent(2)) return end();
    say(upstream::Opened{"id" + std::to_string(++ids_), "1.0", "a.example", language_ ? "en" : ""});
    world_.in(world_.dice.upto(world_.dice.percent(10) ? 3'000ms : 100ms), [this] {
      if (!open_) return;
      ready_ = true;
      say(upstream::Arrived{{{xmpp::Kind::Features, "<stream:features xmlns:stream='s'/>"}}});
      if (!std::exchange(talking_, true)) talk();
    });
  });
}

void WsServer::talk() {
  if (!open_) return;
  if (world_.dice.percent(1)) return end();
  if ((reading_ || !pauses_) && ready_ && world_.operation()) burst();
  Duration pause = world_.dice.percent(80) ? world_.dice.upto(500ms) : world_.dice.upto(20'000ms);
  world_.in(pause, [this] { talk(); });
}

void WsServer::burst() {
  upstream::Arrived burst;
  for (std::uint64_t i = world_.dice.below(4) + 1; i > 0; --i) {
    burst.stanzas.push_back({xmpp::Kind::Message, {}});
    append_marked(burst.stanzas.back().bytes, {1, ++said_}, world_.dice.percent(10) ? 900 : 5);
  }
  if (world_.dice.percent(10)) burst.stanzas.push_back({xmpp::Kind::Other, "<r xmlns='urn:xmpp:sm:3'/>"});
  say(std::move(burst));
}

void WsServer::say(upstream::Event event) { say_(std::move(event)); }

// Does not take what the client says for a while (U-36); not from within the session's event.
void WsServer::maybe_stall() {
  if (!stalls_ || stalled_ || !world_.dice.percent(10)) return;
  stalled_ = true;
  world_.in(0ms, [this] { stall(true); });
  world_.in(world_.dice.upto(world_.dice.percent(80) ? 3'000ms : 200'000ms), [this] { stall(stalled_ = false); });
}

void WsServer::stall(bool on) {
  if (open_) say(upstream::Congested{on});
}

void WsServer::receive(std::string_view element) {
  maybe_stall();
  world_.expect(open_, "an element for a stream that is over");
  read_marks(element, [this](Mark mark) {
    world_.expect(mark.number == ++received_, "a client's stanza is lost, doubled or out of order (delivery)");
  });
}

// The session's goodbye is answered, which is nothing to it any more.
void WsServer::close() {
  open_ = false;
  world_.in(world_.dice.upto(1'000ms), [this] { say(upstream::Closed{}); });
}

void WsServer::end() {
  if (!std::exchange(open_, false)) return;
  upstream::Closed closed;
  switch (world_.dice.below(3)) {
    case 0:
      ended_as_ = "server closed";
      break;
    case 1:
      ended_as_ = "server lost";
      closed.condition = bosh::Condition::RemoteConnectionFailed;
      break;
    default:
      ended_as_ = "stream error";
      closed.condition = bosh::Condition::RemoteStreamError;
      closed.stream_error = "<stream:error xmlns:stream='s'/>";
  }
  say(std::move(closed));
}

}  // namespace nxb::sim
