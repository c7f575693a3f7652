// tests/unit/worker/relay/handover_test.cc
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "worker/relay/handover.h"

using namespace nxb;
using namespace nxb::relay;

namespace {

Handover sample() {
  Handover handover;
  handover.hops = 1;
  handover.listener = 513;
  handover.peer = "[2001:db8::1]:50000";
  handover.minted_sid = "abcdefghijklmnopqrstuvwx";
  handover.bytes = std::string("POST / HTTP/1.1\r\n\0\xff", 19);
  return handover;
}

std::string message_of(const Handover& handover) { return encode_header(handover, true) + handover.bytes; }

bool same(const Handover& a, const Handover& b) {
  return a.kind == b.kind && a.hops == b.hops && a.listener == b.listener && a.peer == b.peer &&
         a.minted_sid == b.minted_sid && a.bytes == b.bytes;
}

}  // namespace

TEST_CASE("a hand-over is decoded as it was encoded, with and without inline bytes") {
  auto decoded = decode(message_of(sample()));
  REQUIRE(decoded);
  CHECK(same(decoded->handover, sample()));
  CHECK(decoded->bytes_inline);
  auto outside = decode(encode_header(sample(), false));
  REQUIRE(outside);
  CHECK_FALSE(outside->bytes_inline);
  CHECK(outside->bytes_size == 19);
  CHECK(outside->handover.bytes.empty());
  CHECK(decode(message_of(Handover{})));
}

TEST_CASE("a hand-over cut short or with something behind it is refused") {
  std::string message = message_of(sample());
  for (std::size_t size = 0; size < message.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode(message.substr(0, size)));
  }
  CHECK_FALSE(decode(message + "x"));
}

TEST_CASE("one wrong byte is refused, or changes a value but no boundary") {
  const std::string message = message_of(sample());
  for (std::size_t at = 0; at < message.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string wrong = message;
      wrong[at] = static_cast<char>(wrong[at] ^ (1 << bit));
      auto decoded = decode(wrong);
      if (!decoded) continue;
      CAPTURE(at);
      const Handover& got = decoded->handover;
      CHECK(got.peer.size() + got.minted_sid.size() + got.bytes.size() + kHeader == message.size());
      CHECK(got.hops <= 2);
    }
  }
}

TEST_CASE("lengths beyond the limits are refused before anything is copied") {
  Handover handover = sample();
  std::string header = encode_header(handover, false);
  auto with = [&](std::size_t at, char value) {
    std::string wrong = header;
    wrong[at] = value;
    return static_cast<bool>(decode(wrong));
  };
  CHECK(with(6, 1));  // kind
  CHECK_FALSE(with(6, 2));
  CHECK_FALSE(with(7, 3));   // hops
  CHECK_FALSE(with(9, 1));   // reserved
  CHECK_FALSE(with(15, 1));  // sid of 24 + 256 bytes
  CHECK_FALSE(with(19, 2));  // bytes of more than 17 MiB
}
