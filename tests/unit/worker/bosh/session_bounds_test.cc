// tests/unit/worker/bosh/session_bounds_test.cc - what a session keeps is bounded, and what happens at each bound.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/bosh/session_rig.h"

using namespace nxb;
using namespace nxb::bosh;

namespace {

// A request and a large answer to it.
std::string exchange(Rig& rig, std::uint64_t rid, std::size_t size) {
  RequestId id = rig.post(body(rid));
  rig.says(std::string(size, 'x'));
  return rig.text(id);
}

}  // namespace

TEST_CASE("H-44 no more requests than the window wait ahead of a gap; one more ends the session") {
  Rig rig;
  rig.limits.max_hold = 4;
  Body made = creation();
  made.hold = 4;
  rig.open(made);  // requests=5: 1001 to 1005
  for (std::uint64_t rid : {1005, 1003, 1004, 1002}) CHECK_FALSE(rig.answer(rig.post(body(rid, "<a/>"))));
  CHECK(rig.all<Forward>().empty());
  rig.post(body(1006, "<a/>"));
  CHECK(rig.only<Ended>().condition == Condition::ItemNotFound);
  CHECK(rig.all<Forward>().empty());
}

TEST_CASE(
    "H-44 B-52 kept answers are at most `requests`, and at most 1 MiB together; what is gone cannot be repeated") {
  Rig rig;
  rig.open();  // requests=2
  SUBCASE("two that fit") {
    std::string first = exchange(rig, 1001, 500'000);
    std::string second = exchange(rig, 1002, 500'000);
    CHECK(rig.text(rig.post(body(1001))) == first);
    CHECK(rig.text(rig.post(body(1002))) == second);
  }
  SUBCASE("two that do not: the newest stays") {
    exchange(rig, 1001, 600'000);
    std::string second = exchange(rig, 1002, 600'000);
    CHECK(rig.text(rig.post(body(1002))) == second);
    CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::ItemNotFound));
    CHECK(rig.only<Ended>().condition == Condition::ItemNotFound);
  }
  SUBCASE("one that is larger than all may be: it was composed of one stanza, and stays until the next") {
    std::string large = exchange(rig, 1001, kMaxKeptBytes + 1);
    CHECK(rig.text(rig.post(body(1001))) == large);
    exchange(rig, 1002, 1);
    CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::ItemNotFound));
  }
}

TEST_CASE(
    "B-82 H-44 an ended session keeps the answers that may be under way, large ones too, and says how much that is") {
  Rig rig;
  rig.open();
  std::string answer = exchange(rig, 1001, 100'000);
  rig.feed(ShutDown{});
  CHECK(rig.text(rig.post(body(1001))) == answer);
  CHECK(rig.session->remembered_bytes() >= 100'000);
}

TEST_CASE("H-44 U-36 more than 1 MiB pending: the server is not read, and nothing of it is lost") {
  Rig rig;
  rig.open();
  rig.says(std::string(1 << 20, 'a'));
  CHECK_FALSE(rig.only<ReadServer>().on);
  rig.says("what was read already");
  RequestId poll = rig.post(body(1001));
  CHECK(rig.text(poll).size() > (1 << 20));
  CHECK(holds(rig.text(poll), "what was read already"));
  CHECK(rig.only<ReadServer>().on);
}
