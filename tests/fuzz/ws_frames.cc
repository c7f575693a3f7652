// tests/fuzz/ws_frames.cc - bytes of a client behind the handshake, through ws::Frames.
// Properties: any segmentation gives the same items, and the same state behind them (W-12 to W-19, W-21); a message is
// UTF-8 and within its limit, a ping's payload within 125 bytes; a Close or a broken rule is the last item; memory is
// bounded by the message's limit, and nothing is kept between messages; all that likewise where compression
// was agreed (W-06), and what nxb compresses is read back.
// SPDX-License-Identifier: MIT
#include "worker/ws/frames.h"

#include "bytes.h"
#include "common/base/check.h"
#include "tests/unit/worker/ws/frames_read.h"
#include "worker/ws/deflate.h"
#include "worker/xml/gate.h"

using namespace nxb;

namespace {

constexpr std::size_t kOverhead = 5'000;  // of libwslay's context and what strings reserve
constexpr std::size_t kLongestControl = 125;

void check_item(const ws::Item& item, const ws::FrameLimits& limits) {
  if (auto* message = std::get_if<ws::TextMessage>(&item)) {
    xml::Utf8 utf8(xml::Utf8::Controls::Allowed);
    NXB_CHECK(utf8.accept(message->text) == message->text.size() && utf8.whole(), "a message that is no UTF-8");
    NXB_CHECK(message->text.size() <= limits.message, "a message beyond its limit");
  } else if (auto* ping = std::get_if<ws::PingFrame>(&item)) {
    NXB_CHECK(ping->payload.size() <= kLongestControl, "a ping beyond its limit");
  } else if (auto* close = std::get_if<ws::CloseFrame>(&item)) {
    const bool registered = close->code >= 1000 && close->code <= 1014 && close->code != 1004 && close->code != 1006;
    NXB_CHECK(registered || (close->code >= 3000 && close->code < 5000), "a code that is not for the wire");
  }
}

bool ends(const ws::Item& item) {
  return std::holds_alternative<ws::CloseFrame>(item) || std::holds_alternative<ws::BrokenRule>(item);
}

// Items as text without shortening, and what is left at the end.
std::string read(std::string_view bytes, const ws::FrameLimits& limits, std::size_t longest) {
  static ws::FrameContexts contexts;  // what one connection leaves behind, the next one gets
  ws::Frames frames(contexts, limits);
  std::vector<ws::Item> items;
  fuzz::in_pieces(bytes, longest, [&](std::string_view piece) {
    frames.feed(piece, items);
    NXB_CHECK(frames.memory() <= 2 * limits.message + 2 * kLongestControl + kOverhead, "memory is bounded");
    NXB_CHECK(frames.between_messages() == (frames.memory() == 0), "something is kept between messages");
  });
  std::string text;
  for (const ws::Item& item : items) {
    NXB_CHECK(!ends(item) || &item == &items.back(), "an item behind the last");
    check_item(item, limits);
    text += std::visit(testing::Describe{}, item);
    if (auto* message = std::get_if<ws::TextMessage>(&item)) text += message->text;
    if (auto* broken = std::get_if<ws::BrokenRule>(&item)) text += broken->why;
    text += '\n';
  }
  return text + (frames.between_messages() ? "between" : "more");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes = fuzz::text_of(data, size);
  fuzz::Chance chance(bytes);
  ws::FrameLimits limits{.message = 10'000};
  if (chance.below(2) == 0) {
    limits.message = chance.below(300);
    limits.fragments = static_cast<std::uint32_t>(1 + chance.below(5));
  }
  for (bool deflate : {false, true}) {
    limits.deflate = deflate;
    const std::string whole = read(bytes, limits, 0);
    for (std::size_t longest : {std::size_t{1}, std::size_t{9}, std::size_t{5'000}}) {
      NXB_CHECK(read(bytes, limits, longest) == whole, "segmentation changes the items");
    }
  }
  std::string again;
  const bool read_back = ws::inflate_into(again, ws::deflated(bytes), bytes.size()) == ws::Inflating::Whole;
  NXB_CHECK(read_back && again == bytes, "what is compressed is not what it was");
  return 0;
}
