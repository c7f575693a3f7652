// worker/ws/frames.cc - see frames.h.
// The frame API of libwslay, not its event API: that one closes by itself before the XMPP stream error could be sent
// (W-19, W-40), and its context, over 4 KB, would stay with every idle connection. libwslay unmasks, and checks that
// lengths are minimal and below 2^63 (W-14) and that control frames are short and whole (W-16). The rest is here.
// libwslay tells of a frame with the first byte of its payload; who announces too much and then waits must hear of it
// at once (W-19). So the header is read here, too, and libwslay is given one frame at a time.
// SPDX-License-Identifier: MIT
#include "worker/ws/frames.h"

#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "worker/ws/deflate.h"
#include "worker/xml/gate.h"

namespace nxb::ws {
namespace {

constexpr std::size_t kLongestHeader = 14;
constexpr std::size_t kContextBytes = 4'352;  // libwslay's: a buffer of 4,096, and its state
constexpr std::uint16_t kNoCode = 1005;
constexpr std::uint8_t kRsv1 = 4;  // of Header::reserved: the message is compressed

// W-19: a few bytes can be a message of the limit, again and again, and each costs time. What compressed messages grow
// to is paid by their own bytes, this many times, and by an advance of so many messages of the limit.
constexpr std::uint64_t kGrowth = 64;
constexpr std::uint64_t kAdvance = 8;

struct Header {
  bool fin = false, masked = false;
  std::uint8_t reserved = 0, opcode = 0;
  std::uint64_t length = 0;
};

std::uint8_t byte_at(std::string_view bytes, std::size_t index) { return static_cast<std::uint8_t>(bytes[index]); }

std::size_t length_bytes(std::uint8_t second) {
  const int length = second & 127;
  return length == 127 ? 8 : length == 126 ? 2 : 0;
}

// Of the header, as far as the bytes seen tell.
std::size_t size_of_header(std::string_view seen) {
  if (seen.size() < 2) return 2;
  const std::uint8_t second = byte_at(seen, 1);
  return 2 + length_bytes(second) + ((second & 128) != 0 ? 4 : 0);
}

Header read_header(std::string_view bytes) {
  const std::uint8_t first = byte_at(bytes, 0);
  const std::uint8_t second = byte_at(bytes, 1);
  Header header;
  header.fin = (first & 128) != 0;
  header.reserved = (first >> 4) & 7;
  header.opcode = first & 15;
  header.masked = (second & 128) != 0;
  const std::size_t more = length_bytes(second);
  if (more == 0) header.length = second & 127;
  for (std::size_t i = 0; i < more; ++i) header.length = (header.length << 8) | byte_at(bytes, 2 + i);
  return header;
}

bool is(std::uint8_t opcode, Opcode wanted) { return opcode == static_cast<std::uint8_t>(wanted); }
bool is_control(std::uint8_t opcode) { return (opcode & 8) != 0; }
bool is_data(std::uint8_t opcode) { return is(opcode, Opcode::Text) || is(opcode, Opcode::Binary); }
bool is_known(std::uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

// What may be on the wire: of the protocol, registered, of libraries and applications (RFC 6455 7.4.2; W-21).
bool may_be_sent(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

Item read_close(std::string_view payload) {
  if (payload.empty()) return CloseFrame{kNoCode};
  if (payload.size() == 1) return BrokenRule{CloseCode::ProtocolError, "half a close code"};
  const auto code = static_cast<std::uint16_t>((byte_at(payload, 0) << 8) | byte_at(payload, 1));
  if (!may_be_sent(code)) return BrokenRule{CloseCode::ProtocolError, "close code"};
  payload.remove_prefix(2);
  xml::Utf8 utf8(xml::Utf8::Controls::Allowed);
  const bool good = utf8.accept(payload) == payload.size() && utf8.whole();
  if (!good) return BrokenRule{CloseCode::InvalidData, "close reason is no UTF-8"};
  return CloseFrame{code};
}

struct FreeContext {
  void operator()(wslay_frame_context* context) const { wslay_frame_context_free(context); }
};

}  // namespace

// Between two frames its state is that of a new one.
struct FrameContexts::Context {
  Context();
  std::unique_ptr<wslay_frame_context, FreeContext> raw;
  std::string_view input;  // what libwslay may take
};

struct Frames::Work {
  Work(const FrameLimits& l, std::uint64_t& growth, std::unique_ptr<FrameContexts::Context> c)
      : limits(l), growth_left(growth), context(std::move(c)) {}
  // Takes the bytes of one header, or of one payload, from the front.
  void step(std::string_view& bytes, std::vector<Item>& out);
  bool is_unfinished() const { return head_size > 0 || in_message; }

  std::optional<BrokenRule> read_head();
  std::optional<BrokenRule> judge_data_frame();
  std::optional<BrokenRule> pass(std::string_view bytes);
  std::optional<BrokenRule> keep(std::string_view payload);
  std::optional<Item> finish_frame();
  std::optional<BrokenRule> inflate_message();

  FrameLimits limits;
  std::uint64_t& growth_left;  // the connection's
  std::unique_ptr<FrameContexts::Context> context;
  std::array<char, kLongestHeader> head{};
  std::size_t head_size = 0;  // bytes of it seen; 0: between frames
  bool in_payload = false;    // the head is complete
  Header header;
  std::uint64_t left = 0;  // bytes of the payload to come
  std::string control;     // payload of a control frame
  bool in_message = false;
  bool compressed = false;  // the message in work is
  std::string message;
  std::uint32_t fragments = 0;
  xml::Utf8 utf8{xml::Utf8::Controls::Allowed};  // of the message; control characters are the XML reader's to refuse
  bool ended = false;
};

namespace {

ssize_t give(std::uint8_t* buffer, std::size_t size, int, void* user) noexcept {
  auto& input = *static_cast<std::string_view*>(user);
  const std::size_t taken = std::min(size, input.size());
  std::copy_n(input.data(), taken, buffer);
  input.remove_prefix(taken);
  return static_cast<ssize_t>(taken);  // 0: no more just now
}

}  // namespace

FrameContexts::Context::Context() {
  const wslay_frame_callbacks callbacks{nullptr, &give, nullptr};
  wslay_frame_context* made = nullptr;
  NXB_CHECK(wslay_frame_context_init(&made, &callbacks, &input) == 0, "no memory for a frame");
  raw.reset(made);
}

FrameContexts::FrameContexts() = default;
FrameContexts::~FrameContexts() = default;

std::unique_ptr<FrameContexts::Context> FrameContexts::take() {
  return spare_ ? std::move(spare_) : std::make_unique<Context>();
}

void FrameContexts::give_back(std::unique_ptr<Context> context) { spare_ = std::move(context); }

void Frames::Work::step(std::string_view& bytes, std::vector<Item>& out) {
  std::optional<BrokenRule> broken;
  if (!in_payload) {
    while (!bytes.empty() && head_size < size_of_header({head.data(), head_size})) {
      head[head_size++] = bytes.front();
      bytes.remove_prefix(1);
    }
    if (head_size < size_of_header({head.data(), head_size})) return;
    broken = read_head();
  } else {
    const std::string_view part = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), left));
    bytes.remove_prefix(part.size());
    left -= part.size();
    broken = pass(part);
  }
  std::optional<Item> item;
  if (broken) {
    item = *broken;
  } else if (left == 0) {
    item = finish_frame();
  }
  if (!item) return;
  ended = std::holds_alternative<BrokenRule>(*item) || std::holds_alternative<CloseFrame>(*item);
  out.push_back(*std::move(item));
}

