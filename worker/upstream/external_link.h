// worker/upstream/external_link.h - this worker's connection to the operator's own program; all streams share it.
// Runs in: worker. I/O: a unix socket. Owned by: upstream::ExternalStreams.
//
//   Down --(back-off is over)--> Greeting --(its hello)--> Up
//    ^-----(refused, lost, nonsense, silent, does not read)---|
//
// What is sent while Greeting follows our hello in order; should it fail, the sink hears on_lost as for any other loss.
// A program is given up when its hello does not come in `timeout`, when nothing of what waits for it is read in
// `timeout`, when a line of it is too long or cannot be understood, and when more than twice max_pending waits for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/secret.h"
#include "common/config/config.h"
#include "common/ipc/message.h"
#include "common/stats/stats.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"
#include "worker/upstream/backoff.h"
#include "worker/upstream/external_protocol.h"

namespace nxb::upstream::external {

class LinkSink {
 public:
  virtual void on_message(FromProgram message) = 0;  // everything but hello
  virtual void on_lost(const std::string& why) = 0;  // whatever was on its way is gone; send() refuses until it is back

 protected:
  ~LinkSink() = default;
};

class Link final : private uv::StreamSink {
 public:
  enum class State : std::uint8_t { Down, Greeting, Up };

  // Begins to connect at once. Calls of the sink come from the loop, never from within a call of the owner.
  Link(uv::Loop& loop, const config::Config::External& config, std::uint32_t worker, stats::Counters& counters,
       LinkSink& sink);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  State state() const { return state_; }
  void send(std::string_view line);  // nothing happens while it is Down
  std::size_t queued() const { return stream_ ? stream_->queued() : 0; }
  bool is_full() const { return queued() > config_.max_pending; }
  // Bytes sent on this connection, and how many of them the program has read (or the kernel holds for it): what was sent
  // when sent() was n has been read when read() is at least n.
  std::uint64_t sent() const { return sent_; }
  std::uint64_t read() const { return sent_ - queued(); }
  std::string target() const { return "unix:" + config_.socket; }

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken(const Error& error) override;

  void connect();
  void take(const std::string& line);
  void greet(const Hello& hello);
  void nonsense(const std::string& why);
  void lose(const std::string& why);
  void watch();  // whether it reads
  void on_timer();

  uv::Loop& loop_;
  const config::Config::External& config_;
  std::uint32_t worker_;
  stats::Counters& counters_;
  LinkSink& sink_;
  HashKey chance_ = random_hash_key();
  std::uint64_t tries_ = 0;
  Backoff backoff_;
  uv::Timer timer_;  // Down: connect again; else: is it alive
  std::unique_ptr<uv::Stream> stream_;
  ipc::LineReader lines_;
  State state_ = State::Down;
  Instant up_since_;
  std::uint64_t sent_ = 0;     // on this connection
  std::uint64_t seen_ = 0;     // read() when we last looked
  bool watching_ = false;      // timer_ is set to look again
  bool too_much_ = false;      // waits for it; timer_ gives it up
  bool loss_is_told_ = false;  // one line for a loss, however often connecting fails then
};

}  // namespace nxb::upstream::external
