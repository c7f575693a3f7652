// tests/unit/worker/ws/frames_bounds_test.cc - what a client can make nxb keep, and the work it can make.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "tests/unit/worker/ws/frames_read.h"

using namespace nxb::testing;
using nxb::ws::FrameContexts;
using nxb::ws::FrameLimits;
using nxb::ws::Frames;
using nxb::ws::Item;

namespace {

constexpr std::size_t kOverhead = 5'000;  // libwslay's context and what is around it

}  // namespace

TEST_CASE("W-19 a message of the limit passes, one byte more fails with 1009") {
  const FrameLimits limits{.message = 200};
  CHECK(read_frames(text_frame(std::string(200, 'x')), limits) == "text(" + std::string(200, 'x') + ")");
  CHECK(read_frames(text_frame(std::string(201, 'x')), limits) == "broken(1009)");
  CHECK(read_frames(text_frame(std::string(200, 'x')) + text_frame("y"), limits) ==
        "text(" + std::string(200, 'x') + ") text(y)");
}

TEST_CASE("W-19 it is the sum of the fragments that counts, and control frames do not") {
  const FrameLimits limits{.message = 200};
  const std::string half = frame(kText, std::string(100, 'x'));
  const std::string ping = frame(kFin | kPing, std::string(125, 'p'));
  CHECK(read_frames(half + frame(kFin | kContinuation, std::string(100, 'x')), limits) ==
        "text(" + std::string(200, 'x') + ")");
  CHECK(read_frames(half + frame(kFin | kContinuation, std::string(101, 'x')), limits) == "broken(1009)");
  CHECK(read_frames(half + ping + frame(kContinuation, std::string(100, 'x')) + frame(kContinuation, ""), limits) ==
        "ping(" + std::string(125, 'p') + ") more");
  CHECK(read_frames(frame(kText, std::string(200, 'x')) + frame(kContinuation, "y"), limits) == "broken(1009)");
}

TEST_CASE("W-19 too big is known from the header, before a byte of the payload") {
  const FrameLimits limits{.message = 200};
  CHECK(read_frames(head_of(kFin | kText, 201, 2) + "mask", limits) == "broken(1009)");
  CHECK(read_frames(head_of(kText, 1'000'000'000'000, 8) + "mask", limits) == "broken(1009)");
  CHECK(read_frames(frame(kText, std::string(150, 'x')) + head_of(kContinuation, 51, 0) + "mask", limits) ==
        "broken(1009)");
  CHECK(read_frames(head_of(kFin | kText, 200, 2) + "mask", limits) == "more");
}

TEST_CASE("W-19 as many fragments as allowed pass, one more fails with 1009") {
  const FrameLimits limits{.fragments = 3};
  const std::string two = frame(kText, "a") + frame(kContinuation, "");
  CHECK(read_frames(two + frame(kFin | kContinuation, "c"), limits) == "text(ac)");
  CHECK(read_frames(two + frame(kContinuation, "c") + frame(kFin | kContinuation, "d"), limits) == "broken(1009)");
  CHECK(read_frames(two + frame(kFin | kContinuation, "") + two + frame(kFin | kContinuation, ""), limits) ==
        "text(a) text(a)");
}

TEST_CASE("W-19 between messages nothing is kept") {
  FrameContexts contexts;
  Frames frames(contexts, {});
  std::vector<Item> items;
  CHECK(frames.memory() == 0);
  CHECK(frames.between_messages());
  const std::string bytes = frame(kText, "abc") + frame(kFin | kContinuation, "def") + frame(kFin | kPing, "p");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    frames.feed(bytes.substr(i, 1), items);
    const bool between = items.size() == 1 ? i + 1 == bytes.size() - 7 : items.size() == 2;
    CHECK(frames.between_messages() == between);
    CHECK((frames.memory() == 0) == between);
  }
  CHECK(described(items) == "text(abcdef) ping(p)");
}

TEST_CASE(
    "connections that share contexts, in the middle of their messages, broken or gone, do not hear of one another") {
  FrameContexts contexts;
  Frames first(contexts, {}), second(contexts, {});
  auto after = [](Frames& frames, std::string_view bytes) {
    std::vector<Item> items;
    frames.feed(bytes, items);
    return described(items);
  };
  const std::string message = frame(kFin | kText, "one"), other = frame(kFin | kText, "other");
  CHECK(after(first, message) == "text(one)");
  CHECK(after(first, std::string_view(message).substr(0, 7)).empty());
  CHECK(after(second, other) == "text(other)");
  CHECK(after(second, std::string_view(other).substr(0, 3)).empty());
  CHECK(after(first, std::string_view(message).substr(7)) == "text(one)");
  {
    Frames gone(contexts, {}), broken(contexts, {});
    CHECK(after(gone, std::string_view(message).substr(0, 8)).empty());
    CHECK(after(broken, frame(kFin | kText, "fine") + frame(kFin | 3, "")) == "text(fine) broken(1002)");
  }
  CHECK(after(second, std::string_view(other).substr(3)) == "text(other)");
  CHECK(after(first, message + other) == "text(one) text(other)");
}

TEST_CASE("W-19 an announced length costs nothing before its bytes come") {
  FrameContexts contexts;
  Frames frames(contexts, {});
  std::vector<Item> items;
  frames.feed(head_of(kFin | kText, 100'000, 8) + "mask" + "x", items);
  CHECK_FALSE(frames.between_messages());
  CHECK(frames.memory() <= kOverhead);
  frames.feed(std::string(50'000, 'm'), items);  // 'm' is unmasked to characters of ASCII
  CHECK(items.empty());
  CHECK(frames.memory() > 50'000);
  CHECK(frames.memory() <= 2 * 50'000 + kOverhead);
}

TEST_CASE("W-19 a hundred thousand frames of one byte cost little") {
  std::string bytes = frame(kText, "x");
  for (int i = 1; i < 100'000; ++i) bytes += frame(kContinuation, "x");
  FrameContexts contexts;
  Frames limited(contexts, {});
  std::vector<Item> items;
  limited.feed(bytes, items);
  CHECK(described(items) == "broken(1009)");
  Frames unlimited(contexts, FrameLimits{.fragments = 1'000'000});
  for (std::size_t at = 0; at < bytes.size(); at += 1000) unlimited.feed(bytes.substr(at, 1000), items);
  CHECK(items.size() == 1);
  CHECK(unlimited.memory() <= 2 * 100'000 + kOverhead);
  unlimited.feed(frame(kFin | kContinuation, ""), items);
  CHECK(std::get<nxb::ws::TextMessage>(items.back()).text.size() == 100'000);
  CHECK(unlimited.memory() == 0);
}
