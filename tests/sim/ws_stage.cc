// tests/sim/ws_stage.cc - see ws_stage.h.
// SPDX-License-Identifier: MIT
#include "ws_stage.h"

#include <algorithm>
#include <utility>

namespace nxb::sim {

namespace {

constexpr std::uint64_t kChunks[] = {1, 7, 100, 5'000};  // of the client's bytes
constexpr std::size_t kMostRead = 4'000;                 // by the client at once

// A server's frame at the front of `bytes`: opcode and where its payload is. Nothing: it is not whole yet.
struct FrameSeen {
  ws::Opcode opcode;
  std::size_t begin, size;
};
std::optional<FrameSeen> frame_at(World& world, std::string_view bytes) {
  auto byte = [bytes](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
  if (bytes.size() < 2) return std::nullopt;
  world.expect((byte(0) & 0xf0) == 0x80 && (byte(1) & 0x80) == 0, "a masked or fragmented frame (W-12, W-20)");
  std::size_t size = byte(1), begin = 2, more = size == 127 ? 8 : size == 126 ? 2 : 0;
  if (bytes.size() < begin + more) return std::nullopt;
  if (more != 0) size = 0;
  for (; more != 0; --more) size = size << 8 | byte(begin++);
  if (bytes.size() < begin + size) return std::nullopt;
  return FrameSeen{ws::Opcode{static_cast<std::uint8_t>(byte(0) & 15)}, begin, size};
}

}  // namespace

WsStage::WsStage(World& world, const ws::SessionLimits& limits)
    : world_(world),
      limits_(limits),
      session_(limits_, "name", world.now),
      frames_(contexts_, {kMostMessage, 8}),
      witness_(world, limits),
      server_(world, [this](upstream::Event event) { deliver(ws::ServerSpoke{std::move(event)}); }),
      longest_chunk_(kChunks[world.dice.below(4)]),
      reads_from_(world.now) {
  wake();
}

// --- events and actions, as the gateway and the edge would carry them ---

void WsStage::deliver(ws::Event event) {
  if (gone_) return;
  inbox_.push_back(std::move(event));
  if (std::exchange(delivering_, true)) return;
  for (std::size_t i = 0; i < inbox_.size() && !gone_; ++i) {
    world_.note("event", inbox_[i].index());
    bool went = std::holds_alternative<ws::ConnectionGone>(inbox_[i]);
    ws::Actions actions;
    witness_.before(inbox_[i], session_);
    session_.on(std::move(inbox_[i]), world_.now, actions);
    witness_.after(actions, session_);
    bool sent = false;
    for (ws::Action& action : actions) {
      world_.note("action", action.index());
      sent = sent || std::holds_alternative<ws::Send>(action);
      std::visit([this](auto& known) { perform(known); }, action);
    }
    gone_ = gone_ || went || hung_up_;
    if (sent) tell_unsent(i + 1);
  }
  inbox_.clear();
  delivering_ = false;
  wake();
}

// Before anything else that waits, as the gateway does it.
void WsStage::tell_unsent(std::size_t at) {
  if (down_.size() <= limits_.slow_above) return;
  told_ = true;
  inbox_.insert(inbox_.begin() + static_cast<std::ptrdiff_t>(at), ws::Unsent{down_.size()});
}

void WsStage::perform(ws::Send& send) {
  if (world_.traced()) {
    world_.trace("say " + std::to_string(static_cast<int>(send.opcode)) + " " + send.payload.substr(0, 90));
  }
  if (down_.size() > limits_.max_unsent && send.opcode != ws::Opcode::Close) return;  // the session fails next
  down_ += ws::frame_header(send.opcode, send.payload.size());
  down_ += send.payload;
  flow_down();
}

void WsStage::perform(ws::HangUp& /*hang_up*/) {
  hung_up_ = true;
  flow_down();
}

void WsStage::perform(ws::Forward& forward) { server_.receive(forward.elements); }
void WsStage::perform(ws::OpenStream& /*open*/) { server_.open(); }
void WsStage::perform(ws::RestartStream& /*restart*/) { server_.restart(); }
void WsStage::perform(ws::CloseStream& /*close*/) { server_.close(); }
void WsStage::perform(ws::ReadServer& read) { server_.set_reading(read.on); }

void WsStage::perform(ws::ReadClient& read) {
  hears_ = read.on;
  if (read.on) flow_up();
}

void WsStage::perform(ws::Ended& ended) {
  world_.note_text(ended.why);
  if (world_.traced()) world_.trace("ended " + std::string(ended.why));
}

void WsStage::wake() {
  auto due = session_.next_deadline();
  if (gone_ || !due || due == wake_at_) return;
  wake_at_ = due;
  world_.in(*due - world_.now, [this, at = *due] {
    if (gone_ || session_.next_deadline() != at) return;
    wake_at_.reset();
    deliver(ws::TimePassed{});
  });
}

// --- the connection ---

void WsStage::send(std::string_view bytes) {
  if (leaving_) return;
  up_ += bytes;
  flow_up();
}

void WsStage::leave() {
  leaving_ = true;
  flow_up();
}

void WsStage::cut() {
  up_.clear();
  down_.clear();
  leave();
}

void WsStage::stall(Duration time) {
  stalled_long_ = true;
  reads_from_ = world_.now + time;
}

void WsStage::flow_up() {
  if (gone_ || !hears_ || std::exchange(flowing_up_, true)) return;
  world_.in(world_.dice.upto(world_.dice.percent(98) ? 2ms : 100ms), [this] {
    flowing_up_ = false;
    take_items();
    if (gone_ || !hears_) return;
    if (up_.empty()) {
      if (leaving_) deliver(ws::ConnectionGone{});
      return;
    }
    std::string chunk = up_.substr(0, 1 + world_.dice.below(longest_chunk_));
    up_.erase(0, chunk.size());
    frames_.feed(chunk, items_);
    take_items();
    flow_up();
  });
}

// Until the session does not want to hear more.
void WsStage::take_items() {
  std::size_t taken = 0;
  while (taken < items_.size() && hears_ && !gone_) take(items_[taken++]);
  items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void WsStage::take(ws::Item& item) {
  if (auto* text = std::get_if<ws::TextMessage>(&item)) {
    if (world_.traced()) world_.trace("hear " + text->text.substr(0, 90));
    deliver(ws::MessageArrived{ws::parse_message(pool_, text->text, kMostMessage)});
  }
  if (auto* ping = std::get_if<ws::PingFrame>(&item)) deliver(ws::PingArrived{std::move(ping->payload)});
  if (std::holds_alternative<ws::PongFrame>(item)) deliver(ws::PongArrived{});
  if (auto* close = std::get_if<ws::CloseFrame>(&item)) deliver(ws::CloseArrived{close->code});
  if (auto* broken = std::get_if<ws::BrokenRule>(&item)) deliver(ws::RuleBroken{broken->code, broken->why});
}

void WsStage::flow_down() {
  if (std::exchange(flowing_down_, true)) return;
  Duration later = std::max(Duration::zero(), reads_from_ - world_.now);
  world_.in(later + world_.dice.upto(20ms), [this] {
    flowing_down_ = false;
    if (leaving_) return;
    if (reads_from_ > world_.now) return flow_down();
    std::size_t taken = std::min<std::size_t>(down_.size(), 1 + world_.dice.below(kMostRead));
    heard_ += down_.substr(0, taken);
    down_.erase(0, taken);
    read_frames();
    if (down_.empty()) taken_told_at_ = world_.now;
    if (!down_.empty() && world_.now >= taken_told_at_ + Duration(1'000)) {
      taken_told_at_ = world_.now;
      deliver(ws::Unsent{down_.size(), true});
    }
    if (!down_.empty()) return flow_down();
    if (std::exchange(told_, false)) deliver(ws::Unsent{0, true});
    if (hung_up_ && down_.empty() && closed) std::exchange(closed, nullptr)();
  });
}

void WsStage::read_frames() {
  while (auto frame = frame_at(world_, heard_)) {
    std::string payload = heard_.substr(frame->begin, frame->size);
    heard_.erase(0, frame->begin + frame->size);
    if (hear) hear(frame->opcode, payload);
  }
}

}  // namespace nxb::sim
