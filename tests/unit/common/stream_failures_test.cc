// tests/unit/common/stream_failures_test.cc - streams whose peer goes away, and streams that are destroyed at any time.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>

#include "common/uv/stream.h"
#include "tests/support/sockets.h"
#include "tests/unit/common/stream_rig.h"

namespace nxb::uv {
namespace {

using testing::Family;

void reset_on_close(Stream& stream) {
  linger hard{1, 0};
  REQUIRE(setsockopt(stream.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0);
}

TEST_CASE("a failed write is told in a later turn, once, and what follows is ignored") {
  Pair pair(Family::Unix);
  pair.near->pause(PauseReason::Busy);  // so that it is the write that finds out
  pair.far.reset();
  pair.rig.run_turns(3);
  REQUIRE(pair.near_sink.broken == 0);
  pair.near->write("into the void");
  pair.near->write("again");
  CHECK(pair.near_sink.broken == 0);
  REQUIRE(pair.rig.run_until([&] { return pair.near_sink.broken > 0; }));
  CHECK(pair.near_sink.code == Code::Closed);
  pair.near->write("and again");
  pair.near->half_close();
  pair.near->resume(PauseReason::Busy);
  pair.rig.run_turns(3);
  CHECK(pair.near_sink.broken == 1);
  CHECK(pair.near_sink.ends == 0);
  CHECK(pair.near->queued() == 0);
}

TEST_CASE("what the peer said before it went is read, also when a write finds first that it is gone") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    Pair pair(family);
    pair.far->pause(PauseReason::Busy);
    pair.near->write("never read");  // so that closing resets the connection
    pair.far->write("last words");
    pair.far.reset();
    pair.near->write("into the void");
    CHECK(pair.near_sink.broken == 0);
    REQUIRE(pair.rig.run_until([&] { return pair.near_sink.broken > 0; }));
    CHECK(pair.near_sink.received == "last words");
    CHECK(pair.near_sink.code == Code::Closed);
    pair.rig.run_turns(3);
    CHECK(pair.near_sink.broken == 1);
    CHECK(pair.near_sink.ends == 0);
  }
}

TEST_CASE("a failed write is told also when the peer goes on to speak without ever ending") {
  Pair pair(Family::Unix);
  REQUIRE(shutdown(pair.far->fd(), SHUT_RD) == 0);
  pair.near->write("x");
  pair.far->write("more");
  REQUIRE(pair.rig.run_until([&] { return pair.near_sink.broken > 0; }));
  CHECK(pair.near_sink.received == "more");
  CHECK(pair.near_sink.broken == 1);
}

TEST_CASE("a reset by the peer breaks the stream, once, also while a write is queued") {
  for (bool writing : {false, true}) {
    Pair pair(Family::Tcp, 4096);
    pair.far->pause(PauseReason::Busy);
    if (writing) pair.near->write(pattern(3'000'000));
    CHECK((pair.near->queued() > 0) == writing);
    reset_on_close(*pair.far);
    pair.far.reset();
    REQUIRE(pair.rig.run_until([&] { return pair.near_sink.broken > 0; }));
    CHECK(pair.near_sink.code == Code::Closed);
    pair.rig.run_turns(3);
    CHECK(pair.near_sink.broken == 1);
    CHECK(pair.near_sink.drained == 0);
  }
}

TEST_CASE("a stream may be destroyed in each of its callbacks") {
  SUBCASE("on_bytes") {
    Pair pair(Family::Tcp);
    pair.far_sink.then = [&] { pair.far.reset(); };
    pair.near->write(pattern(200'000));
    REQUIRE(pair.rig.run_until([&] { return pair.far_sink.reads > 0; }));
    pair.rig.run_until([&] { return pair.near_sink.ends + pair.near_sink.broken > 0; });
    CHECK(pair.far_sink.reads == 1);
  }
  SUBCASE("on_end") {
    Pair pair(Family::Unix);
    pair.far_sink.then = [&] { pair.far.reset(); };
    pair.near->half_close();
    REQUIRE(pair.rig.run_until([&] { return pair.far_sink.ends == 1; }));
  }
  SUBCASE("on_drained") {
    Pair pair(Family::Unix, 4096);
    pair.near_sink.then = [&] { pair.near.reset(); };
    pair.near->write(pattern(1'000'000));
    REQUIRE(pair.rig.run_until([&] { return pair.far_sink.ends == 1; }));
    CHECK(pair.near_sink.drained == 1);
    CHECK(pair.far_sink.received.size() == 1'000'000);
  }
  SUBCASE("on_broken, by reading") {
    Pair pair(Family::Tcp);
    pair.near_sink.then = [&] { pair.near.reset(); };
    reset_on_close(*pair.far);
    pair.far.reset();
    REQUIRE(pair.rig.run_until([&] { return pair.near_sink.broken == 1; }));
  }
  SUBCASE("on_broken, by writing") {
    Pair pair(Family::Unix);
    pair.near->pause(PauseReason::Busy);
    pair.near_sink.then = [&] { pair.near.reset(); };
    pair.far.reset();
    pair.rig.run_turns(3);
    pair.near->write("x");
    REQUIRE(pair.rig.run_until([&] { return pair.near_sink.broken == 1; }));
  }
}

TEST_CASE("a stream destroyed with writes queued frees their bytes when libuv lets go of them") {
  for (Family family : {Family::Unix, Family::Tcp}) {
    Pair pair(family, 4096);
    pair.far->pause(PauseReason::Busy);
    pair.near->write(pattern(3'000'000));
    pair.near->write("more");
    pair.near->half_close();
    pair.near.reset();
    pair.far->resume(PauseReason::Busy);
    REQUIRE(pair.rig.run_until([&] { return pair.far_sink.ends + pair.far_sink.broken > 0; }));
    CHECK(pair.far_sink.received.size() < 3'000'000);
    CHECK(pair.near_sink.broken == 0);
  }
}

TEST_CASE("a stream whose failure is not yet told may be destroyed") {
  Pair pair(Family::Unix);
  pair.near->pause(PauseReason::Busy);
  pair.far.reset();
  pair.rig.run_turns(3);
  pair.near->write("x");
  pair.near.reset();
  pair.rig.run_turns(3);
  CHECK(pair.near_sink.broken == 0);
}

}  // namespace
}  // namespace nxb::uv
