// tests/unit/worker/ws/deflate_test.cc
// SPDX-License-Identifier: MIT
#include "worker/ws/deflate.h"

#include <doctest/doctest.h>

#include "tests/unit/worker/ws/frames_read.h"

using namespace nxb::testing;
using namespace nxb::ws;
using namespace std::string_literals;

namespace {

constexpr std::uint8_t kRsv1 = 0x40;
const FrameLimits kOn{.deflate = true};

// "hello", or how it failed.
std::string inflated(std::string_view payload, std::uint64_t most = 1'000) {
  std::string out;
  switch (inflate_into(out, payload, most)) {
    case Inflating::Whole:
      return out;
    case Inflating::Broken:
      return "<broken>";
    case Inflating::TooBig:
      return "<too big>";
  }
  return "";
}

std::string stanza(int number) {
  return "<message xmlns=\"jabber:client\" to=\"a@a.example\" id=\"" + std::to_string(number) +
         "\"><body>words and words</body></message>";
}

}  // namespace

TEST_CASE("W-06 the examples of RFC 7692 7.2.3") {
  CHECK(deflated("Hello") == "\xf2\x48\xcd\xc9\xc9\x07\x00"s);
  CHECK(inflated("\xf2\x48\xcd\xc9\xc9\x07\x00"s) == "Hello");
  CHECK(inflated("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s) == "Hello");          // not compressed
  CHECK(inflated("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s) == "Hello");                      // with a last block
  CHECK(inflated("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s) == "Hello");  // two blocks
  CHECK(inflated("\x00"s) == "");
}

TEST_CASE("W-06 what is compressed is read back, of any size, and each message by itself") {
  for (std::size_t size : {0, 1, 2, 100, 16'383, 16'384, 16'385, 100'000}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + (i * i / 7) % 26);
    CAPTURE(size);
    CHECK((inflated(deflated(text), size) == text));
  }
  CHECK(deflated(stanza(1)) == deflated(stanza(1)));
  CHECK(inflated(deflated(stanza(2))) == stanza(2));
  CHECK(deflated(stanza(1)).size() < stanza(1).size());
}

TEST_CASE("W-06 what does not compress is longer than the pieces it is made in, and read back") {
  std::string noise;
  for (std::uint32_t state = 1; noise.size() < 100'000; noise += static_cast<char>(state >> 24)) {
    state = state * 1664525 + 1013904223;
  }
  CHECK(deflated(noise).size() > 99'000);
  CHECK((inflated(deflated(noise), noise.size()) == noise));
}

TEST_CASE("W-19 a message that grows beyond the limit is too big, at the byte behind it") {
  const std::string bomb = deflated(std::string(10'000'000, 'x'));
  CHECK(bomb.size() < 20'000);
  CHECK(inflated(bomb, 9'999'999) == "<too big>");
  CHECK(inflated(bomb, 10'000'000).size() == 10'000'000);
  CHECK(inflated(bomb, 0) == "<too big>");
  const FrameLimits limits{.message = 50'000, .deflate = true};
  CHECK(read_frames(frame(kFin | kRsv1 | kText, bomb), limits) == "broken(1009)");
  CHECK(read_frames(frame(kFin | kRsv1 | kText, deflated(std::string(50'000, 'x'))), limits) == "text(50000 x x)");
  CHECK(read_frames(frame(kFin | kRsv1 | kText, deflated(std::string(50'001, 'x'))), limits) == "broken(1009)");
}

TEST_CASE("W-19 small messages that grow big are taken a few times, then 1008; those that pay for it always") {
  const FrameLimits limits{.message = 50'000, .deflate = true};
  const std::string bomb = frame(kFin | kRsv1 | kText, deflated(std::string(50'000, 'x')));
  FrameContexts contexts;
  Frames frames(contexts, limits);
  std::vector<Item> items;
  while (items.size() < 50 && (items.empty() || std::holds_alternative<TextMessage>(items.back()))) {
    frames.feed(bomb, items);
  }
  CHECK(items.size() > 8);
  CHECK(items.size() < 12);
  CHECK(described({items.back()}) == "broken(1008)");
  Frames patient(contexts, limits);
  items.clear();
  const std::string fair = frame(kFin | kRsv1 | kText, deflated(stanza(1)));
  for (int i = 0; i < 5'000; ++i) patient.feed(fair, items);
  CHECK(std::holds_alternative<TextMessage>(items.back()));
  items.clear();
  for (int i = 0; i < 12; ++i) patient.feed(bomb, items);  // patience earns no more than the advance
  CHECK(described({items.back()}) == "broken(1008)");
}

TEST_CASE("W-19 messages that shrink well are no bombs, however many there are") {
  FrameContexts contexts;
  Frames frames(contexts, FrameLimits{.message = 50'000, .deflate = true});
  std::string roster;
  for (int i = 0; i < 200; ++i) roster += stanza(i);
  const std::string payload = deflated(roster);
  CHECK(roster.size() > 10 * payload.size());
  std::vector<Item> items;
  for (int i = 0; i < 200; ++i) frames.feed(frame(kFin | kRsv1 | kText, payload), items);
  CHECK(items.size() == 200);
  CHECK(std::holds_alternative<TextMessage>(items.back()));
}

TEST_CASE("W-06 what is no compressed message, or ends within a block, is broken") {
  const std::string good = deflated(stanza(1));
  CHECK(inflated("\xff\xff"s) == "<broken>");
  CHECK(inflated("\x07"s) == "<broken>");
  CHECK(inflated("") == "<broken>");
  for (std::size_t size = 1; size + 1 < good.size(); ++size) {
    CAPTURE(size);
    CHECK(inflated(good.substr(0, size)) != stanza(1));
  }
  CHECK(read_frames(frame(kFin | kRsv1 | kText, good.substr(0, good.size() / 2)), kOn) == "broken(1007)");
  CHECK(inflated(good) == stanza(1));  // a failure before leaves nothing behind
}

TEST_CASE("W-06 W-13 RSV1 marks a compressed message, on its first frame only, if it was agreed") {
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  CHECK(read_frames(frame(kFin | kRsv1 | kText, hello), kOn) == "text(Hello)");
  CHECK(read_frames(frame(kFin | kRsv1 | kText, hello)) == "broken(1002)");
  CHECK(read_frames(text_frame("plain") + frame(kFin | kRsv1 | kText, hello) + text_frame("plain"), kOn) ==
        "text(plain) text(Hello) text(plain)");
  CHECK(read_frames(frame(kRsv1 | kText, hello.substr(0, 3)) + frame(kFin | kPing, "p") + frame(kContinuation, "") +
                        frame(kFin | kContinuation, hello.substr(3)),
                    kOn) == "ping(p) text(Hello)");
  CHECK(read_frames(frame(kRsv1 | kText, hello) + frame(kFin | kRsv1 | kContinuation, ""), kOn) == "broken(1002)");
  CHECK(read_frames(frame(kText, "a") + frame(kFin | kRsv1 | kContinuation, hello), kOn) == "broken(1002)");
  for (std::uint8_t opcode : {kClose, kPing, kPong})
    CHECK(read_frames(frame(kFin | kRsv1 | opcode, ""), kOn) == "broken(1002)");
  for (int reserved : {0x10, 0x20, 0x30, 0x50, 0x60, 0x70}) {
    CHECK(read_frames(frame(kFin | reserved | kText, hello), kOn) == "broken(1002)");
  }
  CHECK(read_frames(frame(kFin | kRsv1 | kBinary, hello), kOn) == "broken(1003)");
}

TEST_CASE("W-18 a compressed message is UTF-8 when it is read, whatever its compressed bytes are") {
  CHECK(read_frames(frame(kFin | kRsv1 | kText, deflated("\xf0\x9f\x98\x80")), kOn) == "text(\xf0\x9f\x98\x80)");
  CHECK(read_frames(frame(kFin | kRsv1 | kText, deflated("abc\xff")), kOn) == "broken(1007)");
  CHECK(read_frames(frame(kFin | kRsv1 | kText, deflated("abc\xe2\x82")), kOn) == "broken(1007)");
  CHECK(read_frames(frame(kFin | kRsv1 | kText, deflated("abc\xe2")) + text_frame("\x82\xac"), kOn) == "broken(1007)");
}

TEST_CASE("W-06 a compressed frame of the server says so") {
  CHECK(frame_header(Opcode::Text, 7, Form::Deflated) == "\xc1\x07");
  CHECK(frame_header(Opcode::Text, 7) == "\x81\x07");
}
