// tests/sim/ws_hostile.cc - a client that keeps no rule; see ws_client.h.
// SPDX-License-Identifier: MIT
#include "marks.h"
#include "ws_client.h"

namespace nxb::sim {

namespace {

constexpr std::string_view kMessages[] = {
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0'/>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example'/>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='b.example'/>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='0.9'/>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<open/>",
    "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example'/>",
    "</stream:stream>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<message xmlns=''/>",
    "<a/><b/>",
    "<a",
    "<!--x--><a/>",
    "<a>&b;</a>",
    "text",
    " \n ",
    "",
    "<r xmlns='urn:xmpp:sm:3'/>",
};

}  // namespace

// Often it says the right thing first, or nothing deep would ever be reached.
void WsHostile::start() {
  if (world_.dice.percent(3)) return;  // it never says a word
  if (deaf_) stage_.stall(900'000ms);
  if (world_.dice.percent(5)) {
    stage_.refuse(world_.dice.percent(50) ? ws::CloseCode::TryAgainLater : ws::CloseCode::PolicyViolation);
  }
  if (deaf_ || world_.dice.percent(80)) {
    std::string_view first = kMessages[world_.dice.percent(70) ? 0 : 7];
    stage_.send(masked(world_, 0x81, first));
  }
  world_.in(world_.dice.upto(2'000ms), [this] { act(); });
}

void WsHostile::act() {
  if (stage_.gone() || !world_.operation()) return;  // then it is silent
  std::uint64_t what = world_.dice.below(deaf_ ? 80 : 100);
  if (what < 80) {
    stage_.send(masked(world_, 0x81, something()));
  } else if (what < 84) {
    for (std::uint64_t i = world_.dice.below(30); i > 0; --i) stage_.send(masked(world_, 0x89, "flood"));
  } else if (what < 90) {
    frame();
  } else if (what < 93) {
    stage_.stall(world_.dice.upto(60'000ms));
  } else if (what < 97) {
    stage_.send(masked(world_, 0x8a, ""));
  } else if (what == 97) {
    stage_.shut_down();
  } else if (what == 98) {
    stage_.cut();
  } else {
    stage_.server().end();
  }
  world_.in(world_.dice.upto(world_.dice.percent(80) ? 300ms : 30'000ms), [this] { act(); });
}

std::string WsHostile::something() {
  if (deaf_ || world_.dice.percent(60)) {
    std::string text = "<message>";
    return text.append(world_.dice.below(50), 'x').append("</message>");
  }
  if (world_.dice.percent(3)) return "<a>" + std::string(kMostMessage, 'x') + "</a>";
  return std::string(kMessages[world_.dice.below(std::size(kMessages))]);
}

// Any first byte, any payload: most break a rule.
void WsHostile::frame() {
  std::string payload;
  for (std::uint64_t i = world_.dice.below(6); i > 0; --i) payload += static_cast<char>(world_.dice.below(256));
  stage_.send(masked(world_, static_cast<std::uint8_t>(world_.dice.below(256)), payload));
}

}  // namespace nxb::sim
