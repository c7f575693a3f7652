// worker/http/framing.cc - see framing.h.
// SPDX-License-Identifier: MIT
#include "worker/http/framing.h"

#include "common/base/text.h"

namespace nxb::http {
namespace {

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr std::uint64_t packed(std::string_view eight) {
  std::uint64_t value = 0;
  for (char c : eight) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

// What a request line ends with. RTSP and ICE pass llhttp (H-09).
int version_status(std::uint64_t last_eight) {
  if (last_eight == packed("HTTP/1.1") || last_eight == packed("HTTP/1.0")) return 0;
  return last_eight >> 24 == packed("HTTP/") ? 505 : 400;
}

}  // namespace

HeadScanner::Result HeadScanner::scan(std::string_view bytes, const Limits& limits) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    i += plain(bytes.substr(i), limits);
    if (i == bytes.size()) break;
    if (int status = step(bytes[i], limits); status != 0) return {i, status, false};
    if (ended_) return {i + 1, 0, true};
  }
  return {bytes.size(), 0, false};
}

// Eight bytes at once, as step() would take them one by one: within a line and the limits.
std::size_t HeadScanner::plain(std::string_view rest, const Limits& limits) {
  if (at_start_ || after_cr_) return 0;
  std::size_t& counted = in_request_line_ ? line_ : head_;
  const std::size_t most = in_request_line_ ? limits.request_line : limits.head;
  std::size_t taken = 0;
  while (rest.size() - taken >= 8 && counted + 8 <= most && eight_printable(rest.data() + taken)) {
    counted += 8;
    taken += 8;
  }
  if (in_request_line_ && taken > 0) last_eight_ = packed(rest.substr(taken - 8, 8));
  return taken;
}

int HeadScanner::step(char c, const Limits& limits) {
  if (!in_request_line_ && ++head_ > limits.head) return 431;
  if (after_cr_) {
    if (c != '\n') return 400;
    after_cr_ = false;
    ended_ = !in_request_line_ && line_empty_;
    in_request_line_ = false;
    at_start_ = true;
    return 0;
  }
  if (at_start_) {
    if (int status = start_of_line(c, limits); status != 0) return status;
  }
  if (c == '\r') {
    after_cr_ = true;
    return in_request_line_ ? version_status(last_eight_) : 0;
  }
  if (c == '\n' || is_control(c)) return 400;
  if (in_request_line_) {
    if (++line_ > limits.request_line) return 414;
    if (c == '\t' || static_cast<unsigned char>(c) >= 0x80) return 400;
    last_eight_ = (last_eight_ << 8) | static_cast<unsigned char>(c);
  }
  return 0;
}

int HeadScanner::start_of_line(char c, const Limits& limits) {
  at_start_ = false;
  line_empty_ = c == '\r';
  if (is_blank(c)) return 400;  // obs-fold, or a space before the first field
  if (!in_request_line_ && !line_empty_ && ++fields_ > limits.fields) return 431;
  return 0;
}

int ChunkScanner::framing(char c, const Limits& limits) {
  if (++bytes_ > limits.head) return 431;
  if (after_data_) {
    if (c != '\r') return 400;
    after_data_ = false;
  }
  if (after_cr_) {
    if (c != '\n') return 400;
    after_cr_ = false;
    at_start_ = true;
    return 0;
  }
  if (at_start_ && is_blank(c)) return 400;
  at_start_ = false;
  if (c == '\r') {
    after_cr_ = true;
    return 0;
  }
  return c == '\n' || is_control(c) ? 400 : 0;
}

}  // namespace nxb::http
