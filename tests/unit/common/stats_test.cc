// tests/unit/common/stats_test.cc - counters across processes (O-24).
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "common/stats/stats.h"

namespace nxb::stats {
namespace {

using namespace std::chrono_literals;

std::uint64_t of(const Values& values, Counter counter) { return values[static_cast<std::size_t>(counter)]; }

TEST_CASE("counters without a segment count on their own") {
  Counters counters;
  counters.add(Counter::requests);
  counters.add(Counter::bytes_to_clients, 700);
  counters.add(Counter::sessions, 3);
  counters.sub(Counter::sessions);
  CHECK(counters.get(Counter::requests) == 1);
  CHECK(counters.get(Counter::bytes_to_clients) == 700);
  CHECK(counters.get(Counter::sessions) == 2);
  CHECK(counters.get(Counter::errors) == 0);
}

TEST_CASE("each worker has a slot of its own, on its own cache lines, and totals add them up") {
  auto segment = Segment::create(3);
  REQUIRE(static_cast<bool>(segment));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(reinterpret_cast<std::uintptr_t>(segment->slot(i)) % 64 == 0);
    Counters counters(segment->slot(i));
    counters.add(Counter::requests, 10 + i);
    counters.add(Counter::sessions, 1);
    counters.add(Counter::bugs_seen, 100);  // the last of the table: slots must not overlap
  }
  CHECK(of(segment->read(0), Counter::requests) == 10);
  CHECK(of(segment->read(2), Counter::requests) == 12);
  CHECK(of(segment->read(1), Counter::bugs_seen) == 100);
  CHECK(of(segment->total(), Counter::requests) == 33);
  CHECK(of(segment->total(), Counter::sessions) == 3);
  CHECK(of(segment->total(), Counter::unknown_sids) == 0);
}

TEST_CASE("C-29 every process sees when the segment was made, which is when nxb started") {
  const Instant before = monotonic_now();
  auto segment = Segment::create(1);
  REQUIRE(static_cast<bool>(segment));
  CHECK(segment->created() >= before);
  CHECK(segment->created() <= monotonic_now());
  auto seen = Segment::attach(dup(segment->fd()), 1);
  REQUIRE(static_cast<bool>(seen));
  CHECK(seen->created() == segment->created());
}

TEST_CASE("what a worker process counted survives its death; only its gauges and its pulse are cleared (O-24 O-06)") {
  auto segment = Segment::create(2);
  REQUIRE(static_cast<bool>(segment));
  for (int life = 0; life < 2; ++life) {
    pid_t worker = fork();
    if (worker == 0) {
      auto mine = Segment::attach(dup(segment->fd()), 2);
      if (!mine) _exit(1);
      Counters counters(mine->slot(1));
      counters.add(Counter::sessions_opened, 5);
      counters.add(Counter::sessions, 5);
      Pulse pulse(mine->pulse(1));
      pulse.beat(Instant{12345ms});
      pulse.doing(Activity::Request);
      pulse.set_open(true);
      _exit(0);
    }
    int status = 0;
    waitpid(worker, &status, 0);
    CHECK(status == 0);
    CHECK(of(segment->read(1), Counter::sessions) == 5);
    CHECK(segment->get(1, Counter::sessions) == 5);
    CHECK(segment->get(0, Counter::sessions) == 0);
    CHECK(segment->sign(1).at == Instant{12345ms});
    CHECK(stats::name_of(segment->sign(1).activity) == "a BOSH request");
    CHECK(segment->sign(0).at == Instant{});
    CHECK(segment->sign(1).open);
    CHECK_FALSE(segment->sign(0).open);  // it has no process
    segment->clear_gauges(1);
    CHECK_FALSE(segment->sign(1).open);
    CHECK(segment->sign(1).at == Instant{});
    CHECK(stats::name_of(segment->sign(1).activity) == "starting");
    CHECK(of(segment->read(1), Counter::sessions) == 0);
    CHECK(of(segment->total(), Counter::sessions_opened) == (life == 0 ? 5 : 10));
  }
}

TEST_CASE("a segment of another size or layout is refused, and cannot be resized") {
  auto segment = Segment::create(2);
  REQUIRE(static_cast<bool>(segment));
  auto wrong = Segment::attach(segment->fd(), 3);
  REQUIRE_FALSE(static_cast<bool>(wrong));
  CHECK(wrong.error().code == Code::Unsupported);
  CHECK(ftruncate(segment->fd(), 64) != 0);

  std::array<unsigned char, 16> header{};
  REQUIRE(pread(segment->fd(), header.data(), header.size(), 0) == 16);
  for (int spoiled : {-1, 0, 7, 8, 10, 12}) {  // magic, number of counters, version, slots
    CAPTURE(spoiled);
    auto copy = header;
    if (spoiled >= 0) copy[static_cast<std::size_t>(spoiled)] ^= 1;
    int fd = memfd_create("copy", MFD_CLOEXEC);
    REQUIRE(ftruncate(fd, lseek(segment->fd(), 0, SEEK_END)) == 0);
    REQUIRE(pwrite(fd, copy.data(), copy.size(), 0) == 16);
    auto attached = Segment::attach(fd, 2);
    CHECK(static_cast<bool>(attached) == (spoiled < 0));
    if (!attached) {
      CHECK(attached.error().code == Code::Unsupported);
      close(fd);
    }
  }
}

TEST_CASE("O-31: of what is no amount the total is the highest, and it goes with its worker") {
  auto segment = Segment::create(2);
  REQUIRE(static_cast<bool>(segment));
  Counters(segment->slot(0)).add(Counter::proxy_cut_age_seconds, 30);
  Counters(segment->slot(1)).add(Counter::proxy_cut_age_seconds, 50);
  CHECK(of(segment->total(), Counter::proxy_cut_age_seconds) == 50);
  segment->clear_gauges(1);
  CHECK(of(segment->total(), Counter::proxy_cut_age_seconds) == 30);
}

TEST_CASE("every counter has a name and a text") {
  for (const Info& info : kCounters) {
    CHECK_FALSE(info.name.empty());
    CHECK_FALSE(info.help.empty());
  }
  CHECK(kCounters[static_cast<std::size_t>(Counter::sessions)].name == "sessions");
  CHECK(kCounters[static_cast<std::size_t>(Counter::sessions)].kind == Kind::Gauge);
  CHECK(kCounters[static_cast<std::size_t>(Counter::bugs_seen)].name == "bugs_seen");
}

TEST_CASE("O-23 tables and histograms have cells of their own behind the counters, added over workers") {
  auto segment = Segment::create(2);
  REQUIRE(static_cast<bool>(segment));
  for (std::size_t i = 0; i < 2; ++i) {
    Counters counters(segment->slot(i));
    counters.answered(Method::post, 200);
    counters.answered(Method::get, 404);
    counters.answered(Method::get, 999);  // no class of status: nothing
    counters.ended(Transport::websocket, Cause::internal);
    counters.unknown_sid(SidReason::nobody);
    for (Duration each : {0ms, 1ms, 2ms, 60'000ms, 60'001ms}) counters.observe(Histogram::hold, each);
    counters.observe(Histogram::upstream_connect, 99'999ms);  // the last cell
  }
  const Cells cells = segment->cells();
  auto at = [&](Table table, std::size_t row, std::size_t column) { return cells[cell_of(table, row, column)]; };
  CHECK(at(Table::requests, 1, 1) == 2);
  CHECK(at(Table::requests, 0, 3) == 2);
  CHECK(at(Table::session_ends, 1, kTables[1].columns.size() - 1) == 2);
  CHECK(at(Table::unknown_sid, 2, 0) == 2);
  const std::size_t hold = first_of(Histogram::hold);
  CHECK(cells[hold] == 4);
  CHECK(cells[hold + 1] == 2);
  CHECK(cells[hold + kBuckets - 2] == 2);
  CHECK(cells[hold + kBuckets - 1] == 2);
  CHECK(cells[hold + kBuckets] == 2 * 120'004);
  CHECK(cells[kCells - 1] == 2 * 99'999);
  std::uint64_t sum = 0;
  for (std::uint64_t cell : cells) sum += cell;
  CHECK(sum == 2 * (4 + 5 + 120'004 + 1 + 99'999));
  CHECK(kTables[0].columns[1] == "2xx");
}

}  // namespace
}  // namespace nxb::stats
