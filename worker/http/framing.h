// worker/http/framing.h - the rules about bytes that separate things: line ends, folding, control characters, limits.
// Runs in: worker. I/O: none. Two byte machines that run in front of (head) and behind (chunks) llhttp, so that what
// nxb takes for one request no proxy before it takes for two (RFC 9112 11.2; H-04, H-06, H-26).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "worker/http/request.h"

namespace nxb::http {

// From the first byte of the request line to the empty line behind the fields.
class HeadScanner {
 public:
  struct Result {
    std::size_t good = 0;  // bytes in front of the mistake, up to and including the end of the head, or all
    int status = 0;        // the mistake, 0 = none
    bool ended = false;    // the empty line was the last of the good bytes
  };
  Result scan(std::string_view bytes, const Limits& limits);

 private:
  std::size_t plain(std::string_view rest, const Limits& limits);  // taken without a closer look
  int step(char c, const Limits& limits);                          // 0, or the status of the mistake
  int start_of_line(char c, const Limits& limits);
  bool in_request_line_ = true;
  bool after_cr_ = false;
  bool at_start_ = true;  // of a line
  bool line_empty_ = true;
  bool ended_ = false;
  std::size_t line_ = 0;  // bytes of the request line
  std::size_t head_ = 0;  // bytes of the fields
  std::size_t fields_ = 0;
  std::uint64_t last_eight_ = 0;  // of the request line: what stands before its CR must be HTTP/1.x (H-09)
};

// Chunk sizes, extensions, trailers: everything in a chunked body that is not data.
class ChunkScanner {
 public:
  int framing(char c, const Limits& limits);  // 0, or the status of the mistake
  void data() { after_data_ = true; }         // bytes of a chunk went by

 private:
  bool after_data_ = false;  // CR LF must follow
  bool after_cr_ = false;
  bool at_start_ = false;
  std::size_t bytes_ = 0;
};

}  // namespace nxb::http
