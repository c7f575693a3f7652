// tests/unit/worker/edge/balance_test.cc - where new WebSockets go.
// SPDX-License-Identifier: MIT
#include "worker/edge/balance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

using namespace nxb;
using edge::Balance;
using edge::Load;

namespace {

constexpr Instant kStart{1000s};

std::vector<Load> loads(std::initializer_list<std::uint64_t> sessions) {
  std::vector<Load> out;
  for (std::uint64_t count : sessions) out.push_back({count, 0, false});
  return out;
}

}  // namespace

TEST_CASE("a new WebSocket goes to the worker with the fewest sessions, and stays where moving gains little") {
  CHECK(Balance(0, 1).choose(loads({7}), kStart) == 0);
  CHECK(Balance(0, 4).choose(loads({100, 90, 20, 30}), kStart) == 2);
  CHECK(Balance(2, 4).choose(loads({100, 90, 20, 30}), kStart) == 2);
  CHECK(Balance(0, 2).choose(loads({2, 0}), kStart) == 0);
  CHECK(Balance(0, 2).choose(loads({3, 0}), kStart) == 1);
  CHECK(Balance(0, 2).choose(loads({6400 + 102, 6400}), kStart) == 0);
  CHECK(Balance(0, 2).choose(loads({6400 + 103, 6400}), kStart) == 1);
}

TEST_CASE("workers that look at the same time do not all find the same one") {
  const auto now = loads({50, 0, 50, 0});
  CHECK(Balance(0, 4).choose(now, kStart) == 1);
  CHECK(Balance(2, 4).choose(now, kStart) == 3);
}

TEST_CASE("what is under way counts as its owner's until it was taken over") {
  Balance balance(0, 2);
  auto now = loads({10, 0});
  for (int i = 0; i < 8; ++i) {
    REQUIRE(balance.choose(now, kStart) == 1);
    balance.gave(1, kStart);
  }
  CHECK(balance.choose(now, kStart) == 0);  // 10 here, 8 on their way there
  CHECK(balance.under_way(1) == 8);
  now[1] = {3, 3, false};  // three have arrived, five have not
  CHECK(balance.choose(now, kStart) == 0);
  CHECK(balance.under_way(1) == 5);
  now[1] = {2, 10, false};  // they, and some of others; sessions ended
  CHECK(balance.choose(now, kStart) == 1);
  CHECK(balance.under_way(1) == 0);
}

TEST_CASE("a worker that takes nothing gets nothing more, until it moves or time has passed") {
  Balance balance(0, 3);
  auto now = loads({100, 0, 60});  // worker 1 is dead: its gauges were cleared
  REQUIRE(balance.choose(now, kStart) == 1);
  balance.gave(1, kStart);
  CHECK(balance.choose(now, kStart + Balance::kSlow) == 1);
  CHECK(balance.choose(now, kStart + Balance::kSlow + 1ms) == 2);
  now[1].taken_over = 1;
  CHECK(balance.choose(now, kStart + Balance::kSlow + 2ms) == 1);
  balance.gave(1, kStart);
  CHECK(balance.choose(now, kStart + Balance::kForget) == 2);
  CHECK(balance.choose(now, kStart + Balance::kForget + 1ms) == 1);  // it is tried again
  CHECK(balance.under_way(1) == 0);
}

TEST_CASE("a worker whose mailbox is full, or that has no room, is not chosen") {
  auto now = loads({100, 0, 60});
  now[1].closed = true;
  CHECK(Balance(0, 3).choose(now, kStart) == 2);
  now[2].closed = true;
  CHECK(Balance(0, 3).choose(now, kStart) == 0);
  now[0].closed = true;  // nobody has room: it stays where it is
  CHECK(Balance(0, 3).choose(now, kStart) == 0);
}

TEST_CASE("2,000 WebSockets come out even, whoever accepts them and however late mailboxes are read") {
  for (std::size_t lag : {0, 1, 30, 200}) {
    for (std::uint32_t acceptors : {1, 2, 4}) {
      if (lag > 30 && acceptors > 1) continue;  // they do not know what others have under way
      std::vector<Balance> workers;
      for (std::uint32_t index = 0; index < 4; ++index) workers.emplace_back(index, 4);
      auto now = loads({0, 0, 0, 0});
      std::deque<std::uint32_t> mail;
      for (std::uint32_t i = 0; i < 2000; ++i) {
        Balance& acceptor = workers[i % acceptors];
        const std::uint32_t owner = acceptor.choose(now, kStart);
        if (owner == i % acceptors) {
          ++now[owner].sessions;
        } else {
          acceptor.gave(owner, kStart);
          mail.push_back(owner);
        }
        for (; mail.size() > lag; mail.pop_front()) {
          ++now[mail.front()].sessions;
          ++now[mail.front()].taken_over;
        }
      }
      for (std::uint32_t owner : mail) ++now[owner].sessions;
      auto less = [](const Load& a, const Load& b) { return a.sessions < b.sessions; };
      const auto [least, most] = std::minmax_element(now.begin(), now.end(), less);
      CAPTURE(lag);
      CAPTURE(acceptors);
      CHECK(most->sessions - least->sessions < 50);  // a tenth of the mean
    }
  }
}
