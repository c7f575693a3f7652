// tests/unit/worker/bosh/session_rig.h - one session, a clock that is set by hand, and what the last event caused.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "worker/bosh/session.h"

namespace nxb::bosh {

inline const std::string kEmpty = write_answer({});

inline Body creation(std::uint64_t rid = 1000) {
  Body body;
  body.rid = Rid{rid};
  body.to = "a.example";
  body.wait = 60;
  body.hold = 1;
  body.ver = Version{1, 6};
  body.xmpp_version = "1.0";
  return body;
}

inline Body body(std::uint64_t rid, std::string payloads = {}) {
  Body made;
  made.sid = "sid";
  made.rid = Rid{rid};
  made.payload_count = payloads.empty() ? 0 : 1;
  made.payloads = std::move(payloads);
  return made;
}

inline Body terminate(std::uint64_t rid, std::string payloads = {}) {
  Body made = body(rid, std::move(payloads));
  made.terminate = true;
  return made;
}

inline xmpp::Stanza message(const std::string& text) {
  return {xmpp::Kind::Message, "<message xmlns='jabber:client'><body>" + text + "</body></message>"};
}

inline const xmpp::Stanza kFeatures{xmpp::Kind::Features, "<stream:features xmlns:stream='s'><m/></stream:features>"};

inline bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class Rig {
 public:
  SessionLimits limits;
  Instant now{Duration(1'000'000)};
  Actions actions;  // of the last event
  std::optional<Session> session;

  RequestId create(Body made = creation()) {
    RequestId id = next_request();
    actions.clear();
    session.emplace(limits, "sid", id, std::move(made), now, actions);
    CHECK(session->is_consistent());
    return id;
  }
  // A session that is open, its creation (rid 1000) answered with features.
  void open(Body made = creation()) {
    create(std::move(made));
    server(upstream::Opened{"U77", "1.0"});
    server(upstream::Arrived{{kFeatures}});
    REQUIRE(session->state() == State::Open);
  }
  RequestId post(Body made) {
    RequestId id = next_request();
    feed(RequestArrived{id, std::move(made)});
    return id;
  }
  void gone(RequestId id) { feed(RequestGone{id}); }
  void server(upstream::Event event, StreamNumber stream = 1) { feed(ServerSpoke{stream, std::move(event)}); }
  void says(const std::string& text, StreamNumber stream = 1) { server(upstream::Arrived{{message(text)}}, stream); }
  void feed(Event event) {
    actions.clear();
    session->on(std::move(event), now, actions);
    CHECK(session->is_consistent());
  }
  // Time passes; the session is woken at its deadlines on the way, as the gateway does it. All actions are collected.
  void pass(Duration by) {
    Instant until = now + by;
    Actions all;
    while (session->next_deadline() && *session->next_deadline() <= until) {
      REQUIRE(*session->next_deadline() > now);  // or it would never end
      now = *session->next_deadline();
      feed(TimePassed{});
      all.insert(all.end(), actions.begin(), actions.end());
    }
    now = until;
    feed(TimePassed{});
    all.insert(all.end(), actions.begin(), actions.end());
    actions = all;
  }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& action : actions) {
      if (const T* known = std::get_if<T>(&action)) found.push_back(*known);
    }
    return found;
  }
  template <class T>
  T only() const {
    auto found = all<T>();
    REQUIRE(found.size() == 1);
    return found[0];
  }
  // What the last event answered to this request; nothing: it still waits.
  std::optional<Respond> answer(RequestId id) const {
    std::optional<Respond> found;
    for (const auto& respond : all<Respond>()) {
      if (respond.to != id) continue;
      CHECK_FALSE(found.has_value());
      found = respond;
    }
    return found;
  }
  std::string text(RequestId id) const {
    auto found = answer(id);
    return found ? found->body : "(no answer)";
  }

 private:
  RequestId next_request() { return {ConnId{++connections_}, 1}; }
  std::uint64_t connections_ = 0;
};

}  // namespace nxb::bosh
