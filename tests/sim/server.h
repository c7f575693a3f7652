// tests/sim/server.h - a talkative XMPP server, one for each stream: numbered stanzas in bursts, features when asked,
// and it checks what the client's stream carries. It hands its words to the session whole, or as bytes in chunks,
// down to one byte, through the real xmpp::ClientStream (wire.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "wire.h"
#include "worker/bosh/session.h"
#include "world.h"

namespace nxb::sim {

// How the servers of one session behave.
struct Habits {
  bool bytes = false;              // through a wire
  bool heavy = false;              // stanzas of tens of kilobytes
  bool streams_end = false;        // those beyond the first end by themselves
  bool stalls = false;             // now and then they do not take what the client sends (U-36)
  Duration longest_pause{20'000};  // between bursts
};

class Server {
 public:
  using Say = std::function<void(bosh::StreamNumber, upstream::Event)>;
  // `broadcasts`: so many stanzas for all streams went before it opened.
  Server(World& world, bosh::StreamNumber number, const Habits& habits, std::uint64_t broadcasts, Say up);

  void open();
  void restart();
  void receive(std::string_view elements);
  void close();  // by the session
  void set_reading(bool on);
  // By the server: after what it has said so far.
  void end();

  bosh::StreamNumber number() const { return number_; }
  bool open_now() const { return open_; }
  bool closed_by_session() const { return closed_by_session_; }
  bool left_early() const { return wire_ && wire_->left_early(); }
  std::uint64_t sent() const { return sent_; }          // stanzas for the session
  std::uint64_t received() const { return received_; }  // the client's for this stream, in order without gaps
  std::uint64_t broadcasts() const { return broadcasts_; }

 private:
  void features(Duration in);
  void talk();
  void burst();
  void maybe_stall();
  void say(upstream::Event event);

  World& world_;
  bosh::StreamNumber number_;
  Habits habits_;
  Say say_;
  std::unique_ptr<Wire> wire_;
  bool open_ = false, reading_ = true, talking_ = false, silent_ = false, closed_by_session_ = false, stalled_ = false;
  std::uint64_t sent_ = 0, received_ = 0, broadcasts_;
};

}  // namespace nxb::sim
