// tests/unit/worker/ws/frames_text_test.cc - UTF-8 of a message, across its fragments (the Autobahn suite's part 6).
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "tests/unit/worker/ws/frames_read.h"

using namespace nxb::testing;
using namespace std::string_literals;

namespace {

// In one frame, in two frames cut at every byte, and in frames of one byte.
std::string read_text(const std::string& text) {
  const std::string whole = read_frames(text_frame(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::string parts = read_frames(frame(kText, text.substr(0, cut)) + frame(kFin | kContinuation, text.substr(cut)));
    if (parts != whole) return "fragments cut at " + std::to_string(cut) + ": " + parts + ", not: " + whole;
  }
  std::string bytes = frame(kText, "");
  for (char c : text) bytes += frame(kContinuation, std::string(1, c)) + frame(kFin | kPong, "");
  std::string singly = read_frames(bytes + frame(kFin | kContinuation, ""));
  for (std::size_t at = 0; (at = singly.find("pong ")) != std::string::npos;) singly.erase(at, 5);
  return singly == whole ? whole : "byte by byte: " + singly + ", not: " + whole;
}

}  // namespace

TEST_CASE("W-18 text of every length of character is taken, to the ends of each range") {
  for (const std::string& text :
       {"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"s,
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s,
        "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xef\xbf\xbd"s,
        "\xef\xbf\xbe"s, "\xf0\x9f\xbf\xbe"s, "\xef\xbb\xbf<a/>"s}) {
    CAPTURE(text);
    CHECK(read_text(text) == "text(" + text + ")");
  }
}

TEST_CASE("W-18 what is no UTF-8 fails with 1007, wherever the frames are cut") {
  for (const std::string& text :
       {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"s  // surrogates, and more behind them
        "edited"s,
        "\xed\xa0\x80"s,
        "\xed\xad\xbf"s,
        "\xed\xae\x80"s,
        "\xed\xaf\xbf"s,
        "\xed\xb0\x80"s,
        "\xed\xbf\xbf"s,
        "\xed\xa0\x80\xed\xb0\x80"s,
        "\xc0\xaf"s,
        "\xe0\x80\xaf"s,
        "\xf0\x80\x80\xaf"s,
        "\xc1\xbf"s,
        "\xe0\x9f\xbf"s,
        "\xf0\x8f\xbf\xbf"s,  // overlong
        "\xc0\x80"s,
        "\xe0\x80\x80"s,
        "\xf0\x80\x80\x80"s,
        "\xf4\x90\x80\x80"s,
        "\xf5\x80\x80\x80"s,
        "\xf7\xbf\xbf\xbf"s,  // above U+10FFFF
        "\xf8\x88\x80\x80\x80"s,
        "\xfb\xbf\xbf\xbf\xbf"s,
        "\xfc\x84\x80\x80\x80\x80"s,
        "\xfe"s,
        "\xff"s,
        "\x80"s,
        "\xbf"s,
        "a\x80"s,
        "\xc3\xa4\xbf"s,  // continuations of nothing
        "\xc2 "s,
        "\xe2\x82 "s,
        "\xf0\x9f\x98 "s,
        "\xe2(\xa1"s,  // cut off by the next character
        "\xc2"s,
        "abc\xe2"s,
        "abc\xe2\x82"s,
        "\xf0"s,
        "\xf0\x9f"s,
        "\xf0\x9f\x98"s}) {  // cut off by the end
    CAPTURE(text);
    CHECK(read_text(text) == "broken(1007)");
  }
}

TEST_CASE("W-18 control characters are UTF-8; XML refuses them") {
  CHECK(read_text("a\0b\x01\x1f"s) == "text(a\0b\x01\x1f)"s);
}

TEST_CASE("W-18 bad text fails at once, not at the message's end") {
  CHECK(read_frames(frame(kText, "abc\xff")) == "broken(1007)");
  CHECK(read_frames(head_of(kFin | kText, 1000, 2) + masked("abc\xff")) == "broken(1007)");
  CHECK(read_frames(frame(kText, "abc\xe2") + frame(kFin | kPing, "p") + frame(kContinuation, "x")) ==
        "ping(p) broken(1007)");
}

TEST_CASE("W-18 a character begun in one message does not go on in the next") {
  CHECK(read_frames(text_frame("a\xc3\xa4") + text_frame("\xa4")) == "text(a\xc3\xa4) broken(1007)");
}
