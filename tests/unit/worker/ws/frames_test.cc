// tests/unit/worker/ws/frames_test.cc - framing, control frames and closing, in the manner of the Autobahn suite (1 to 5, 7).
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "tests/unit/worker/ws/frames_read.h"

using namespace nxb::testing;
using nxb::ws::CloseCode;
using nxb::ws::Opcode;

TEST_CASE("W-14 a text message of every form of length is read") {
  for (std::size_t size : {0, 1, 124, 125, 126, 127, 128, 4095, 4096, 4097, 65535, 65536, 65537, 100000}) {
    CAPTURE(size);
    const std::string text(size, '*');
    CHECK(read_frames(text_frame(text) + text_frame("next")) == "text(" + shown(text) + ") text(next)");
  }
}

TEST_CASE("W-14 a length in more bytes than it needs, or with its top bit, is refused") {
  for (auto [length, bytes] : {std::pair<std::uint64_t, int>{0, 2}, {125, 2}, {0, 8}, {125, 8}, {126, 8}, {65535, 8}}) {
    CAPTURE(length);
    CAPTURE(bytes);
    const std::string payload(static_cast<std::size_t>(length), '*');
    CHECK(read_frames(head_of(kFin | kText, length, bytes) + masked(payload)) == "broken(1002)");
  }
  for (std::uint64_t length : {std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    CHECK(read_frames(head_of(kFin | kText, length, 8) + masked("x")) == "broken(1002)");
  }
  CHECK(read_frames(head_of(kFin | kText, (std::uint64_t{1} << 63) - 1, 8) + masked("x")) == "broken(1009)");
}

TEST_CASE("W-12 an unmasked frame fails with 1002; any key unmasks, one of zeros too") {
  for (std::uint8_t opcode : {kText, kBinary, kClose, kPing, kPong}) {
    CAPTURE(opcode);
    CHECK(read_frames(head_of(kFin | opcode, 0, 0, false)) == "broken(1002)");
    CHECK(read_frames(head_of(kFin | opcode, 2, 0, false) + "\x03\xe8") == "broken(1002)");
  }
  CHECK(read_frames(head_of(kFin | kText, 300, 2, false) + std::string(300, 'x')) == "broken(1002)");
  for (std::string_view key : {std::string_view("\0\0\0\0", 4), std::string_view("\xff\xff\xff\xff"),
                               std::string_view("\x01\x02\x03\x04"), std::string_view("\0\x80\0\x7f", 4)}) {
    CHECK(read_frames(head_of(kFin | kText, 7, 0) + masked("a b c d", key)) == "text(a b c d)");
  }
}

TEST_CASE("W-12 the verdict comes with the header, not with the payload") {
  for (const std::string& head : {head_of(kFin | kText, 5, 0, false), head_of(0x40 | kFin | kText, 5, 0) + "mask",
                                  head_of(kFin | 3, 5, 0) + "mask", head_of(kFin | kPing, 126, 2) + "mask",
                                  head_of(kFin | kContinuation, 5, 0) + "mask"}) {
    CHECK(read_frames(head) == "broken(1002)");
  }
}

TEST_CASE("W-12 what the server sends is not masked and its lengths are minimal") {
  using nxb::ws::frame_header;
  CHECK(frame_header(Opcode::Text, 0) == std::string("\x81\0", 2));
  CHECK(frame_header(Opcode::Text, 125) == "\x81\x7d");
  CHECK(frame_header(Opcode::Text, 126) == std::string("\x81\x7e\0\x7e", 4));
  CHECK(frame_header(Opcode::Text, 127) == std::string("\x81\x7e\0\x7f", 4));
  CHECK(frame_header(Opcode::Text, 65535) == "\x81\x7e\xff\xff");
  CHECK(frame_header(Opcode::Text, 65536) == std::string("\x81\x7f\0\0\0\0\0\1\0\0", 10));
  CHECK(frame_header(Opcode::Pong, 5) == "\x8a\x05");
  CHECK(frame_header(Opcode::Close, 2) + nxb::ws::close_payload(CloseCode::GoingAway) == "\x88\x02\x03\xe9");
}

TEST_CASE("W-13 reserved bits fail, alone and together, on every kind of frame") {
  for (std::uint8_t opcode : {kText, kBinary, kClose, kPing, kPong}) {
    for (int reserved = 1; reserved < 8; ++reserved) {
      CAPTURE(opcode);
      CAPTURE(reserved);
      CHECK(read_frames(frame(kFin | opcode | (reserved << 4), "")) == "broken(1002)");
      CHECK(read_frames(text_frame("a") + frame(kFin | opcode | (reserved << 4), "xy") + text_frame("b")) ==
            "text(a) broken(1002)");
    }
  }
  CHECK(read_frames(frame(kText, "a") + frame(0x40 | kFin | kContinuation, "b")) == "broken(1002)");
}

TEST_CASE("W-13 reserved opcodes fail, with and without FIN and payload") {
  for (int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CAPTURE(opcode);
    for (int fin : {0, 0x80}) {
      CHECK(read_frames(frame(fin | opcode, "")) == "broken(1002)");
      CHECK(read_frames(text_frame("a") + frame(fin | opcode, "xyz") + frame(kFin | kPing, "")) ==
            "text(a) broken(1002)");
    }
  }
}

TEST_CASE("W-15 fragments are put together, empty ones too") {
  CHECK(read_frames(frame(kText, "one ") + frame(kFin | kContinuation, "two")) == "text(one two)");
  CHECK(read_frames(frame(kText, "a") + frame(kContinuation, "b") + frame(kContinuation, "") +
                    frame(kFin | kContinuation, "c") + text_frame("d")) == "text(abc) text(d)");
  CHECK(read_frames(frame(kText, "") + frame(kContinuation, "") + frame(kFin | kContinuation, "")) == "text()");
  CHECK(read_frames(frame(kText, std::string(70000, 'x')) + frame(kFin | kContinuation, std::string(20000, 'x'))) ==
        "text(90000 x x)");
  CHECK(read_frames(frame(kText, "a") + frame(kContinuation, "b")) == "more");
}

TEST_CASE("W-15 a continuation of nothing, or a message inside another, fails") {
  CHECK(read_frames(frame(kFin | kContinuation, "a")) == "broken(1002)");
  CHECK(read_frames(frame(kContinuation, "")) == "broken(1002)");
  CHECK(read_frames(text_frame("a") + frame(kContinuation, "b")) == "text(a) broken(1002)");
  CHECK(read_frames(frame(kText, "a") + frame(kFin | kContinuation, "b") + frame(kContinuation, "c")) ==
        "text(ab) broken(1002)");
  CHECK(read_frames(frame(kText, "a") + text_frame("b")) == "broken(1002)");
  CHECK(read_frames(frame(kText, "a") + frame(kText, "b")) == "broken(1002)");
  CHECK(read_frames(frame(kText, "a") + frame(kFin | kPing, "p") + text_frame("b")) == "ping(p) broken(1002)");
  CHECK(read_frames(frame(kText, "a") + frame(kFin | kBinary, "b")) == "broken(1002)");
}

TEST_CASE("W-16 pings and pongs of up to 125 bytes, also between fragments") {
  std::string binary;
  for (int i = 0; i < 125; ++i) binary += static_cast<char>(i * 2 + 1);
  for (const std::string& payload : {std::string(), std::string("Hello"), std::string("\0\xff\xfe", 3), binary}) {
    CHECK(read_frames(frame(kFin | kPing, payload) + frame(kFin | kPong, payload)) == "ping(" + payload + ") pong");
    CHECK(read_frames(frame(kText, "a") + frame(kFin | kPing, payload) + frame(kContinuation, "b") +
                      frame(kFin | kPong, payload) + frame(kFin | kPing, "last") + frame(kFin | kContinuation, "c")) ==
          "ping(" + payload + ") pong ping(last) text(abc)");
  }
  std::string many;
  for (int i = 0; i < 10; ++i) many += frame(kFin | kPing, "p");
  CHECK(read_frames(many) == "ping(p) ping(p) ping(p) ping(p) ping(p) ping(p) ping(p) ping(p) ping(p) ping(p)");
}

TEST_CASE("W-16 a control frame in pieces, or longer than 125 bytes, fails") {
  for (std::uint8_t opcode : {kClose, kPing, kPong}) {
    CAPTURE(opcode);
    CHECK(read_frames(frame(opcode, "")) == "broken(1002)");
    CHECK(read_frames(frame(opcode, "xx") + frame(kFin | kContinuation, "yy")) == "broken(1002)");
    CHECK(read_frames(frame(kFin | opcode, std::string(126, 'x'))) == "broken(1002)");
    CHECK(read_frames(head_of(kFin | opcode, 5, 2) + masked("12345")) == "broken(1002)");
    CHECK(read_frames(head_of(kFin | opcode, 65536, 8) + "mask") == "broken(1002)");
  }
}

TEST_CASE("W-17 D-63 a binary message fails with 1003, with its header") {
  CHECK(read_frames(frame(kFin | kBinary, "<a/>")) == "broken(1003)");
  CHECK(read_frames(frame(kFin | kBinary, "")) == "broken(1003)");
  CHECK(read_frames(frame(kBinary, "<a")) == "broken(1003)");
  CHECK(read_frames(head_of(kFin | kBinary, 1'000'000, 8) + "mask") == "broken(1003)");
}

TEST_CASE("W-21 a close has a code and a reason, or nothing") {
  CHECK(read_frames(frame(kFin | kClose, "")) == "close(1005)");
  CHECK(read_frames(close_frame(1000)) == "close(1000)");
  CHECK(read_frames(close_frame(1001,
                                "b\xc3\xbc"
                                "e")) == "close(1001)");
  CHECK(read_frames(close_frame(1000, std::string(123, 'x'))) == "close(1000)");
  CHECK(read_frames(frame(kFin | kClose, "\x03")) == "broken(1002)");
  CHECK(read_frames(frame(kText, "a") + close_frame(1000)) == "close(1000)");
}

TEST_CASE("W-21 only codes that may be on the wire are taken") {
  auto may = [](int code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
  };
  int taken = 0;
  for (int code = 0; code <= 65535; code += code < 5100 ? 1 : 211) {
    CAPTURE(code);
    const std::string got = read_in_pieces(close_frame(code), 100, 1, {});
    CHECK(got == (may(code) ? "close(" + std::to_string(code) + ")" : "broken(1002)"));
    taken += got.starts_with("close") ? 1 : 0;
  }
  CHECK(taken == 4 + 8 + 2000);
}

TEST_CASE("W-21 a reason that is no UTF-8 fails with 1007") {
  CHECK(read_frames(close_frame(1000, "\xff")) == "broken(1007)");
  CHECK(read_frames(close_frame(1000, "ends in \xe2\x82")) == "broken(1007)");
  CHECK(read_frames(close_frame(1000, "\xed\xa0\x80")) == "broken(1007)");
  CHECK(read_frames(close_frame(1005, "\xff")) == "broken(1002)");
}

TEST_CASE("W-21 nothing is taken behind a close, or behind what broke a rule") {
  for (const std::string& last : {close_frame(1000), frame(kFin | 3, ""), frame(kFin | kBinary, "x")}) {
    nxb::ws::FrameContexts contexts;
    nxb::ws::Frames frames(contexts, {});
    std::vector<nxb::ws::Item> items;
    frames.feed(last + text_frame("behind"), items);
    frames.feed(frame(kFin | kPing, "behind") + frame(kText, "more"), items);
    CHECK(items.size() == 1);
    CHECK(frames.memory() == 0);
    CHECK(frames.between_messages());
  }
}
