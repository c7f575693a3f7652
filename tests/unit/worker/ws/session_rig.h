// tests/unit/worker/ws/session_rig.h - one WebSocket session, a clock that is set by hand, and what the last event caused,
// as text: a line for each action.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "worker/ws/session.h"

namespace nxb::ws {

inline const std::string kOpen = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0'/>";
inline const std::string kServersOpen =
    "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"a.example\" id=\"U77\" version=\"1.0\" "
    "xml:lang=\"en\"/>";
inline const std::string kOwnOpen =
    "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"a.example\" id=\"name\" version=\"1.0\"/>";
inline const std::string kBareOpen =
    "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" id=\"name\" version=\"1.0\"/>";  // nothing was asked for yet
inline const std::string kClientsClose = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
inline const std::string kFeatures =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams' xml:lang='de'><m/></stream:features>";

inline std::string stream_error(std::string_view condition) {
  return "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><" + std::string(condition) +
         " xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error>";
}

inline std::string code_text(std::string_view payload) {
  if (payload.size() < 2) return "-";
  return std::to_string(static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]));
}

inline std::string text_of(const Send& send) {
  switch (send.opcode) {
    case Opcode::Text:
      return "S " + send.payload;
    case Opcode::Close:
      return "Close " + code_text(send.payload);
    case Opcode::Ping:
      return "Ping " + send.payload;
    case Opcode::Pong:
      return "Pong " + send.payload;
    case Opcode::Binary:
    case Opcode::Continuation:
      break;
  }
  return "never sent";
}
inline std::string text_of(const HangUp&) { return "HangUp"; }
inline std::string text_of(const Forward& forward) {
  return "Forward " + std::to_string(forward.count) + " " + forward.elements;
}
inline std::string text_of(const OpenStream& open) {
  const auto& spec = open.spec;
  return "OpenStream " + spec.domain + " " + spec.xmpp_version + " " + spec.lang + " " + spec.from;
}
inline std::string text_of(const RestartStream&) { return "RestartStream"; }
inline std::string text_of(const CloseStream& close) {
  return close.parting == upstream::Parting::ClientClosed ? "CloseStream closed" : "CloseStream lost";
}
inline std::string text_of(const ReadServer& read) { return read.on ? "ReadServer on" : "ReadServer off"; }
inline std::string text_of(const ReadClient& read) { return read.on ? "ReadClient on" : "ReadClient off"; }
inline std::string text_of(const Ended& ended) {
  return "Ended " + std::string(ended.why) + "/" + std::string(wire_name(ended.condition));
}

// Lines as a test writes them.
inline std::string lines(std::initializer_list<std::string> all) {
  std::string out;
  for (const auto& line : all) out += line + "\n";
  return out;
}

inline std::string open_with(const std::string& attributes) {
  return "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' " + attributes + "/>";
}

// What is said before a Close, and the end of it.
inline std::string error_end(const std::string& open, std::string_view condition, const std::string& stream,
                             const std::string& ended, int code = 1000) {
  return (open.empty() ? "" : "S " + open + "\n") + "S " + stream_error(condition) + "\nS " + std::string(kClose) +
         "\n" + stream + "Ended " + ended + "\nClose " + std::to_string(code) + "\n";
}

class Rig {
 public:
  explicit Rig(const SessionLimits& with = {}) : limits(with), session(limits, "name", now) {}

  SessionLimits limits;
  Instant now{Duration(1'000'000)};
  xml::Pool pool;
  Session session;
  std::size_t ended = 0, hung_up = 0;
  bool closed = false;  // a Close was sent

  std::string says(std::string_view text) { return feed(MessageArrived{parse_message(pool, text, 10'000)}); }
  std::string server(upstream::Event event) { return feed(ServerSpoke{std::move(event)}); }
  std::string server_says(const std::string& bytes, xmpp::Kind kind = xmpp::Kind::Other) {
    return server(upstream::Arrived{{{kind, bytes}}});
  }
  std::string opened(std::string id = "U77") {
    return server(upstream::Opened{std::move(id), "1.0", "a.example", "en"});
  }

  std::string feed(Event event) {
    Actions actions;
    session.on(std::move(event), now, actions);
    CHECK(session.is_consistent());
    if (session.next_deadline()) CHECK(*session.next_deadline() > now);
    return record(actions);
  }
  // Time passes; the session is woken at its deadlines on the way, as the gateway does it.
  std::string pass(Duration by) {
    Instant until = now + by;
    std::string all;
    while (session.next_deadline() && *session.next_deadline() <= until) {
      REQUIRE(*session.next_deadline() > now);  // or it would never end
      now = *session.next_deadline();
      all += feed(TimePassed{});
    }
    now = until;
    return all + feed(TimePassed{});
  }
  // A session that is open: example 2 of the specification up to the features.
  void open(std::string_view header = kOpen) {
    says(header);
    opened();
    server_says(kFeatures, xmpp::Kind::Features);
    REQUIRE(session.state() == State::Open);
  }

 private:
  // What holds for all that a session ever says.
  std::string record(const Actions& actions) {
    std::string out;
    for (const Action& action : actions) {
      CHECK(hung_up == 0);
      if (std::holds_alternative<Ended>(action)) ++ended;
      if (std::holds_alternative<HangUp>(action)) ++hung_up;
      if (const auto* send = std::get_if<Send>(&action)) {
        CHECK_FALSE(closed);
        closed = send->opcode == Opcode::Close;
      }
      out += std::visit([](const auto& known) { return text_of(known); }, action) + "\n";
    }
    CHECK(ended <= 1);
    if (hung_up != 0) CHECK(ended == 1);
    return out;
  }
};

}  // namespace nxb::ws
