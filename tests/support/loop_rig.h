// tests/support/loop_rig.h - a loop for tests: runs until a condition holds, or fails after a generous bound.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "common/uv/loop.h"

namespace nxb::testing {

class LoopRig {
 public:
  LoopRig() : bound_(loop, [this] { loop.stop(); }) {
    loop.at_end_of_turn([this] {
      ++turns;
      if (!condition_ || !condition_()) return;
      condition_ = nullptr;  // once: another stop() would end the next run before it begins
      met_ = true;
      loop.stop();
    });
  }
  // The condition is looked at after every turn. False: the bound passed first.
  bool run_until(std::function<bool()> condition, Duration bound = 10s) {
    if (condition()) return true;
    condition_ = std::move(condition);
    met_ = false;
    bound_.start(bound);
    loop.run();
    bound_.stop();
    condition_ = nullptr;
    return met_;
  }
  // Keeps the loop from waiting, so that something that would happen has its chance.
  void run_turns(int count) {
    run_until([this, last = turns + count] {
      if (turns < last) loop.retire(std::make_unique<int>());
      return turns >= last;
    });
  }

  uv::Loop loop;
  int turns = 0;

 private:
  std::function<bool()> condition_;
  bool met_ = false;
  uv::Timer bound_;
};

}  // namespace nxb::testing
