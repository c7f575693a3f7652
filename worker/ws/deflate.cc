// worker/ws/deflate.cc - see deflate.h.
// SPDX-License-Identifier: MIT
#include "worker/ws/deflate.h"

#include <zlib.h>

#include <array>

#include "common/base/check.h"

namespace nxb::ws {
namespace {

constexpr int kRaw = -MAX_WBITS;                      // no header, no checksum; the largest window
constexpr std::string_view kTail("\0\0\xff\xff", 4);  // an empty block: left out on the wire (RFC 7692 7.2.1)
constexpr std::size_t kPiece = 16 * 1024;

Bytef* bytes_of(std::string_view text) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));  // zlib only reads it
}

// Making a state costs more than using it on a message, so there is one of each. One process is one thread.
class Deflater {
 public:
  Deflater() {
    NXB_CHECK(deflateInit2(&z_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRaw, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY) == Z_OK,
              "no memory for zlib");
  }
  ~Deflater() { deflateEnd(&z_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string run(std::string_view text) {
    NXB_CHECK(deflateReset(&z_) == Z_OK, "zlib begins again");
    z_.next_in = bytes_of(text);
    z_.avail_in = static_cast<uInt>(text.size());
    std::string out;
    do {
      z_.next_out = buffer_.data();
      z_.avail_out = kPiece;
      const int result = deflate(&z_, Z_SYNC_FLUSH);
      NXB_CHECK(result == Z_OK || result == Z_BUF_ERROR, "zlib compresses anything");
      out.append(reinterpret_cast<const char*>(buffer_.data()), kPiece - z_.avail_out);
    } while (z_.avail_out == 0);
    if (out.ends_with(kTail)) out.resize(out.size() - kTail.size());
    return out;
  }

 private:
  z_stream z_{};
  std::array<Bytef, kPiece> buffer_;
};

class Inflater {
 public:
  Inflater() { NXB_CHECK(inflateInit2(&z_, kRaw) == Z_OK, "no memory for zlib"); }
  ~Inflater() { inflateEnd(&z_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Inflating run(std::string& out, std::string_view payload, std::uint64_t most) {
    NXB_CHECK(inflateReset(&z_) == Z_OK, "zlib begins again");
    most_ = out.size() + most;
    Inflating result = feed(out, payload);
    if (result == Inflating::Whole) result = feed(out, kTail);
    if (result != Inflating::Whole) return result;
    const bool between_blocks = (z_.data_type & 128) != 0;  // zlib.h, of inflate(): right behind a block
    return between_blocks ? Inflating::Whole : Inflating::Broken;
  }

 private:
  Inflating feed(std::string& out, std::string_view bytes) {
    z_.next_in = bytes_of(bytes);
    z_.avail_in = static_cast<uInt>(bytes.size());
    do {
      z_.next_out = buffer_.data();
      z_.avail_out = kPiece;
      const int result = inflate(&z_, Z_SYNC_FLUSH);
      const std::size_t made = kPiece - z_.avail_out;
      if (made > most_ - out.size()) return Inflating::TooBig;
      out.append(reinterpret_cast<const char*>(buffer_.data()), made);
      // A last block need not be the message's last (7.2.3.4).
      if (result == Z_STREAM_END) {
        NXB_CHECK(inflateReset(&z_) == Z_OK, "zlib begins again");
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return Inflating::Broken;
      }
    } while (z_.avail_in > 0 || z_.avail_out == 0);
    return Inflating::Whole;
  }

  z_stream z_{};
  std::uint64_t most_ = 0;
  std::array<Bytef, kPiece> buffer_;
};

}  // namespace

std::string deflated(std::string_view text) {
  static Deflater deflater;
  return deflater.run(text);
}

Inflating inflate_into(std::string& out, std::string_view payload, std::uint64_t most) {
  static Inflater inflater;
  return inflater.run(out, payload, most);
}

}  // namespace nxb::ws