std::optional<BrokenRule> Frames::Work::read_head() {
  const std::string_view bytes(head.data(), head_size);
  header = read_header(bytes);
  in_payload = true;
  left = header.length;
  const bool may_be_compressed = limits.deflate && is_data(header.opcode);
  if (header.reserved != 0 && !(may_be_compressed && header.reserved == kRsv1))
    return BrokenRule{CloseCode::ProtocolError, "reserved bits"};
  if (!is_known(header.opcode)) return BrokenRule{CloseCode::ProtocolError, "opcode"};
  if (!header.masked) return BrokenRule{CloseCode::ProtocolError, "unmasked frame"};
  if (auto broken = pass(bytes)) return broken;
  return is_control(header.opcode) ? std::nullopt : judge_data_frame();
}

std::optional<BrokenRule> Frames::Work::judge_data_frame() {
  const bool continues = is(header.opcode, Opcode::Continuation);
  if (continues && !in_message) return BrokenRule{CloseCode::ProtocolError, "continuation of nothing"};
  if (!continues && in_message) return BrokenRule{CloseCode::ProtocolError, "message inside a message"};
  if (is(header.opcode, Opcode::Binary)) return BrokenRule{CloseCode::UnacceptableData, "binary message"};
  if (header.length > limits.message - message.size()) return BrokenRule{CloseCode::TooBig, "message too big"};
  if (++fragments > limits.fragments) return BrokenRule{CloseCode::TooBig, "too many fragments"};
  if (!continues) compressed = header.reserved == kRsv1;
  in_message = true;
  return std::nullopt;
}

