// tests/fuzz/handover.cc - relay::decode: a worker treats what another worker sends as hostile (H-48).
// Properties: what is accepted is within its bounds, and is the only spelling of what it means: encoded again it is the
// same bytes. What is made of any input by encoding decodes to the same.
// SPDX-License-Identifier: MIT
#include "worker/relay/handover.h"

#include "bytes.h"
#include "common/base/check.h"

using namespace nxb;

namespace {

constexpr std::size_t kMostMade = 1 << 16;  // bytes made up for a message whose bytes lie in a memfd

void decoded(std::string_view message) {
  auto in = relay::decode(message);
  if (!in) return;
  relay::Handover& handover = in->handover;
  NXB_CHECK(handover.peer.size() <= relay::kMaxPeer && handover.minted_sid.size() <= relay::kMaxSid, "long names");
  NXB_CHECK(in->bytes_size <= relay::kMaxBytes && handover.hops <= 2, "beyond a bound");
  NXB_CHECK(!handover.fd, "a descriptor from nowhere");
  if (in->bytes_inline) NXB_CHECK(handover.bytes.size() == in->bytes_size, "bytes that are not there");
  if (!in->bytes_inline && in->bytes_size > kMostMade) return;
  if (!in->bytes_inline) handover.bytes.assign(in->bytes_size, 'x');
  std::string again = relay::encode_header(handover, in->bytes_inline);
  if (in->bytes_inline) again += handover.bytes;
  NXB_CHECK(again == message, "two spellings of one hand-over");
}

void encoded(std::string_view input) {
  fuzz::Bytes in(input);
  relay::Handover handover;
  handover.hops = in.next() % 3;
  handover.listener = static_cast<std::uint16_t>(in.next() * 257U);
  handover.peer = in.take(in.next());
  for (char c : in.take(in.next() % (relay::kMaxSid + 1))) handover.minted_sid += static_cast<char>('!' + (c & 0x3f));
  handover.bytes = in.rest();
  auto out = relay::decode(relay::encode_header(handover, true) + handover.bytes);
  NXB_CHECK(out, "our own hand-over is refused");
  NXB_CHECK(out->handover.hops == handover.hops && out->handover.listener == handover.listener, "numbers changed");
  NXB_CHECK(out->handover.peer == handover.peer && out->handover.minted_sid == handover.minted_sid, "names changed");
  NXB_CHECK(out->bytes_inline && out->handover.bytes == handover.bytes, "bytes changed");
  auto apart = relay::decode(relay::encode_header(handover, false));
  NXB_CHECK(apart && !apart->bytes_inline && apart->bytes_size == handover.bytes.size(), "the size changed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  decoded(input);
  encoded(input);
  return 0;
}
