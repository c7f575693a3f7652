// tests/sim/hostile.h - a client that keeps no rule: any rid around the window, junk, floods, terminates, sudden ends.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "stage.h"

namespace nxb::sim {

class Hostile {
 public:
  explicit Hostile(World& world);
  void start();  // one session after the other, until the world's operations are used up

 private:
  void open();
  void act();
  void request();
  bosh::Body body();
  std::uint64_t choose_rid();
  void weird_server();

  World& world_;
  std::vector<std::unique_ptr<Stage>> stages_;  // the last one plays; the others are forgotten but may be woken
  std::vector<RequestId> ids_;
  std::uint64_t high_ = 0;          // of those posted
  std::set<std::uint64_t> posted_;  // above the lowest one missing
  std::uint64_t low_ = 0;           // all up to it were posted
  Duration pace_{1'000};
  std::uint64_t after_end_ = 0;
  std::uint64_t care_ = 0;      // percent of requests that are the next one
  std::uint64_t stubborn_ = 0;  // percent of requests that repeat the last one
  bool gappy_ = false;          // leaves rids out and fills them later
  std::uint64_t last_posted_ = 0;
};

}  // namespace nxb::sim
