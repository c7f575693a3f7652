// worker/edge/ws_connection.h - one WebSocket connection: bytes -> what the session hears, and its frames out.
// Runs in: worker. Adapter. Owned by: edge::SocketTable. It knows frames and time-outs of TCP, nothing of XMPP.
//
//   Open --the session lets go--> Ending --FIN behind what was sent, 2 s--> Closed
//   any --the client's FIN, reset, nothing taken for write_timeout--> Closed (the session hears it, while Open)
//
// The session is told nothing from within send(), finish() and set_reading(), which it calls. What the client does not take is the
// session's to judge: unsent() is asked for after each send(). Once that was above ws::slow_above(), it is told
// when nothing is left (W-26). While anything is, it is told each kLookEvery whether some was taken.
// The session hears kItemsPerTurn things in a turn; what else was read is kept, and the client not read, until the next;
// or, above message_rate, until it has a token again; or until the session wants to hear more (set_reading). Each is a
// reason of its own not to read. Time in which the session does not want to hear is not the client's to finish a message.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/token_bucket.h"
#include "common/uv/stream.h"
#include "worker/edge/context.h"
#include "worker/ws/frames.h"

namespace nxb::edge {

// What all of them share; outlives them.
struct SocketContext {
  const Context& context;
  uv::Deadlines::Family family;
  std::function<void(SocketId)> closed;  // it is taken from the table and freed after this turn
  ws::FrameContexts& frames;
};

class WsConnection final : private uv::StreamSink {
 public:
  static constexpr std::size_t kItemsPerTurn = 64;
  static constexpr Duration kLookEvery{1'000};
  static constexpr Duration kLinger{2'000};  // as after HTTP's last answer (H-10)
  static constexpr std::size_t kLingerBytes = 64 * 1024;
  static constexpr std::size_t kWorthDeflating = 128;  // bytes of a message; a smaller one gains next to nothing

  WsConnection(const SocketContext& shared, SocketId id, Upgraded connection);  // without its bytes
  void take(std::string_view bytes);                                            // as if they came just now
  void send(ws::Opcode opcode, std::string_view payload);
  std::size_t unsent() const { return state_ == State::Open ? stream_->queued() : 0; }
  void finish();
  void set_reading(bool on);  // off: the session hears nothing of the client (U-36)
  void on_deadline(Instant now);
  const std::string& peer() const { return peer_; }
  std::uint16_t listener() const { return listener_; }

 private:
  enum class State : std::uint8_t { Open, Ending, Closed };

  // uv::StreamSink
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken(const Error& error) override;
  void on_drained() override;

  void tell_some(std::string_view& bytes);
  bool has_more() const { return next_ < items_.size() || !unread_.empty(); }
  void forget_more();
  bool may_tell();
  void watch_message();
  Rate rate() const;
  void tell(ws::Item item);
  void tell(ws::Event event);
  void lose(std::string_view why);
  void close();
  void arm();
  void watch_writing();
  void look(Instant at);
  Duration write_timeout() const { return shared_.context.config.http.write_timeout; }
  std::uint64_t taken() const { return written_ - stream_->queued(); }
  const Context& context() const { return shared_.context; }
  Instant now() const { return shared_.context.loop.now(); }

  const SocketContext& shared_;
  const SocketId id_;
  const std::uint16_t listener_;
  const std::string peer_;
  std::unique_ptr<uv::Stream> stream_;
  ws::Frames frames_;
  const bool deflate_;           // W-06
  std::vector<ws::Item> items_;  // those before next_ were told
  std::size_t next_ = 0;
  std::string unread_;  // bytes behind them
  TokenBucket tokens_;  // one for each item
  State state_ = State::Open;
  bool reading_ = true;  // the session wants to hear
  bool said_close_ = false;
  bool peer_ended_ = false;
  const std::uint64_t slow_above_;
  bool slow_ = false;                   // there was more unsent than that
  std::uint64_t written_ = 0;           // bytes given to the stream
  std::uint64_t taken_ = 0;             // of them, when last looked at
  Instant moved_at_{};                  // when it was seen to have grown
  std::optional<Instant> look_due_;     // while bytes are queued (H-28)
  std::optional<Instant> message_due_;  // while one is incomplete (H-27)
  Instant linger_due_{};
  std::size_t lingered_ = 0;  // bytes that came after our Close
};

}  // namespace nxb::edge
