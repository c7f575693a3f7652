// worker/relay/mailroom.h - the mailboxes: connections out to the workers that own their sessions, and in from others.
// Runs in: worker. I/O: the mailbox sockets (contract.h), memfds. Does not own the mailbox descriptors.
// A full mailbox (its worker is dead or stuck): the connection waits in a bounded queue until there is room, at most
// `patience`; then, or when the queue is full, it is given back to be answered 503. Nothing is dropped silently.
// Both callbacks come from the loop, never from within send().
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "common/uv/loop.h"
#include "worker/relay/handover.h"

namespace nxb::relay {

inline constexpr Duration kPatience{5'000};
inline constexpr std::size_t kMaxWaiting = 64;            // connections waiting for one worker
inline constexpr std::size_t kMaxWaitingBytes = 4 << 20;  // and their bytes; one alone may have more
inline constexpr int kMessagesPerTurn = 32;               // taken in before other connections get their turn

struct Mailboxes {
  int in = -1;                               // receiving end of this worker's own mailbox
  std::vector<int> out;                      // sending ends; index = worker
  std::function<void(Handover)> on_arrived;  // from another worker
  std::function<void(Handover)> on_refused;  // one of ours that could not be delivered
  Duration patience = kPatience;
};

class Mailroom final {
  struct Private {
    explicit Private() = default;
  };

 public:
  Mailroom(Private, uv::Loop& loop, stats::Counters& counters, Mailboxes boxes);
  static Result<std::unique_ptr<Mailroom>> make(uv::Loop& loop, stats::Counters& counters, Mailboxes boxes);
  void send(std::uint32_t worker, Handover handover);
  void take_in(bool on);        // off: what arrives stays in the mailbox, and its senders see it full
  std::size_t waiting() const;  // for all workers together
  bool is_full(std::uint32_t worker) const { return !targets_[worker].queue.empty(); }  // some wait for it

 private:
  struct Waiting {
    Handover handover;
    Instant since;
  };
  struct Target {
    int fd = -1;
    std::unique_ptr<uv::Poll> poll;  // made when the mailbox is full for the first time
    std::deque<Waiting> queue;
    std::size_t bytes = 0;
  };
  enum class Sent : std::uint8_t { Yes, Full, Failed };

  Sent try_send(int fd, const Handover& handover);
  void wait_for_room(std::size_t worker, Handover handover);
  void on_writable(std::size_t worker);
  void on_patience();
  void arm_patience();
  Handover pop(Target& target);
  void give_back(Handover handover);
  void on_given_back();

  void on_readable();
  bool receive_one();  // false: nothing more to receive now
  bool nobody_can_send() const;
  Status take(std::string_view message, std::vector<Descriptor> descriptors);

  uv::Loop& loop_;
  stats::Counters& counters_;
  Mailboxes boxes_;
  std::vector<Target> targets_;
  std::vector<Handover> refused_;  // handed to on_refused at the next turn
  std::vector<char> buffer_;
  std::unique_ptr<uv::Poll> in_;
  uv::Timer patience_;
  uv::Timer give_back_;
};

}  // namespace nxb::relay
