// tests/bench/ws_session.cc - see ws_session.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/ws_session.h"

#include <array>
#include <vector>

namespace nxb::bench {
namespace {

constexpr std::uint8_t kText = 1, kClose = 8, kPing = 9, kPong = 10;
// The example of RFC 6455 1.3: its right answer is known.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::string_view kFraming = "xmlns='urn:ietf:params:xml:ns:xmpp-framing'";
constexpr std::array<std::uint8_t, 4> kMask{0x9c, 0x21, 0x7e, 0x53};  // any will do: what it costs to undo is the same

thread_local std::string out;            // a frame being written; shared, for the wire copies what it keeps
thread_local std::vector<Micros> times;  // of the pushes of one message

}  // namespace

void WsSession::fail(std::string_view why) {
  if (doing_ == Doing::Over) return;
  doing_ = Doing::Over;
  wire_.close();
  user_.failed(*this, why);
}

void WsSession::open() {
  Descriptor socket = connect_to(where_.port, source_host_);
  if (!socket) return fail("no socket, or no port is left");
  wire_.open(std::move(socket));
  if (where_.tls != 0) wire_.secure(tls_client(), Tls::Side::Client);
  wire_.send("GET " + where_.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Key: " + std::string(kKey) +
             "\r\n\r\n");
}

void WsSession::say_open() { send("<open to='" + domain_ + "' version='1.0' " + std::string(kFraming) + "/>", kText); }

void WsSession::echo() {
  doing_ = Doing::Echoing;
  send(echo_->next(), kText);
}

void WsSession::ask_for(std::string_view what) {
  doing_ = Doing::Holding;
  send("<message to='" + login_->jid() + "' xmlns='jabber:client'><body>" + std::string(what) + "</body></message>",
       kText);
}

void WsSession::close() {
  doing_ = Doing::Closing;
  send("<close " + std::string(kFraming) + "/>", kText);
}

void WsSession::send(std::string_view text, std::uint8_t opcode) {
  out.clear();
  auto byte = [](std::size_t value) { out.push_back(static_cast<char>(value & 0xff)); };
  byte(0x80U | opcode);
  if (text.size() < 126) {
    byte(0x80U | text.size());
  } else if (text.size() < 65536) {
    byte(0x80U | 126U), byte(text.size() >> 8), byte(text.size());
  } else {
    byte(0x80U | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) byte(text.size() >> shift);
  }
  for (std::uint8_t one : kMask) byte(one);
  std::size_t at = out.size();
  out += text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out[at + i] = static_cast<char>(static_cast<std::uint8_t>(out[at + i]) ^ kMask[i % 4]);
  }
  wire_.send(out);
}

std::size_t WsSession::received(std::string_view bytes) {
  std::size_t taken = 0;
  while (wire_.is_open() && taken < bytes.size()) {
    std::string_view rest = bytes.substr(taken);
    std::size_t one = doing_ == Doing::Upgrading ? upgraded(rest) : frame(rest);
    if (one == 0) break;
    taken += one;
  }
  return taken;
}

std::size_t WsSession::upgraded(std::string_view bytes) {
  std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  std::string_view head = bytes.substr(0, end);
  if (!head.starts_with("HTTP/1.1 101") || head.find(kAccept) == std::string_view::npos) {
    fail("answered: " + std::string(bytes.substr(0, 300)));
    return 0;
  }
  doing_ = Doing::LoggingIn;
  say_open();
  return end + 4;
}

std::size_t WsSession::frame(std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 2) return 0;
  std::size_t head = 2, size = byte(1) & 0x7fU;
  if (std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0; more != 0) {
    if (bytes.size() < head + more) return 0;
    size = 0;
    for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(head + i);
    head += more;
  }
  if ((byte(0) & 0xf0) != 0x80 || (byte(1) & 0x80) != 0) {
    fail("a frame that is masked, compressed or not the last of its message");
    return 0;
  }
  if (bytes.size() < head + size) return 0;
  std::string_view data = bytes.substr(head, size);
  switch (byte(0) & 0x0f) {
    case kText:
      message(data);
      break;
    case kPing:
      send(data, kPong);
      break;
    case kPong:
      break;
    case kClose:
      ended("closed: " + std::string(data));
      break;
    default:
      fail("a frame of an unknown kind");
  }
  return head + size;
}

void WsSession::message(std::string_view text) {
  if (doing_ == Doing::Closing) {
    if (text.find("<close") != std::string_view::npos) ended("as asked");
    return;
  }
  if (doing_ == Doing::LoggingIn) return logging_in(text);
  if (doing_ == Doing::Echoing) {
    std::string wrong = echo_->check(text);
    if (!wrong.empty()) return fail(wrong);
    doing_ = Doing::Nothing;
    return user_.echoed(*this);
  }
  if (doing_ == Doing::Holding && pushes_.take(text, times)) {
    for (Micros sent : times) user_.pushed(*this, sent);
    return;
  }
  fail("not asked for: " + std::string(text.substr(0, 400)));
}

void WsSession::logging_in(std::string_view text) {
  switch (login_->on(text)) {
    case Login::Next::Wait:
      return;
    case Login::Next::Say:
      return send(login_->words(), kText);
    case Login::Next::Restart:
      return say_open();
    case Login::Next::Bound:
      doing_ = Doing::Nothing;
      echo_ = std::make_unique<Echo>(options_.forms);
      echo_->begin(login_->jid(), options_.size);
      return user_.usable(*this);
  }
}

void WsSession::ended(std::string_view why) {
  if (doing_ != Doing::Closing) return fail(why);
  doing_ = Doing::Over;
  wire_.close();
  user_.over(*this);
}

}  // namespace nxb::bench
