// common/ipc/contract.h - everything supervisor and worker agree on that is not a control message.
// Runs in: supervisor, worker. Raise kVersion with any change in this file or in message.h; a worker refuses another.
//
// Descriptors a worker starts with, and no others:
//   0 /dev/null, 1 and 2 the supervisor's stderr (the log file, if there is one),
//   3 control channel (stream socket, newline-delimited JSON), 4 stats segment (memfd), 5 receiving end of its mailbox,
//   6 where listening sockets come from that are opened later (listener_mail.h), 7 .. 7+W-1 sending ends of the mailboxes of
//   workers 0 .. W-1, 7+W .. 7+W+L-1 the listening sockets that are open, in configuration order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "common/base/clock.h"

namespace nxb::contract {

inline constexpr std::uint32_t kVersion = 5;

enum Fd : int { kControl = 3, kStats = 4, kMailboxIn = 5, kListeners = 6, kFirstMailboxOut = 7 };
inline constexpr int first_listener(int workers) { return kFirstMailboxOut + workers; }

// Exit codes of both daemons (sysexits, O-03). BadConfig of a worker is never retried; OtherVersion is, with back-off: the
// program that belongs to the supervisor may be put back.
enum class Exit : int {
  Clean = 0,
  Usage = 64,
  CannotBind = 69,
  Failed = 70,
  LostSupervisor = 75,
  OtherVersion = 76,  // of a worker: it does not understand this supervisor
  Permission = 77,
  BadConfig = 78
};

inline constexpr Duration kReadyWithin{30'000};  // a worker that is not ready by then is killed
inline constexpr Duration kOrphanLimit{5'000};   // a worker without its supervisor ends within this (O-07)
inline constexpr Duration kStopGrace{5'000};     // once goodbyes are due: workers end within this, or are killed
inline constexpr Duration kNowGrace{2'000};      // the same when a second signal asks for haste
inline constexpr Duration kGoodbye{4'500};       // a worker ends itself within this once goodbyes are due, or orphaned
static_assert(kGoodbye < kOrphanLimit && kGoodbye < kStopGrace, "a worker ends before the supervisor loses patience");
inline constexpr Duration kFirstBackoff{100};  // O-05
inline constexpr Duration kBackoffCeiling{60'000};
inline constexpr Duration kHealthyAfter{60'000};  // service time that resets the back-off
inline constexpr Duration kQuickDeath{10'000};    // a death this soon after the last one backs off
inline constexpr Duration kSlowestBeat{
    1'000};  // a worker's loop turns at least as often, or 4 times per watchdog (O-06)
inline constexpr Duration kAbortGrace{2'000};  // from SIGABRT to SIGKILL
static_assert(kFirstBackoff < kQuickDeath && kQuickDeath < kHealthyAfter);

}  // namespace nxb::contract
