// tests/scenario/socket_wire.h - a WebSocket as its client sees it: frames both ways (RFC 6455 5). It shares no code with
// nxb, and takes nothing from a server that a browser would not take.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nxb::scenario {

inline constexpr int kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

struct Frame {
  int opcode = 0;
  std::string payload;
};

// The request of the handshake; its key is a constant.
std::string write_handshake(std::string_view path, std::string_view protocol);
std::string write_frame(int opcode, std::string_view payload);  // masked
std::string write_code(int code);                               // the payload of a Close
// "1000", or "" when it says none.
std::string code_of(const Frame& close);

// Takes the next frame off the front of `bytes`, if it is all there. What no server may send is an opcode below 0.
std::optional<Frame> take_frame(std::string& bytes);

}  // namespace nxb::scenario
