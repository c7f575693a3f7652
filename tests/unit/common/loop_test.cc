// tests/unit/common/loop_test.cc - turns, retirement, timers, signals, readiness, clean shutdown.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/address.h"
#include "common/uv/loop.h"
#include "tests/support/death.h"
#include "tests/support/loop_rig.h"

namespace nxb::uv {
namespace {

using testing::last_words;
using testing::LoopRig;

// Does something when it is freed.
class Doomed {
 public:
  explicit Doomed(std::function<void()> last_act) : last_act_(std::move(last_act)) {}
  ~Doomed() { last_act_(); }
  Doomed(const Doomed&) = delete;
  Doomed& operator=(const Doomed&) = delete;

 private:
  std::function<void()> last_act_;
};

TEST_CASE("after a turn the hooks run in order, then retired objects are freed in order") {
  Loop loop;
  std::vector<std::string> seen;
  loop.at_end_of_turn([&] { seen.push_back("hook one"); });
  loop.at_end_of_turn([&] { seen.push_back("hook two"); });
  Timer timer(loop, [&] {
    loop.retire(std::make_unique<Doomed>([&] { seen.push_back("first"); }));
    loop.retire(std::make_unique<Doomed>([&] { seen.push_back("second"); }));
    seen.push_back("turn");
    loop.stop();
  });
  timer.start(1ms);
  loop.run();
  auto turn = std::ranges::find(seen, "turn");
  REQUIRE(seen.end() - turn >= 5);
  CHECK(std::vector<std::string>(turn, turn + 5) ==
        std::vector<std::string>{"turn", "hook one", "hook two", "first", "second"});
}

TEST_CASE("what a freed object retires is freed in the next turn, which does not wait for anything") {
  LoopRig rig;
  int turn_of_first = 0;
  int turn_of_second = 0;
  rig.loop.retire(std::make_unique<Doomed>([&] {
    turn_of_first = rig.turns;
    rig.loop.retire(std::make_unique<Doomed>([&] { turn_of_second = rig.turns; }));
  }));
  REQUIRE(rig.run_until([&] { return turn_of_second != 0; }, 5s));
  CHECK(turn_of_second == turn_of_first + 1);
}

TEST_CASE("a hook sees what the freeing of retired objects caused without waiting for I/O") {
  LoopRig rig;
  bool caused = false;
  rig.loop.retire(std::make_unique<Doomed>([&] { caused = true; }));
  CHECK(rig.run_until([&] { return caused; }, 5s));
}

TEST_CASE("an idle loop does not spin") {
  LoopRig rig;
  Timer timer(rig.loop, [&] { rig.loop.stop(); });
  timer.start(50ms);
  rig.loop.retire(std::make_unique<Doomed>([] {}));
  rig.loop.run();
  CHECK(rig.turns < 20);
}

TEST_CASE("run() ends by itself when nothing is left that could call back") {
  Loop loop;
  bool freed = false;
  loop.retire(std::make_unique<Doomed>([&] { freed = true; }));
  loop.run();
  CHECK(freed);
}

TEST_CASE("stop() before run() lets run() return at once, and a late stop() does not disturb the end") {
  Loop loop;
  bool fired = false;
  Timer timer(loop, [&] { fired = true; });
  timer.start(1ms);
  loop.stop();
  loop.run();
  CHECK_FALSE(fired);
  loop.stop();
}

TEST_CASE("a handle that outlives its loop ends the process, named") {
  std::string words = last_words([] {
    std::optional<Timer> leaked;
    Loop loop;
    leaked.emplace(loop, [] {});
    leaked->start(1s);
  });
  CHECK(words.find("handles outlive their loop: timer") != std::string::npos);
}

TEST_CASE("an object still retired when the loop ends is freed then") {
  bool freed = false;
  {
    Loop loop;
    loop.retire(std::make_unique<Doomed>([&] { freed = true; }));
  }
  CHECK(freed);
}

TEST_CASE("a timer fires once, not before its time, and not after stop()") {
  LoopRig rig;
  int fired = 0;
  bool stopped_fired = false;
  Timer timer(rig.loop, [&] { ++fired; });
  Timer stopped(rig.loop, [&] { stopped_fired = true; });
  Timer later(rig.loop, [] {});
  Instant start = rig.loop.now();
  timer.start(1ms);
  timer.start(20ms);  // replaces
  stopped.start(1ms);
  stopped.stop();
  later.start(1h);
  REQUIRE(rig.run_until([&] { return fired > 0; }));
  CHECK(rig.loop.now() - start >= 20ms);
  rig.run_turns(3);
  CHECK(fired == 1);
  CHECK_FALSE(stopped_fired);
}

TEST_CASE("a timer that starts itself with zero does not keep the others waiting") {
  LoopRig rig;
  int count = 0;
  bool served = false;
  std::optional<Timer> greedy;
  greedy.emplace(rig.loop, [&] {
    NXB_CHECK(++count < 100'000, "one timer has taken the loop over");
    greedy->start(0ms);
  });
  greedy->start(-5s);
  Timer other(rig.loop, [&] { served = true; });
  other.start(3ms);
  CHECK(rig.run_until([&] { return served && count > 1; }));
}

TEST_CASE("a timer may be destroyed by its own callback") {
  LoopRig rig;
  std::string note(100, 'x');  // on the heap of the callback's captures
  std::optional<Timer> timer;
  std::string after;
  timer.emplace(rig.loop, [&timer, &after, note] {
    timer.reset();
    after = note;
  });
  timer->start(1ms);
  CHECK(rig.run_until([&] { return !after.empty(); }));
  CHECK(after == note);
}

TEST_CASE("signals arrive as callbacks; SIGPIPE does not arrive at all") {
  LoopRig rig;
  int count = 0;
  Signal signal(rig.loop, SIGUSR1, [&] { ++count; });
  REQUIRE(raise(SIGUSR1) == 0);
  CHECK(rig.run_until([&] { return count == 1; }));
  CHECK(raise(SIGPIPE) == 0);
}

TEST_CASE("readiness is reported for what is watched, as long as it is watched") {
  LoopRig rig;
  std::array<int, 2> pair{};
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair.data()) == 0);
  int readable = 0;
  int writable = 0;
  auto poll = Poll::make(rig.loop, pair[0], [&](bool r, bool w) {
    readable += r ? 1 : 0;
    writable += w ? 1 : 0;
  });
  REQUIRE(static_cast<bool>(poll));
  (*poll)->watch(true, false);
  CHECK(send(pair[1], "x", 1, 0) == 1);
  REQUIRE(rig.run_until([&] { return readable > 0; }));
  CHECK(writable == 0);
  (*poll)->watch(false, true);
  readable = 0;
  REQUIRE(rig.run_until([&] { return writable > 0; }));
  CHECK(readable == 0);
  (*poll)->watch(false, false);
  writable = 0;
  rig.run_turns(3);
  CHECK(writable == 0);
  poll->reset();
  close(pair[0]);
  close(pair[1]);
}

TEST_CASE("a poll may be destroyed by its own callback") {
  LoopRig rig;
  std::array<int, 2> pair{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
  std::unique_ptr<Poll> poll;
  bool called = false;
  auto made = Poll::make(rig.loop, pair[0], [&](bool, bool) {
    poll.reset();
    called = true;
  });
  poll = *std::move(made);
  poll->watch(false, true);
  CHECK(rig.run_until([&] { return called; }));
  close(pair[0]);
  close(pair[1]);
}

TEST_CASE("an error pending on a datagram socket is reported as readiness, and watching goes on") {
  LoopRig rig;
  auto any = *Address::parse("127.0.0.1:0");
  int closed = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(bind(closed, any.get(), any.size()) == 0);
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  REQUIRE(getsockname(closed, reinterpret_cast<sockaddr*>(&storage), &size) == 0);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&storage), size) == 0);
  close(closed);

  std::vector<int> errors;
  auto poll = Poll::make(rig.loop, fd, [&](bool readable, bool) {
    CHECK(readable);
    char byte = 0;
    if (recv(fd, &byte, 1, 0) < 0) errors.push_back(errno);
  });
  (*poll)->watch(true, false);
  for (std::size_t round = 1; round <= 2; ++round) {
    CHECK(send(fd, "x", 1, 0) == 1);
    REQUIRE(rig.run_until([&] { return errors.size() >= round; }));
    CHECK(errors.back() == ECONNREFUSED);
  }
  poll->reset();
  close(fd);
}

TEST_CASE("a descriptor that cannot be watched is an error, not a handle") {
  Loop loop;
  CHECK_FALSE(static_cast<bool>(Poll::make(loop, 1'000'000, [](bool, bool) {})));
}

}  // namespace
}  // namespace nxb::uv
