// tests/unit/common/listener_test.cc - accepting, pausing, running out of descriptors; and child processes.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "common/uv/child.h"
#include "common/uv/stream.h"
#include "tests/support/loop_rig.h"
#include "tests/support/sockets.h"

namespace nxb::uv {
namespace {

using testing::connected_to;
using testing::Family;
using testing::Listening;
using testing::LoopRig;

struct Acceptor final : Listener::Sink {
  ~Acceptor() {
    for (int fd : fds) close(fd);
  }
  void on_accepted(int fd) override {
    fds.push_back(fd);
    if (then) then();
  }
  void on_exhausted() override { ++exhausted; }
  std::vector<int> fds;
  int exhausted = 0;
  std::function<void()> then;
};

TEST_CASE("connections are accepted one by one, non-blocking and close-on-exec") {
  LoopRig rig;
  Listening socket(Family::Tcp);
  Acceptor sink;
  auto listener = Listener::adopt(rig.loop, socket.fd(), sink);
  REQUIRE(static_cast<bool>(listener));
  std::vector<int> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(connected_to(socket.address()));
  REQUIRE(rig.run_until([&] { return sink.fds.size() == 5; }));
  for (int fd : sink.fds) {
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  for (int fd : clients) close(fd);
}

TEST_CASE("a paused listener leaves connections in the queue; pausing and destroying work within on_accepted") {
  LoopRig rig;
  Listening socket(Family::Unix);
  Acceptor sink;
  auto listener = *Listener::adopt(rig.loop, socket.fd(), sink);
  std::array<int, 3> clients{};
  for (int& fd : clients) fd = connected_to(socket.address());
  sink.then = [&] { listener->pause(); };
  REQUIRE(rig.run_until([&] { return sink.fds.size() == 1; }));
  rig.run_turns(4);
  CHECK(sink.fds.size() == 1);
  sink.then = [&] { listener.reset(); };
  listener->resume();
  REQUIRE(rig.run_until([&] { return sink.fds.size() == 2; }));
  rig.run_turns(4);
  CHECK(sink.fds.size() == 2);
  CHECK(fcntl(socket.fd(), F_GETFD) != -1);  // the socket is not the listener's
  for (int fd : clients) close(fd);
}

TEST_CASE("H-45 out of descriptors: told once, the loop does not spin, and accepting goes on after a second") {
  LoopRig rig;
  Listening socket(Family::Tcp);
  Acceptor sink;
  auto listener = *Listener::adopt(rig.loop, socket.fd(), sink);
  int client = connected_to(socket.address());
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;  // no new number is below it; those in use stay usable
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  Instant start = rig.loop.now();
  bool told = rig.run_until([&] { return sink.exhausted > 0; });
  listener->pause();
  listener->resume();  // does not shorten the pause
  rig.run_turns(4);
  int turns_before = rig.turns;
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(told);
  REQUIRE(rig.run_until([&] { return sink.fds.size() == 1; }));
  CHECK(rig.loop.now() - start >= 1s);
  CHECK(rig.turns - turns_before < 20);
  CHECK(sink.exhausted == 1);
  close(client);
}

struct Spawned {
  std::unique_ptr<Child> child;
  std::optional<ChildExit> exit;
  std::string output;
};

void run(LoopRig& rig, Spawned& spawned, const std::vector<std::string>& argv) {
  int out = memfd_create("out", MFD_CLOEXEC);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  auto child = Child::spawn(rig.loop, argv, {null, out, STDERR_FILENO, null}, std::nullopt, [&](ChildExit how) {
    spawned.exit = how;
    spawned.child.reset();  // allowed here
  });
  close(null);
  REQUIRE(static_cast<bool>(child));
  spawned.child = *std::move(child);
  REQUIRE(rig.run_until([&] { return spawned.exit.has_value(); }));
  std::array<char, 4096> bytes{};
  ssize_t size = pread(out, bytes.data(), bytes.size(), 0);
  spawned.output.assign(bytes.data(), static_cast<std::size_t>(size));
  close(out);
}

TEST_CASE("a program runs with its arguments, and its exit code is heard") {
  LoopRig rig;
  Spawned spawned;
  run(rig, spawned, {"/bin/sh", "-c", "echo \"$1\"; exit 7", "sh", "two words"});
  CHECK(spawned.output == "two words\n");
  CHECK(spawned.exit->status == 7);
  CHECK(spawned.exit->signal == 0);
}

TEST_CASE("a program inherits the listed descriptors and no other, not even a careless one") {
  LoopRig rig;
  int careless = dup(STDERR_FILENO);  // no close-on-exec
  Spawned spawned;
  run(rig, spawned, {"/bin/ls", "/proc/self/fd"});
  close(careless);
  std::istringstream words(spawned.output);
  std::set<int> numbers;
  for (int number = 0; words >> number;) numbers.insert(number);
  CHECK(numbers == std::set<int>{0, 1, 2, 3, 4});  // 4 is the folder that ls reads
}

TEST_CASE("a program that is killed is told from one that exits; signals to the dead go nowhere") {
  LoopRig rig;
  std::optional<ChildExit> exit;
  auto child = *Child::spawn(rig.loop, {"/bin/sleep", "60"}, {}, std::nullopt, [&](ChildExit how) { exit = how; });
  CHECK(child->pid() > 0);
  child->kill(SIGKILL);
  REQUIRE(rig.run_until([&] { return exit.has_value(); }));
  CHECK(exit->signal == SIGKILL);
  child->kill(SIGKILL);
}

TEST_CASE("a program that does not exist is an error that names it") {
  LoopRig rig;
  bool called = false;
  auto child = Child::spawn(rig.loop, {"/nonexistent/nxb-worker"}, {}, std::nullopt, [&](ChildExit) { called = true; });
  REQUIRE_FALSE(static_cast<bool>(child));
  CHECK(child.error().text.find("/nonexistent/nxb-worker") != std::string::npos);
  rig.run_turns(3);
  CHECK_FALSE(called);
}

}  // namespace
}  // namespace nxb::uv