// Through libwslay, which takes all it is given.
std::optional<BrokenRule> Frames::Work::pass(std::string_view bytes) {
  context->input = bytes;
  for (;;) {
    wslay_frame_iocb frame{};
    const ssize_t got = wslay_frame_recv(context->raw.get(), &frame);
    if (got == WSLAY_ERR_WANT_READ) return std::nullopt;
    if (got < 0) return BrokenRule{CloseCode::ProtocolError, "length"};
    if (auto broken = keep({reinterpret_cast<const char*>(frame.data), frame.data_length})) return broken;
  }
}

std::optional<BrokenRule> Frames::Work::keep(std::string_view payload) {
  if (is_control(header.opcode)) {
    control += payload;
    return std::nullopt;
  }
  if (!compressed && utf8.accept(payload) < payload.size())
    return BrokenRule{CloseCode::InvalidData, "message is no UTF-8"};
  message += payload;
  return std::nullopt;
}

std::optional<Item> Frames::Work::finish_frame() {
  head_size = 0;
  in_payload = false;
  if (is(header.opcode, Opcode::Ping)) return PingFrame{std::exchange(control, {})};
  if (is(header.opcode, Opcode::Close)) return read_close(control);
  if (is_control(header.opcode)) {
    control.clear();
    return PongFrame{};
  }
  if (!header.fin) return std::nullopt;
  if (compressed) {
    if (auto broken = inflate_message()) return *broken;
  }
  if (!utf8.whole()) return BrokenRule{CloseCode::InvalidData, "message ends inside a character"};
  in_message = false;
  fragments = 0;
  return TextMessage{std::exchange(message, {})};
}

std::optional<BrokenRule> Frames::Work::inflate_message() {
  std::string text;
  growth_left += kGrowth * message.size();
  const Inflating result = inflate_into(text, message, std::min(limits.message, growth_left));
  if (result == Inflating::TooBig && growth_left < limits.message) {
    return BrokenRule{CloseCode::PolicyViolation, "messages grow too much when inflated"};
  }
  if (result == Inflating::TooBig) return BrokenRule{CloseCode::TooBig, "message too big when inflated"};
  if (result == Inflating::Broken) return BrokenRule{CloseCode::InvalidData, "compressed message"};
  if (utf8.accept(text) < text.size()) return BrokenRule{CloseCode::InvalidData, "message is no UTF-8"};
  growth_left = std::min(growth_left - text.size(), kAdvance * limits.message);
  message = std::move(text);
  return std::nullopt;
}

Frames::Frames(FrameContexts& contexts, const FrameLimits& limits)
    : contexts_(contexts), limits_(limits), growth_left_(kAdvance * limits.message) {}
Frames::~Frames() = default;

void Frames::feed(std::string_view bytes, std::vector<Item>& out) {
  if (ended_ || bytes.empty()) return;
  if (!work_) work_ = std::make_unique<Work>(limits_, growth_left_, contexts_.take());
  while (!bytes.empty() && !work_->ended) work_->step(bytes, out);
  ended_ = work_->ended;
  if (!ended_ && work_->is_unfinished()) return;
  if (!ended_) contexts_.give_back(std::move(work_->context));
  work_.reset();
}

bool Frames::between_messages() const { return work_ == nullptr; }

std::size_t Frames::memory() const {
  return work_ ? sizeof(Work) + kContextBytes + work_->control.capacity() + work_->message.capacity() : 0;
}

std::string frame_header(Opcode opcode, std::size_t payload_size, Form form) {
  const int bits = form == Form::Deflated ? 0xc0 : 0x80;
  std::string out(1, static_cast<char>(bits | static_cast<int>(opcode)));
  std::size_t more = payload_size > 0xffff ? 8 : payload_size > 125 ? 2 : 0;
  out += static_cast<char>(more == 8 ? 127 : more == 2 ? 126 : payload_size);
  while (more > 0) out += static_cast<char>((payload_size >> (8 * --more)) & 0xff);
  return out;
}

std::string close_payload(CloseCode code) {
  const auto number = static_cast<std::uint16_t>(code);
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

}  // namespace nxb::ws
