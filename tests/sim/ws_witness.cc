// tests/sim/ws_witness.cc - see ws_witness.h.
// SPDX-License-Identifier: MIT
#include "ws_witness.h"

#include <algorithm>

#include "worker/xml/tree.h"

namespace nxb::sim {

namespace {

bool is_header(std::string_view text) { return text.starts_with("<open ") || text.starts_with("<stream:stream "); }

bool is_running(const ws::Session& session) {
  return session.state() == ws::State::Opening || session.state() == ws::State::Open;
}

// The same element, or the same with a language behind its name.
bool is_the_same(std::string_view said, std::string_view meant) {
  constexpr std::string_view kLanguage = " xml:lang=\"en\"";
  std::size_t name = meant.find_first_of(" />");
  if (said == meant) return true;
  return said.size() == meant.size() + kLanguage.size() && said.substr(0, name) == meant.substr(0, name) &&
         said.substr(name, kLanguage.size()) == kLanguage && said.substr(name + kLanguage.size()) == meant.substr(name);
}

}  // namespace

void WsWitness::before(const ws::Event& event, const ws::Session& session) {
  to_forward_.reset();
  to_pong_.reset();
  unsent_.reset();
  to_say_.clear();
  said_ = 0;
  forwarded_ = ponged_ = false;
  broken_ = std::holds_alternative<ws::RuleBroken>(event);
  if (const auto* arrived = std::get_if<ws::MessageArrived>(&event)) {
    life_at_ = world_.now;
    if (arrived->message.kind == ws::Message::Kind::Element && is_running(session)) {
      to_forward_ = arrived->message.element;
    }
  }
  if (const auto* ping = std::get_if<ws::PingArrived>(&event)) {
    life_at_ = world_.now;
    if (!closed_) to_pong_ = ping->payload;
  }
  if (std::holds_alternative<ws::PongArrived>(event) || std::holds_alternative<ws::CloseArrived>(event)) {
    life_at_ = world_.now;
  }
  if (std::holds_alternative<ws::ConnectionGone>(event)) lost_ = true;
  if (const auto* unsent = std::get_if<ws::Unsent>(&event)) {
    if (unsent->some_taken) life_at_ = world_.now;
    if (is_running(session)) unsent_ = unsent->bytes;
  }
  if (const auto* spoke = std::get_if<ws::ServerSpoke>(&event)) {
    if (const auto* said = std::get_if<upstream::Arrived>(&spoke->event); said && is_running(session)) {
      for (const auto& stanza : said->stanzas) to_say_.push_back(stanza.bytes);
    }
    if (std::holds_alternative<upstream::Closed>(spoke->event)) stream_open_ = false;
    if (const auto* now = std::get_if<upstream::Congested>(&spoke->event)) congested_ = now->on;
  }
}

void WsWitness::after(const ws::Actions& actions, const ws::Session& session) {
  for (const ws::Action& action : actions) {
    world_.expect(!hung_up_ && !(lost_ && std::holds_alternative<ws::Send>(action)), "an action behind the end");
    std::visit([this](const auto& known) { see(known); }, action);
  }
  world_.expect(session.is_consistent(), "the session is not consistent");
  world_.expect(!stream_open_ || !ended(), "an ended session keeps its stream");
  world_.expect((session.state() >= ws::State::Closing) == ended(), "Ended and the state do not agree");
  world_.expect((session.state() == ws::State::Gone) == (hung_up_ || lost_), "gone without the connection");
  world_.expect(closed_ || lost_ || hung_up_ || to_pong_.has_value() == ponged_, "a ping without its pong (W-24)");
  world_.expect(!broken_ || hung_up_, "a connection that will not be read is kept");
  if (!ended()) check_passed_on();
  check_time(session);
}

void WsWitness::check_passed_on() {
  world_.expect(to_forward_.has_value() == forwarded_, "an element of the client is not passed on");
  world_.expect(said_ == to_say_.size(), "an element of the server is not passed on");
  world_.expect(unsent_ != 0 || reading_, "a client that reads again, and a server that is not read (W-26)");
  world_.expect(hears_ != congested_,
                "a client is read while its server does not take, or not read while it does (U-36)");
  if (!unsent_ || unsent_ == 0) return;
  world_.expect(*unsent_ <= limits_.slow_above || !reading_, "a slow client's server is read (W-26)");
  world_.expect(*unsent_ <= limits_.max_unsent, "more unsent than a client may have (W-26)");
}

void WsWitness::check_time(const ws::Session& session) {
  auto due = session.next_deadline();
  world_.expect(!due || *due > world_.now, "a deadline that is over (or a busy loop)");
  if (session.state() == ws::State::Gone) {
    world_.expect(!due, "a deadline of a session that is gone");
    return;
  }
  if (ended()) {
    world_.expect(hears_, "a goodbye that cannot be heard (U-36)");
    world_.expect(due && world_.now < *ended_at_ + 2 * limits_.close_wait, "a goodbye without an end (W-23, W-43)");
    return;
  }
  world_.expect(!header_due_ || world_.now < *header_due_, "a header is not answered in time (W-33)");
  bool early = session.state() == ws::State::Waiting;
  world_.expect(!early || world_.now < began_at_ + limits_.open_wait, "no open in time, and no end (W-10)");
  if (limits_.ping_interval == 0ms) return;
  world_.expect(world_.now < ping_at_ + limits_.ping_interval, "no ping in time (W-25)");
  Duration most = 2 * limits_.ping_interval + std::min(limits_.last_wait, limits_.ping_interval);
  world_.expect(!hears_ || world_.now < life_at_ + most, "a silent client is not lost (W-25)");
}

void WsWitness::see(const ws::Send& send) {
  world_.expect(!closed_, "a frame behind Close (W-22)");
  switch (send.opcode) {
    case ws::Opcode::Text:
      return see_text(send.payload);
    case ws::Opcode::Close:
      closed_ = true;
      world_.expect(send.payload.empty() || send.payload.size() == 2, "a Close with a reason");
      return;
    case ws::Opcode::Ping:
      ping_at_ = world_.now;
      return;
    case ws::Opcode::Pong:
      world_.expect(to_pong_ == send.payload && !ponged_, "a pong that nobody asked for");
      ponged_ = true;
      return;
    case ws::Opcode::Binary:
    case ws::Opcode::Continuation:
      break;
  }
  world_.fail("a frame that is never sent");
}

void WsWitness::see_text(std::string_view text) {
  world_.expect(is_one_element(text), "a message that is not one element (W-20, W-27, W-47)");
  world_.expect(!ended(), "a message behind the goodbye");
  if (is_header(text)) {
    // An error before the header was asked for has one, too (W-40).
    header_due_.reset();
    return;
  }
  world_.expect(!header_due_ || said_ < to_say_.size(), "a message before the header");
  if (said_ < to_say_.size() && is_the_same(text, to_say_[said_])) ++said_;
}

bool WsWitness::is_one_element(std::string_view text) {
  if (text == "</stream:stream>") return true;
  if (text.starts_with("<stream:stream ") && text.ends_with('>')) return text.find('>') == text.size() - 1;
  return text.starts_with('<') && text.ends_with('>') && static_cast<bool>(xml::read_tree(pool_, text, 1));
}

void WsWitness::see(const ws::HangUp& /*hung_up*/) {
  world_.expect(ended(), "the connection is closed before the end was told");
  hung_up_ = true;
}

void WsWitness::see(const ws::Forward& forward) {
  world_.expect(stream_open_, "an element for no stream");
  world_.expect(to_forward_ == forward.elements && !forwarded_ && forward.count == 1, "an element nobody said");
  forwarded_ = true;
}

void WsWitness::see(const ws::OpenStream& /*open*/) {
  world_.expect(!stream_asked_ && !ended(), "more than one stream (W-39)");
  stream_asked_ = stream_open_ = true;
  header_due_ = world_.now + limits_.quick_open;
}

void WsWitness::see(const ws::RestartStream& /*restart*/) {
  world_.expect(stream_open_ && !header_due_, "a restart of no stream");
  header_due_ = world_.now + limits_.quick_open;
}

void WsWitness::see(const ws::CloseStream& /*close*/) {
  world_.expect(stream_open_, "no stream to close");
  stream_open_ = false;
}

void WsWitness::see(const ws::ReadServer& read) {
  world_.expect(stream_open_ && read.on != reading_, "reading is switched to what it is");
  reading_ = read.on;
}

void WsWitness::see(const ws::ReadClient& read) {
  world_.expect(read.on != hears_, "the client's reading is switched to what it is");
  hears_ = read.on;
  if (read.on) life_at_ = world_.now;
}

void WsWitness::see(const ws::Ended& end) {
  world_.expect(!ended(), "an end that is told twice");
  ended_at_ = world_.now;
  header_due_.reset();
  why_ = end.why;
}

void WsWitness::check_at_end() {
  world_.expect(ended() && (hung_up_ || lost_), "a session without an end");
  world_.expect(!stream_open_, "a stream without an end");
}

}  // namespace nxb::sim
