// tests/bench/stub_session.h - one client's connection to the stub XMPP server: login, bind, and every <message/> comes straight
// back; one whose body is "push COUNT MICROSECONDS" makes the server send so many, one in so many microseconds.
// It understands what clients of these measurements and the gateways between say: whole elements, in any segmentation.
// Runs in nxb-stub.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/clock.h"
#include "tests/bench/wire.h"

namespace nxb::bench {

// When which session has to push next; the earliest on top.
using PushTime = std::pair<Micros, std::uint64_t>;
using PushTimes = std::priority_queue<PushTime, std::vector<PushTime>, std::greater<>>;

class StubSession final : public WireUser {
 public:
  // With a context STARTTLS is required.
  StubSession(Poller& poller, PushTimes& push_times, Descriptor socket, std::uint64_t number, SSL_CTX* context)
      : number_(number), push_times_(push_times), context_(context), wire_(poller, *this) {
    wire_.open(std::move(socket));
  }

  bool is_over() const { return !wire_.is_open(); }
  void push(Micros now);  // its time has come

  std::size_t received(std::string_view bytes) override;
  void ended(std::string_view) override {}

 private:
  void say();  // what is in out_
  void answer(std::string_view element, std::string_view name);
  void begin_pushing(std::string_view command);

  std::uint64_t number_;
  PushTimes& push_times_;
  SSL_CTX* context_;
  Wire wire_;
  std::string domain_;
  std::string out_;  // what is said in this turn
  bool secured_ = false, authenticated_ = false;
  std::uint64_t pushes_left_ = 0, pushed_ = 0;
  Micros push_interval_ = 0, next_push_ = 0;
};

}  // namespace nxb::bench
