// tests/unit/common/stream_test.cc - streams over real sockets: order, ends, pauses, connecting; stream_failures_test.cc has the rest.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "common/uv/stream.h"
#include "tests/support/loop_rig.h"
#include "tests/support/sockets.h"
#include "tests/unit/common/stream_rig.h"

namespace nxb::uv {
namespace {

using testing::Family;
using testing::Listening;
using testing::LoopRig;

TEST_CASE("what is written on one side arrives on the other, both parts, at once") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    Pair pair(family);
    pair.near->write("head ", "body");
    CHECK(pair.near->queued() == 0);
    pair.near->write("", "");
    pair.far->write("answer");
    REQUIRE(pair.rig.run_until([&] { return !pair.near_sink.received.empty() && pair.far_sink.received.size() == 9; }));
    CHECK(pair.far_sink.received == "head body");
    CHECK(pair.near_sink.received == "answer");
    CHECK(pair.near_sink.drained == 0);  // nothing was ever queued
  }
}

TEST_CASE("what the kernel does not take at once is queued, arrives in order, and on_drained comes once") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    Pair pair(family, 16384);
    const std::string first = pattern(600'000, 1);
    const std::string second = pattern(400'000, 2);
    pair.near->write(first, second);
    pair.near->write("last");
    CHECK(pair.near->queued() > 400'000);
    std::size_t queued = pair.near->queued();
    bool only_less = true;
    REQUIRE(pair.rig.run_until([&] {
      only_less = only_less && pair.near->queued() <= queued;
      queued = pair.near->queued();
      return pair.far_sink.received.size() == 1'000'004 && pair.near_sink.drained > 0;
    }));
    CHECK((pair.far_sink.received == first + second + "last"));
    CHECK(only_less);
    CHECK(pair.near->queued() == 0);
    CHECK(pair.near_sink.drained == 1);
  }
}

TEST_CASE("any sequence of writes arrives as written, whatever is queued meanwhile") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    Pair pair(seed % 2 == 0 ? Family::Unix : Family::Tcp, 16384);
    std::mt19937 random(seed);
    std::string sent;
    int writes = 0;
    REQUIRE(pair.rig.run_until([&] {
      if (writes < 150 && random() % 3 == 0) {
        ++writes;
        std::string text =
            pattern(random() % 3 == 0 ? random() % 20'000 : random() % 100, static_cast<unsigned>(random()));
        std::size_t cut = text.empty() ? 0 : random() % text.size();
        pair.near->write(text.substr(0, cut), text.substr(cut));
        sent += text;
      }
      if (writes < 150) pair.rig.loop.retire(std::make_unique<int>());  // another turn, also when the wire is quiet
      return writes == 150 && pair.far_sink.received.size() == sent.size();
    }));
    CHECK((pair.far_sink.received == sent));
  }
}

TEST_CASE("half_close sends the end after all that is queued; the other direction stays open") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    Pair pair(family, 16384);
    const std::string big = pattern(400'000);
    pair.near->write(big);
    pair.near->write("last");
    pair.near->half_close();
    pair.near->half_close();
    pair.near->write("too late");
    REQUIRE(pair.rig.run_until([&] { return pair.far_sink.ends == 1; }));
    CHECK((pair.far_sink.received == big + "last"));
    pair.far->write("still here");
    pair.far->half_close();
    REQUIRE(pair.rig.run_until([&] { return pair.near_sink.ends == 1; }));
    CHECK(pair.near_sink.received == "still here");
    pair.near->pause(PauseReason::Busy);
    pair.near->resume(PauseReason::Busy);
    pair.rig.run_turns(3);
    CHECK(pair.near_sink.ends == 1);  // the end is told once
    CHECK(pair.near_sink.broken + pair.far_sink.broken == 0);
  }
}

TEST_CASE("reading stops until every reason to pause is gone") {
  Pair pair(Family::Unix);
  pair.far->pause(PauseReason::PeerSlow);
  pair.far->pause(PauseReason::Busy);
  pair.far->pause(PauseReason::Busy);
  CHECK(pair.far->paused());
  pair.near->write("ping");
  pair.near->half_close();
  pair.rig.run_turns(4);
  CHECK(pair.far_sink.reads == 0);
  pair.far->resume(PauseReason::Busy);
  pair.rig.run_turns(4);
  CHECK(pair.far_sink.reads == 0);
  pair.far->resume(PauseReason::PeerSlow);
  CHECK_FALSE(pair.far->paused());
  REQUIRE(pair.rig.run_until([&] { return pair.far_sink.ends == 1; }));
  CHECK(pair.far_sink.received == "ping");
}

TEST_CASE("D-57 one read of a stream in a turn, however much it has to say") {
  Pair pair(Family::Unix, 1 << 20);
  pair.near->write(pattern(3 * Loop::kReadBufferSize));
  for (int reads = 1; reads <= 3; ++reads) {
    std::size_t before = pair.far_sink.received.size();
    REQUIRE(pair.rig.run_until([&] { return pair.far_sink.received.size() > before; }));
    CHECK(pair.far_sink.reads == reads);
  }
}

