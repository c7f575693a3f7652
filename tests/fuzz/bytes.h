// tests/fuzz/bytes.h - what the targets share: an input taken apart from its front, and the same bytes in pieces.
// Cuts come from a hash of the text, not from the input: so an input is nothing but what a peer would send, corpora
// can be read, and a finding still repeats.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace nxb::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Reads an input as a script. When it is used up, numbers are 0 and texts empty.
class Bytes {
 public:
  explicit Bytes(std::string_view input) : left_(input) {}
  bool empty() const { return left_.empty(); }
  std::uint8_t next() {
    if (left_.empty()) return 0;
    auto byte = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return byte;
  }
  std::string_view take(std::size_t most) {
    std::string_view taken = left_.substr(0, most);
    left_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return take(left_.size()); }

 private:
  std::string_view left_;
};

class Chance {
 public:
  explicit Chance(std::string_view text) {
    for (char c : text) state_ = (state_ ^ static_cast<unsigned char>(c)) * 1099511628211ULL;  // FNV-1a
  }
  std::size_t below(std::size_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_ = 14695981039346656037ULL;
};

// Calls feed(piece) for the text in pieces of up to `longest` bytes; 0: in one piece.
template <class F>
void in_pieces(std::string_view text, std::size_t longest, F feed) {
  if (longest == 0) return feed(text);
  Chance chance(text);
  while (!text.empty()) {
    std::string_view piece = text.substr(0, 1 + chance.below(longest));
    text.remove_prefix(piece.size());
    feed(piece);
  }
}

}  // namespace nxb::fuzz
