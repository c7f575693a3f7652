// tests/support/turns.h - run a loop until something is true; never for ever, never asleep.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "common/uv/loop.h"

namespace nxb::test {

class Turns {
 public:
  Turns() {
    loop.at_end_of_turn([this] {
      if (!until_ || !until_()) return;
      until_ = nullptr;  // once: a stop() too many would end the next run
      loop.stop();
    });
  }
  // False when it did not become true in time.
  bool until(std::function<bool()> condition, Duration limit = Duration{5000}) {
    bool late = false;
    uv::Timer guard(loop, [&] {
      late = true;
      loop.stop();
    });
    guard.start(limit);
    until_ = std::move(condition);
    if (!until_()) loop.run();
    until_ = nullptr;
    return !late;
  }
  uv::Loop loop;

 private:
  std::function<bool()> until_;
};

}  // namespace nxb::test
