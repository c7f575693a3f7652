// tests/scenario/socket_wire.cc - see socket_wire.h.
// SPDX-License-Identifier: MIT
#include "socket_wire.h"

#include <array>

namespace nxb::scenario {

namespace {

constexpr std::array<char, 4> kMask{0x37, 0x1a, 0x5c, 0x09};

void append_number(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
}

std::uint64_t number_in(std::string_view bytes) {
  std::uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

bool is_known(int opcode) { return opcode == kText || opcode == kClose || opcode == kPing || opcode == kPong; }

}  // namespace

std::string write_handshake(std::string_view path, std::string_view protocol) {
  std::string out = "GET " + std::string(path) +
                    " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  if (!protocol.empty()) out += "Sec-WebSocket-Protocol: " + std::string(protocol) + "\r\n";
  return out + "\r\n";
}

std::string write_frame(int opcode, std::string_view payload) {
  std::string out(1, static_cast<char>(0x80 | opcode));
  const int form = payload.size() < 126 ? 0 : payload.size() < 65536 ? 2 : 8;
  const auto length = form == 0 ? static_cast<int>(payload.size()) : form == 2 ? 126 : 127;
  out += static_cast<char>(0x80 | length);
  if (form != 0) append_number(out, payload.size(), form);
  out.append(kMask.data(), kMask.size());
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kMask[i % kMask.size()]);
  return out;
}

std::string write_code(int code) {
  std::string out;
  append_number(out, static_cast<std::uint64_t>(code), 2);
  return out;
}

std::string code_of(const Frame& close) {
  return close.payload.size() < 2 ? std::string()
                                  : std::to_string(number_in(std::string_view(close.payload).substr(0, 2)));
}

std::optional<Frame> take_frame(std::string& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const int first = static_cast<unsigned char>(bytes[0]), second = static_cast<unsigned char>(bytes[1]);
  const int opcode = first & 0x0f;
  const bool whole = (first & 0xf0) == 0x80, masked = (second & 0x80) != 0;
  const std::size_t form = (second & 0x7f) == 126 ? 2 : (second & 0x7f) == 127 ? 8 : 0;
  if (!whole || masked || !is_known(opcode)) return Frame{-1, {}};
  if (bytes.size() < 2 + form) return std::nullopt;
  const std::uint64_t length =
      form == 0 ? static_cast<std::uint64_t>(second & 0x7f) : number_in(std::string_view(bytes).substr(2, form));
  if (bytes.size() - 2 - form < length) return std::nullopt;
  Frame frame{opcode, bytes.substr(2 + form, length)};
  bytes.erase(0, 2 + form + length);
  return frame;
}

}  // namespace nxb::scenario
