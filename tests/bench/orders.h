// tests/bench/orders.h - standard input as whoever started the program uses it: lines are counted, its end is seen. Runs in nxb-load
// and nxb-stub.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/bench/poller.h"

namespace nxb::bench {

class Orders final : public Watcher {
 public:
  explicit Orders(Poller& poller) : poller_(poller) { poller.watch(STDIN_FILENO, EPOLLIN, *this); }

  void ready(std::uint32_t) override {
    std::array<char, 256> text;
    ssize_t size = read(STDIN_FILENO, text.data(), text.size());
    if (size > 0) {
      lines_ += static_cast<std::size_t>(std::count(text.begin(), text.begin() + size, '\n'));
      return;
    }
    poller_.forget(STDIN_FILENO, *this);
    is_end_ = true;
  }
  std::size_t count() const { return lines_; }
  bool is_end() const { return is_end_; }

 private:
  Poller& poller_;
  std::size_t lines_ = 0;
  bool is_end_ = false;
};

}  // namespace nxb::bench