TEST_CASE("pausing within on_bytes keeps the rest for later") {
  Pair pair(Family::Unix);
  const std::string big = pattern(180'000);
  pair.far_sink.then = [&] { pair.far->pause(PauseReason::PeerSlow); };
  pair.near->write(big);
  REQUIRE(pair.rig.run_until([&] { return pair.far_sink.reads == 1; }));
  pair.rig.run_turns(4);
  CHECK(pair.far_sink.reads == 1);
  CHECK(pair.far_sink.received.size() <= Loop::kReadBufferSize);
  pair.far_sink.then = nullptr;
  pair.far->resume(PauseReason::PeerSlow);
  REQUIRE(pair.rig.run_until([&] { return pair.far_sink.received.size() == big.size(); }));
  CHECK((pair.far_sink.received == big));
}

TEST_CASE("connecting: on_connected, then bytes; what was written before goes first") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    LoopRig rig;
    Listening server(family);
    Recorder sink;
    auto client = *Stream::connect(rig.loop, server.address(), sink);
    client->write("early ");
    CHECK(client->queued() == 6);
    CHECK(sink.connected == 0);
    sink.then = [&] {
      if (sink.reads + sink.drained == 0) client->write("late");
    };
    Recorder peer_sink;
    auto peer = *Stream::adopt(rig.loop, server.accept(), peer_sink);
    peer->write("welcome");
    REQUIRE(rig.run_until([&] { return sink.reads > 0 && peer_sink.received.size() == 10; }));
    CHECK(sink.connected == 1);
    CHECK(peer_sink.received == "early late");
    CHECK(sink.received == "welcome");
  }
}

TEST_CASE("a half_close before the connection stands is carried out after it") {
  LoopRig rig;
  Listening server(Family::Tcp);
  Recorder sink;
  auto client = *Stream::connect(rig.loop, server.address(), sink);
  client->write("all");
  client->half_close();
  Recorder peer_sink;
  auto peer = *Stream::adopt(rig.loop, server.accept(), peer_sink);
  REQUIRE(rig.run_until([&] { return peer_sink.ends == 1; }));
  CHECK(peer_sink.received == "all");
}

TEST_CASE("a connection that is refused breaks the stream in a later turn") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    LoopRig rig;
    Address nobody = Listening(family).address();
    Recorder sink;
    std::unique_ptr<Stream> client;
    client = *Stream::connect(rig.loop, nobody, sink);
    client->write("never sent");
    CHECK(sink.broken == 0);
    sink.then = [&] { client.reset(); };
    REQUIRE(rig.run_until([&] { return sink.broken == 1; }));
    CHECK(sink.connected == 0);
    CHECK(sink.code == (family == Family::Unix ? Code::NotFound : Code::Refused));
  }
}

TEST_CASE("a connection may be given up while it is being made, and in on_connected") {
  LoopRig rig;
  Listening server(Family::Tcp);
  Recorder sink;
  auto given_up = *Stream::connect(rig.loop, server.address(), sink);
  given_up->write("queued");
  given_up.reset();
  std::unique_ptr<Stream> second = *Stream::connect(rig.loop, server.address(), sink);
  sink.then = [&] { second.reset(); };
  REQUIRE(rig.run_until([&] { return sink.connected == 1; }));
  CHECK(sink.broken == 0);
}

TEST_CASE("TCP streams send without delay and can keep their connection alive; unix streams do not mind") {
  Pair tcp(Family::Tcp);
  auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    REQUIRE(getsockopt(tcp.near->fd(), level, name, &value, &size) == 0);
    return value;
  };
  CHECK(option(IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 0);
  tcp.near->keepalive(90s);
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) != 0);
  CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 90);
  Pair unix_pair(Family::Unix);
  unix_pair.near->keepalive(90s);

  Listening server(Family::Tcp);
  Recorder sink;
  auto client = *Stream::connect(tcp.rig.loop, server.address(), sink);
  REQUIRE(tcp.rig.run_until([&] { return sink.connected == 1; }));
  tcp.near = std::move(client);
  CHECK(option(IPPROTO_TCP, TCP_NODELAY) != 0);
}

TEST_CASE("what cannot become a stream is an error, and its descriptor is closed all the same") {
  LoopRig rig;
  Recorder sink;
  int fd = memfd_create("no socket", MFD_CLOEXEC);
  CHECK_FALSE(static_cast<bool>(Stream::adopt(rig.loop, fd, sink)));
  CHECK(fcntl(fd, F_GETFD) == -1);
}

TEST_CASE(
    "a stream may change its sink, from within a callback and with bytes on their way: the new one hears the rest") {
  Pair pair(Family::Unix, 16384);
  Recorder next;
  pair.near->write(pattern(600'000));
  pair.near_sink.then = [&] { pair.near->set_sink(next); };
  pair.far->write("for the first");
  REQUIRE(pair.rig.run_until([&] { return pair.near_sink.reads == 1; }));
  pair.far->write("for the next");
  REQUIRE(pair.rig.run_until([&] { return next.drained == 1 && next.reads == 1; }));
  CHECK(pair.near_sink.received == "for the first");
  CHECK(next.received == "for the next");
  CHECK(pair.near_sink.drained == 0);
  pair.far.reset();
  REQUIRE(pair.rig.run_until([&] { return next.ends + next.broken == 1; }));
}

TEST_CASE("destroying a stream closes its socket, also when another process has a duplicate of it") {
  Pair pair(Family::Unix);
  int fd = pair.near->fd();
  int duplicate = dup(fd);  // as after a hand-over
  pair.near.reset();
  CHECK(fcntl(fd, F_GETFD) == -1);
  CHECK(send(duplicate, "from the new owner", 18, 0) == 18);
  REQUIRE(pair.rig.run_until([&] { return pair.far_sink.reads == 1; }));
  pair.far->write("to the new owner");
  pair.rig.run_turns(3);
  CHECK(pair.near_sink.reads == 0);
  CHECK(pair.far_sink.ends == 0);
  std::array<char, 64> bytes{};
  CHECK(recv(duplicate, bytes.data(), bytes.size(), MSG_DONTWAIT) == 16);
  close(duplicate);
}

}  // namespace
}  // namespace nxb::uv
