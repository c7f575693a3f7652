// tests/unit/common/rare_test.cc
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "common/base/rare.h"

using nxb::Rare;

namespace {

struct Part {
  std::string word = "unsaid";
  int number = 0;
};

}  // namespace

TEST_CASE("a rare part is a pointer, and reads as made by default until it is written to") {
  CHECK(sizeof(Rare<Part>) == sizeof(void*));
  Rare<Part> part;
  CHECK_FALSE(part);
  CHECK(part->word == "unsaid");
  CHECK_FALSE(part);
  part.own().word = "said";
  CHECK(part);
  CHECK((*part).word == "said");
  CHECK(Rare<Part>()->word == "unsaid");
  part.reset();
  CHECK_FALSE(part);
  CHECK(part->word == "unsaid");
}

TEST_CASE("a copy of a rare part is its own; what was moved from has none") {
  Rare<Part> first;
  first.own().number = 1;
  Rare<Part> second = first;
  second.own().number = 2;
  CHECK(first->number == 1);
  first = second;
  CHECK(first->number == 2);
  second.own().number = 3;
  CHECK(first->number == 2);
  Rare<Part> third = std::move(first);
  CHECK(third->number == 2);
  third = Rare<Part>();
  CHECK_FALSE(third);
}
