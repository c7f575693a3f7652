// worker/edge/ws_connection.cc - see ws_connection.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/ws_connection.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "worker/ws/deflate.h"

namespace nxb::edge {

using stats::Counter;
using uv::PauseReason;

namespace {

constexpr std::size_t kSlice = 1024;
// How the log names the end of a connection.
constexpr std::string_view kLost = "connection lost";  // FIN or a reset
constexpr std::string_view kDeaf = "does not read";    // H-28

}  // namespace

WsConnection::WsConnection(const SocketContext& shared, SocketId id, Upgraded connection)
    : shared_(shared),
      id_(id),
      listener_(connection.listener),
      peer_(std::move(connection.peer)),
      stream_(std::move(connection.stream)),
      frames_(shared.frames, {.message = shared.context.config.websocket.max_message, .deflate = connection.deflate}),
      deflate_(connection.deflate),
      slow_above_(ws::slow_above(shared.context.config.websocket.max_buffer)),
      written_(stream_->queued()) {
  stream_->set_sink(*this);
  arm();
}

// --- in ---

void WsConnection::on_bytes(std::string_view bytes) {
  context().counters.add(Counter::bytes_from_clients, bytes.size());
  if (state_ == State::Ending || said_close_) lingered_ += bytes.size();
  if (lingered_ > kLingerBytes) return lose("talks on after Close");
  take(bytes);
}

void WsConnection::take(std::string_view bytes) {
  if (state_ != State::Open) return;
  const std::optional<Instant> due = message_due_;
  tell_some(bytes);
  if (state_ != State::Open) return forget_more();
  unread_ = bytes;
  has_more() ? stream_->pause(PauseReason::Busy) : forget_more();
  if (has_more() || message_due_ != due) arm();
}

// Frames are unpacked a slice at a time: one of six bytes becomes an item many times as large.
void WsConnection::tell_some(std::string_view& bytes) {
  std::size_t told = 0;
  while (state_ == State::Open) {
    if (next_ < items_.size()) {
      if (told++ == kItemsPerTurn || !may_tell()) return;
      ws::Item& item = items_[next_++];
      const bool too_late = said_close_ && std::holds_alternative<ws::TextMessage>(item);
      if (!too_late) tell(std::move(item));  // else it is not even parsed (W-22)
      continue;
    }
    if (bytes.empty()) return;
    items_.clear();
    next_ = 0;
    frames_.feed(bytes.substr(0, kSlice), items_);
    bytes.remove_prefix(std::min(kSlice, bytes.size()));
    watch_message();
  }
}

// From its first byte; control frames between its fragments give it no more time.
void WsConnection::watch_message() {
  auto is_message = [](const ws::Item& item) { return std::holds_alternative<ws::TextMessage>(item); };
  const bool incomplete = !frames_.between_messages();
  if (!incomplete || std::any_of(items_.begin(), items_.end(), is_message)) message_due_.reset();
  if (incomplete && !message_due_) message_due_ = now() + context().config.websocket.message_timeout;
}

// Pongs and whitespace count as well (H-46).
bool WsConnection::may_tell() {
  if (!reading_) return false;
  if (tokens_.take(rate(), now())) return true;
  context().counters.add(Counter::websocket_waits);
  return false;
}

Rate WsConnection::rate() const {
  const config::Config::WebSocket& websocket = context().config.websocket;
  return {websocket.message_rate, websocket.message_burst};
}

void WsConnection::forget_more() {
  items_ = {};
  next_ = 0;
  unread_ = {};
  if (state_ != State::Closed) stream_->resume(PauseReason::Busy);
}

void WsConnection::tell(ws::Item item) {
  struct Translate {
    const Context& context;
    ws::Event operator()(ws::TextMessage& message) const {
      const std::uint64_t most = context.config.websocket.max_message;
      return ws::MessageArrived{ws::parse_message(context.pool, message.text, most)};
    }
    ws::Event operator()(ws::PingFrame& ping) const { return ws::PingArrived{std::move(ping.payload)}; }
    ws::Event operator()(ws::PongFrame&) const { return ws::PongArrived{}; }
    ws::Event operator()(ws::CloseFrame& close) const { return ws::CloseArrived{close.code}; }
    ws::Event operator()(ws::BrokenRule& broken) const { return ws::RuleBroken{broken.code, broken.why}; }
  };
  tell(std::visit(Translate{context()}, item));
}

void WsConnection::tell(ws::Event event) { context().sockets.on_socket_event(id_, std::move(event)); }

void WsConnection::on_end() {
  peer_ended_ = true;
  if (state_ == State::Open) return lose(kLost);
  if (stream_->queued() == 0) close();
}

void WsConnection::on_broken(const Error&) { lose(kLost); }

// The client is gone, or as good as that.
void WsConnection::lose(std::string_view why) {
  if (state_ == State::Open) {
    state_ = State::Ending;  // nothing more is sent from within
    tell(ws::ConnectionGone{why, why == kLost});
  }
  close();
}

void WsConnection::close() {
  if (std::exchange(state_, State::Closed) == State::Closed) return;
  context().deadlines.clear(shared_.family, id_.value);
  stream_.reset();
  shared_.closed(id_);
}

// --- out ---

void WsConnection::send(ws::Opcode opcode, std::string_view payload) {
  if (state_ != State::Open) return;
  said_close_ |= opcode == ws::Opcode::Close;
  ws::Form form = ws::Form::Plain;
  std::string small;
  if (deflate_ && opcode == ws::Opcode::Text && payload.size() >= kWorthDeflating) {
    small = ws::deflated(payload);
    form = ws::Form::Deflated;
    payload = small;
  }
  std::string header = ws::frame_header(opcode, payload.size(), form);
  stream_->write(header, payload);
  written_ += header.size() + payload.size();
  context().counters.add(Counter::bytes_to_clients, header.size() + payload.size());
  if (stream_->queued() > slow_above_) slow_ = true;
  arm();
}

// FIN behind what was sent, then read on for a while: a reset for unread bytes could destroy it (W-21).
void WsConnection::finish() {
  if (state_ != State::Open) return;
  state_ = State::Ending;
  linger_due_ = now() + kLinger;
  forget_more();
  stream_->resume(PauseReason::PeerSlow);
  stream_->half_close();
  arm();
}

void WsConnection::set_reading(bool on) {
  if (state_ != State::Open || on == reading_) return;
  reading_ = on;
  on ? stream_->resume(PauseReason::PeerSlow) : stream_->pause(PauseReason::PeerSlow);
  if (on && message_due_) message_due_ = now() + context().config.websocket.message_timeout;
  arm();
}

void WsConnection::on_drained() {
  look_due_.reset();
  if (state_ == State::Ending && peer_ended_) return close();
  linger_due_ = now() + kLinger;
  if (state_ == State::Open && std::exchange(slow_, false)) tell(ws::Unsent{0, true});
  if (state_ != State::Closed) arm();
}

// --- time ---

// A client is stalled when it took nothing for write_timeout; a slow one goes on.
void WsConnection::watch_writing() {
  if (stream_->queued() == 0) return look_due_.reset();
  if (look_due_) return;
  taken_ = taken();
  moved_at_ = now();
  look_due_ = moved_at_ + std::min(kLookEvery, write_timeout());
}

void WsConnection::look(Instant at) {
  if (taken() == taken_) {
    if (at >= moved_at_ + write_timeout()) return lose(kDeaf);
  } else {
    taken_ = taken();
    moved_at_ = at;
    if (state_ == State::Open) tell(ws::Unsent{stream_->queued(), true});
  }
  if (state_ != State::Closed) look_due_ = std::min(at + kLookEvery, moved_at_ + write_timeout());
}

void WsConnection::arm() {
  watch_writing();
  const std::size_t queued = stream_->queued();
  std::optional<Instant> due = look_due_;
  if (state_ == State::Ending && queued == 0) due = linger_due_;
  if (state_ == State::Open && reading_ && message_due_) due = std::min(due.value_or(*message_due_), *message_due_);
  if (reading_ && has_more()) due = std::min(due.value_or(Instant::max()), std::max(now(), tokens_.ready_at(rate())));
  if (due) {
    context().deadlines.set(shared_.family, id_.value, *due);
  } else {
    context().deadlines.clear(shared_.family, id_.value);
  }
}

void WsConnection::on_deadline(Instant at) {
  const std::size_t queued = stream_->queued();
  if (look_due_ && at >= *look_due_ && queued > 0) look(at);
  if (state_ == State::Ending && queued == 0 && at >= linger_due_) return close();
  if (state_ == State::Open && reading_ && message_due_ && at >= *message_due_) {
    message_due_.reset();
    tell(ws::RuleBroken{ws::CloseCode::PolicyViolation, "message not complete in time"});
  }
  if (state_ == State::Open && reading_ && has_more()) take(std::exchange(unread_, {}));
  if (state_ != State::Closed) arm();
}

}  // namespace nxb::edge
