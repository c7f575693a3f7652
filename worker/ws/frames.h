// worker/ws/frames.h - bytes of a WebSocket connection -> whole messages and control frames, and frames out (RFC 6455 5).
// Runs in: worker. I/O: none. Codec, server side. Owned by: edge::WsConnection.
// Any segmentation of the bytes gives the same items. Between messages it holds no library context and no buffer, so that
// an idle connection costs nothing here. A Close, or what breaks a rule, is the last item: nothing is taken after it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nxb::ws {

// RFC 6455 7.4.1. Those that are never sent (1005, 1006, 1015) are not here.
enum class CloseCode : std::uint16_t {
  Normal = 1000,
  GoingAway = 1001,
  ProtocolError = 1002,
  UnacceptableData = 1003,
  InvalidData = 1007,
  PolicyViolation = 1008,
  TooBig = 1009,
  InternalError = 1011,
  TryAgainLater = 1013,
};

enum class Opcode : std::uint8_t { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

// --- items ---
struct TextMessage {
  std::string text;  // whole and valid UTF-8 (W-15, W-18)
};
struct PingFrame {
  std::string payload;  // at most 125 bytes
};
struct PongFrame {};
struct CloseFrame {
  std::uint16_t code = 1005;  // 1005: the frame had none
};
struct BrokenRule {  // fail the connection with this code (W-12 to W-19, W-21)
  CloseCode code;
  std::string_view why;  // a literal, for the log
};
using Item = std::variant<TextMessage, PingFrame, PongFrame, CloseFrame, BrokenRule>;

struct FrameLimits {
  std::uint64_t message = 100'000;  // bytes of a message; decided from a frame's header, before buffering (W-19)
  std::uint32_t fragments = 1'024;  // frames of a message (W-19)
  bool deflate = false;             // permessage-deflate was agreed: a message may be compressed (W-06)
};

// The library's context of 4 KB: to clear one costs as much as to read a short message, so that of a message that is
// read serves the next, whichever connection's that is. One is kept, others are freed.
class FrameContexts {
 public:
  FrameContexts();
  ~FrameContexts();
  FrameContexts(const FrameContexts&) = delete;
  FrameContexts& operator=(const FrameContexts&) = delete;

 private:
  friend class Frames;
  struct Context;
  std::unique_ptr<Context> take();
  void give_back(std::unique_ptr<Context> context);  // between two frames
  std::unique_ptr<Context> spare_;
};

class Frames {
 public:
  Frames(FrameContexts& contexts, const FrameLimits& limits);  // the contexts outlive it
  ~Frames();
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;

  void feed(std::string_view bytes, std::vector<Item>& out);
  bool between_messages() const;  // no frame and no message is incomplete
  std::size_t memory() const;     // bytes held beyond the object itself

 private:
  struct Work;  // here only while a frame or a message is incomplete
  FrameContexts& contexts_;
  FrameLimits limits_;
  std::uint64_t growth_left_;  // bytes that messages may still grow by when inflated (W-19)
  std::unique_ptr<Work> work_;
  bool ended_ = false;  // by a broken rule or a Close
};

// --- out: never masked, never fragmented (W-12, W-20) ---
enum class Form : std::uint8_t { Plain, Deflated };
// The header to write before `payload_size` bytes of payload.
std::string frame_header(Opcode opcode, std::size_t payload_size, Form form = Form::Plain);
std::string close_payload(CloseCode code);

}  // namespace nxb::ws
