// tests/sim/ws_client.cc - the correct client; see ws_client.h.
// SPDX-License-Identifier: MIT
#include "ws_client.h"

#include <algorithm>

#include "marks.h"

namespace nxb::sim {

namespace {

constexpr std::string_view kOpen = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0'/>";
constexpr std::string_view kHeader =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' "
    "version='1.0'>";

}  // namespace

std::string masked(World& world, std::uint8_t first, std::string_view payload) {
  std::string out(1, static_cast<char>(first));
  std::string mask;
  for (int i = 0; i < 4; ++i) mask += static_cast<char>(world.dice.below(256));
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 255);
  }
  out += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
  return out;
}

WsClient::WsClient(World& world, WsStage& stage) : world_(world), stage_(stage), legacy_(world.dice.percent(25)) {
  stage.hear = [this](ws::Opcode opcode, std::string_view payload) { hear(opcode, payload); };
  stage.closed = [this] {
    over_ = true;
    world_.expect(sent_close_ || silent_, "the connection of a correct client is closed without Close");
  };
}

void WsClient::start() {
  world_.in(world_.dice.upto(3'000ms), [this] {
    header_awaited_ = true;
    say(legacy_ ? kHeader : kOpen);
    act();
  });
}

// In one frame or in pieces, with a ping between them now and then (W-15, W-16).
void WsClient::say(std::string_view text) {
  std::uint8_t opcode = 1;
  while (world_.dice.percent(20)) {
    std::size_t some = world_.dice.below(text.size() + 1);
    stage_.send(masked(world_, opcode, text.substr(0, some)));
    text.remove_prefix(some);
    opcode = 0;
    if (world_.dice.percent(30) && ++pings_) stage_.send(masked(world_, 0x89, "between"));
    if (text.size() < 8) break;
  }
  stage_.send(masked(world_, static_cast<std::uint8_t>(0x80 | opcode), text));
}

void WsClient::act() {
  if (over_ || said_close_ || heard_close_ || silent_ || cut_) return;
  if (!world_.operation()) return leave_somehow();
  std::uint64_t what = world_.dice.below(100);
  bool ready = !header_awaited_ && !features_awaited_;
  if (what < 3) {
    say(" \n");
  } else if (what < 8) {
    ++pings_;
    stage_.send(masked(world_, 0x89, "ping"));
  } else if (what < 12 && ready) {
    header_awaited_ = true;
    say(legacy_ ? kHeader : kOpen);
  } else if (what == 12) {
    stage_.stall(world_.dice.upto(10'000ms));
    excuse("client does not read");
    excuse("no pong");  // it does not hear the pings
  } else {
    std::string text = world_.dice.percent(5) ? "\n" : "";
    append_marked(text, {1, ++sent_}, world_.dice.percent(10) ? 1'500 : 5);
    say(text);
  }
  Duration pause = world_.dice.percent(90) ? 400ms : world_.dice.percent(80) ? 9'000ms : 90'000ms;  // only pongs
  world_.in(world_.dice.upto(pause), [this] { act(); });
}

void WsClient::leave_somehow() {
  switch (world_.dice.below(7)) {
    case 0:
      silent_ = true;  // only its reading goes on
      return excuse("no pong");
    case 1:
      excuse("closed without goodbye");
      return send_close();
    case 2:
      excuse("connection lost");
      cut_ = true;
      return stage_.leave();
    case 3:
      excuse("connection lost");
      cut_ = true;
      return stage_.cut();
    case 4:
      excuse("shutdown");
      return stage_.shut_down();
    case 5:
      stage_.server().end();
      if (stage_.server().ended_as().empty()) close_stream();  // it was not open yet
      return;
    default:
      return close_stream();
  }
}

void WsClient::close_stream() {
  said_close_ = true;
  excuse("client closed");
  say(legacy_ ? "</stream:stream>" : "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
}

void WsClient::send_close() {
  if (std::exchange(sent_close_, true)) return;
  stage_.send(masked(world_, 0x88, "\x03\xe8"));
}

void WsClient::hear(ws::Opcode opcode, std::string_view payload) {
  if (cut_) return;
  world_.note("heard", static_cast<std::uint64_t>(opcode), payload.size());
  switch (opcode) {
    case ws::Opcode::Text:
      return hear_text(payload);
    case ws::Opcode::Ping:
      if (!silent_ && !sent_close_) stage_.send(masked(world_, 0x8a, payload));
      return;
    case ws::Opcode::Pong:
      ++pongs_;
      world_.expect(pongs_ <= pings_, "a pong without a ping");
      return;
    case ws::Opcode::Close:
      if (!silent_) send_close();
      over_ = true;
      return;
    case ws::Opcode::Binary:
    case ws::Opcode::Continuation:
      break;
  }
  world_.fail("a frame that a client cannot read");
}

void WsClient::hear_text(std::string_view text) {
  world_.expect(!heard_close_, "a message behind close");
  bool goodbye = text == (legacy_ ? "</stream:stream>" : ws::kClose);
  if (text.starts_with("<stream:error")) {
    error_ = true;
  } else if (goodbye) {
    heard_close_ = true;
    if (silent_ || sent_close_) return;
    if (said_close_) return send_close();
    world_.in(world_.dice.upto(500ms), [this] {
      if (!said_close_ && !sent_close_) say(legacy_ ? "</stream:stream>" : ws::kClose);
    });
  } else if (text.starts_with(legacy_ ? "<stream:stream " : "<open ")) {
    world_.expect(std::exchange(header_awaited_, false), "a header that nobody asked for");
    features_awaited_ = true;
  } else if (text.starts_with("<stream:features")) {
    world_.expect(!header_awaited_ && std::exchange(features_awaited_, false), "features without a header (W-34)");
  } else {
    world_.expect(!error_, "an element behind the error (W-41)");
    world_.expect(!features_awaited_, "an element before the features (W-34)");
    read_marks(text, [this](Mark mark) {
      world_.expect(mark.number == ++received_, "a server's stanza is lost, doubled or out of order (delivery)");
    });
  }
}

void WsClient::check_at_end() {
  const std::string& why = stage_.witness().why();
  WsServer& server = stage_.server();
  bool by_server = !server.ended_as().empty() && why == server.ended_as();
  bool excused = by_server || std::ranges::find(excuses_, why) != excuses_.end();
  world_.expect(excused, "the session of a correct client ended");
  world_.expect(received_ <= server.said(), "the client read what nobody said");
  if (by_server && !cut_) world_.expect(received_ == server.said(), "stanzas are lost at the server's end");
  world_.expect(server.received() <= sent_, "the server read what nobody said");
  if (why == "client closed") world_.expect(server.received() == sent_, "a client's stanzas are lost at its end");
  if (why == "closed without goodbye") world_.expect(server.received() == sent_, "lost at a Close");
}

}  // namespace nxb::sim
