// supervisor/systemd.h - what nxb and systemd tell each other: readiness, status, watchdog, sockets passed in (O-12).
// Runs in: supervisor. I/O: datagrams to NOTIFY_SOCKET; without one nothing is said. Owned by: main.
// Nothing waits for systemd: a notice that its full queue does not take is said again soon, unless a newer one has
// taken its place. Of the watchdog's nothing is kept: an old one would tell of a loop that may stand still by now.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/uv/loop.h"
#include "supervisor/listener.h"

namespace nxb::supervisor {

class Systemd {
 public:
  static constexpr Duration kStatusEvery{5'000};  // at most, and only what is new
  static constexpr Duration kAgain{200};          // what was not taken

  struct Health {
    std::string status;   // one line for `systemctl status`
    bool beating = true;  // no worker's loop stands still
  };

  Systemd(uv::Loop& loop, std::function<Health()> look);
  void ready();      // every worker accepts
  void reloading();  // reloads may overlap, and begin before ready(): nothing is said of that one
  void reloaded();   // the end of one
  void stopping(Duration at_most);

 private:
  void on_time();
  void say(std::string state);
  void say_news();
  std::function<Health()> look_;
  Duration period_;        // of on_time()
  bool watchdog_ = false;  // the unit has WatchdogSec
  bool speaking_ = false;  // ready() was called
  bool stopping_ = false;  // nothing but that is told any more
  int reloads_ = 0;        // under way
  std::string unsaid_;     // READY=1 and its kin; "": it was taken
  std::string told_;       // the last status that was taken
  uv::Timer timer_;
  uv::Timer again_;
};

// The sockets that this process was started with (LISTEN_FDS), each at its address. One that is no listening stream
// socket is an error.
Result<std::vector<ListeningSocket>> sockets_passed_in();

}  // namespace nxb::supervisor
