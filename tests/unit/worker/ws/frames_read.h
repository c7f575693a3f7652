// tests/unit/worker/ws/frames_read.h - frames as a client writes them, and what ws::Frames makes of bytes, as text,
// however they are cut.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "worker/ws/frames.h"

namespace nxb::testing {

enum Bits : std::uint8_t { kMore = 0, kFin = 0x80 };  // and opcode, and reserved bits
constexpr std::uint8_t kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

// The length in `bytes` more bytes (0, 2, 8), whether they are the right number or not.
inline std::string head_of(int first, std::uint64_t length, int bytes, bool masked = true) {
  std::string out(1, static_cast<char>(first));
  const int mask = masked ? 0x80 : 0;
  out += static_cast<char>(mask | (bytes == 8 ? 127 : bytes == 2 ? 126 : static_cast<int>(length)));
  for (int i = bytes; i-- > 0;) out += static_cast<char>((length >> (8 * i)) & 0xff);
  return out;
}

inline int minimal(std::uint64_t length) { return length > 0xffff ? 8 : length > 125 ? 2 : 0; }

inline std::string masked(std::string_view payload, std::string_view key = "\x11\xa2\x33\xc4") {
  std::string out(key);
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

inline std::string frame(int first, std::string_view payload) {
  return head_of(first, payload.size(), minimal(payload.size())) + masked(payload);
}

inline std::string text_frame(std::string_view payload) { return frame(kFin | kText, payload); }

inline std::string close_frame(int code, std::string_view reason = "") {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return frame(kFin | kClose, payload.append(reason));
}

// A long payload by its size and its first byte.
inline std::string shown(const std::string& payload) {
  if (payload.size() <= 200) return payload;
  const bool same = std::all_of(payload.begin(), payload.end(), [&](char c) { return c == payload[0]; });
  return std::to_string(payload.size()) + " x " + (same ? payload.substr(0, 1) : std::string("mixed"));
}

// One word an item: "text(hello) ping(x) pong close(1000) broken(1002)".
struct Describe {
  std::string operator()(const ws::TextMessage& item) const { return "text(" + shown(item.text) + ")"; }
  std::string operator()(const ws::PingFrame& item) const { return "ping(" + shown(item.payload) + ")"; }
  std::string operator()(const ws::PongFrame&) const { return "pong"; }
  std::string operator()(const ws::CloseFrame& item) const { return "close(" + std::to_string(item.code) + ")"; }
  std::string operator()(const ws::BrokenRule& item) const {
    return "broken(" + std::to_string(static_cast<int>(item.code)) + ")";
  }
};

inline std::string described(const std::vector<ws::Item>& items) {
  std::string out;
  for (const ws::Item& item : items) out += (out.empty() ? "" : " ") + std::visit(Describe{}, item);
  return out;
}

inline std::string read_in_pieces(std::string_view bytes, std::size_t first, std::size_t then,
                                  const ws::FrameLimits& limits) {
  ws::FrameContexts contexts;
  ws::Frames frames(contexts, limits);
  std::vector<ws::Item> items;
  frames.feed(bytes.substr(0, first), items);
  for (bytes.remove_prefix(std::min(first, bytes.size())); !bytes.empty();) {
    frames.feed(bytes.substr(0, then), items);
    bytes.remove_prefix(std::min(then, bytes.size()));
  }
  std::string out = described(items);
  if (!frames.between_messages()) out += out.empty() ? "more" : " more";
  return out;
}

// What the bytes say in one piece; "cut: ..." when another segmentation says something else. Long ones are not cut
// at every byte.
inline std::string read_frames(std::string_view bytes, const ws::FrameLimits& limits = {}) {
  const std::string whole = read_in_pieces(bytes, bytes.size(), 1, limits);
  const std::size_t step = 1 + bytes.size() / 400;
  for (std::size_t cut = 1; cut < bytes.size(); cut += step) {
    std::string parts = read_in_pieces(bytes, cut, bytes.size(), limits);
    if (parts != whole) return "cut at " + std::to_string(cut) + ": " + parts + ", not: " + whole;
  }
  for (std::size_t piece : {1, 2, 7, 4096}) {
    std::string parts = read_in_pieces(bytes, piece, piece, limits);
    if (parts != whole) return "cut by " + std::to_string(piece) + ": " + parts + ", not: " + whole;
  }
  return whole;
}

}  // namespace nxb::testing
