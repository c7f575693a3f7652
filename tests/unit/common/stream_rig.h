// tests/unit/common/stream_rig.h - two connected streams and a sink that keeps what happened.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/uv/stream.h"
#include "tests/support/loop_rig.h"
#include "tests/support/sockets.h"

namespace nxb::uv {

// Keeps what happened; `then` runs at the end of each callback and may destroy the stream.
struct Recorder final : StreamSink {
  void on_connected() override { happened(&connected); }
  void on_bytes(std::string_view bytes) override {
    received += bytes;
    happened(&reads);
  }
  void on_end() override { happened(&ends); }
  void on_broken(const Error& error) override {
    code = error.code;
    happened(&broken);
  }
  void on_drained() override { happened(&drained); }
  void happened(int* what) {
    ++*what;
    if (then) then();
  }
  std::string received;
  std::optional<Code> code;
  int connected = 0, reads = 0, ends = 0, broken = 0, drained = 0;
  std::function<void()> then;
};

inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, ' ');
  std::uint32_t state = seed;
  for (char& letter : text) letter = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  return text;
}

// Two streams of one loop, connected to each other.
struct Pair {
  explicit Pair(testing::Family family, int send_buffer = 0) {
    auto fds = testing::connected_pair(family, send_buffer);
    near = *Stream::adopt(rig.loop, fds[0], near_sink);
    far = *Stream::adopt(rig.loop, fds[1], far_sink);
  }
  testing::LoopRig rig;
  Recorder near_sink, far_sink;
  std::unique_ptr<Stream> near, far;
};

}  // namespace nxb::uv
