// worker/relay/handover.cc - see handover.h.
// SPDX-License-Identifier: MIT
#include "worker/relay/handover.h"

#include "common/base/check.h"

namespace nxb::relay {
namespace {

constexpr std::string_view kMagic = "nxbH";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kBytesInline = 1;
constexpr std::uint8_t kMaxHops = 2;

void put(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

// Takes from the front of a message whose length was checked.
struct Cursor {
  std::string_view rest;
  std::uint32_t number(std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::uint32_t{static_cast<unsigned char>(rest[i])} << (8 * i);
    rest.remove_prefix(bytes);
    return value;
  }
  std::string text(std::size_t bytes) {
    std::string value(rest.substr(0, bytes));
    rest.remove_prefix(bytes);
    return value;
  }
};

bool is_printable(std::string_view text) {
  for (char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

std::string encode_header(const Handover& handover, bool bytes_inline) {
  NXB_CHECK(handover.peer.size() <= kMaxPeer && handover.minted_sid.size() <= kMaxSid, "a hand-over of odd names");
  std::string out;
  out.reserve(kHeader + handover.peer.size() + handover.minted_sid.size());
  out += kMagic;
  put(out, kVersion, 2);
  put(out, static_cast<std::uint8_t>(handover.kind), 1);
  put(out, handover.hops, 1);
  put(out, bytes_inline ? kBytesInline : 0, 1);
  put(out, 0, 1);
  put(out, handover.listener, 2);
  put(out, static_cast<std::uint32_t>(handover.peer.size()), 2);
  put(out, static_cast<std::uint32_t>(handover.minted_sid.size()), 2);
  put(out, static_cast<std::uint32_t>(handover.bytes.size()), 4);
  out += handover.peer;
  out += handover.minted_sid;
  return out;
}

Result<Decoded> decode(std::string_view message) {
  if (message.size() < kHeader || !message.starts_with(kMagic)) return Error{Code::BadInput, "no hand-over"};
  Cursor in{message.substr(kMagic.size())};
  Decoded out;
  if (in.number(2) != kVersion) return Error{Code::Unsupported, "a hand-over of another version"};
  if (in.number(1) != static_cast<std::uint32_t>(Kind::Http)) return Error{Code::Unsupported, "unknown kind"};
  std::uint32_t hops = in.number(1);
  std::uint32_t flags = in.number(1);
  std::uint32_t reserved = in.number(1);
  if (hops > kMaxHops || flags > kBytesInline || reserved != 0) return Error{Code::BadInput, "hops or flags"};
  out.handover.hops = static_cast<std::uint8_t>(hops);
  out.bytes_inline = flags == kBytesInline;
  out.handover.listener = static_cast<std::uint16_t>(in.number(2));
  std::size_t peer = in.number(2);
  std::size_t sid = in.number(2);
  out.bytes_size = in.number(4);
  if (peer > kMaxPeer || sid > kMaxSid || out.bytes_size > kMaxBytes) return Error{Code::TooLarge, "lengths"};
  if (in.rest.size() != peer + sid + (out.bytes_inline ? out.bytes_size : 0)) {
    return Error{Code::BadInput, "lengths that do not add up"};
  }
  out.handover.peer = in.text(peer);
  out.handover.minted_sid = in.text(sid);
  if (!is_printable(out.handover.minted_sid)) return Error{Code::BadInput, "a sid nobody minted"};
  if (out.bytes_inline) out.handover.bytes = std::string(in.rest);
  return out;
}

}  // namespace nxb::relay
