// worker/upstream/race.h - which address is tried when, until one connection stands (RFC 8305 5, RFC 6120 3.2.1).
// Runs in: worker. I/O: none; time is an argument. Owned by: upstream::Connector.
// Targets, at most eight of them, are looked up one after the other, and every address of one is tried before those of the next (U-11). While
// an attempt is under way the next address follows after a quarter of a second, another target only after two seconds:
// a standby shall not win because the network was slow for a moment. What fails is followed at once. The first that
// connects wins, the others are dropped; should the winner prove useless, the race goes on with what is left (go on).
//
//   Idle --Started--> Running --Connected--> Won
//                      |   ^------GoOn--------'
//                      '--> Lost: nothing left, or out of time
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "common/base/address.h"
#include "common/base/clock.h"

namespace nxb::upstream {

struct RaceSetup {
  std::size_t targets = 1;
  Duration connect_timeout{10'000};  // of one attempt (U-17)
  Instant end_by;                    // of all
};

namespace race {
// Events. An attempt is named by its address, from 0 in the order of first turns; one that was dropped may come again.
struct Started {};
struct Resolved {
  std::vector<Address> addresses;  // of the target that was asked for; those that may be connected to, maybe none
};
struct Connected {
  std::size_t attempt;
};
struct Failed {
  std::size_t attempt;
};
struct GoOn {};  // the winner was of no use
struct TimePassed {};
using Event = std::variant<Started, Resolved, Connected, Failed, GoOn, TimePassed>;

// Actions.
struct LookUp {
  std::size_t target;
};
struct Connect {
  std::size_t attempt;
  std::size_t target;
  Address address;
};
struct Drop {
  std::size_t attempt;
  bool timed_out;  // else another one won
};
struct Won {
  std::size_t attempt;
};
struct Lost {
  bool timed_out;  // else nothing is left to try
};
using Action = std::variant<LookUp, Connect, Drop, Won, Lost>;
using Actions = std::vector<Action>;
}  // namespace race

class Race {
 public:
  enum class State : std::uint8_t { Idle, Running, Won, Lost };
  static constexpr Duration kNextAddress{250};     // RFC 8305 5, Connection Attempt Delay
  static constexpr Duration kNextTarget{2'000};    // see above
  static constexpr std::size_t kMaxAddresses = 8;  // of all targets (U-17)
  static constexpr std::size_t kMaxTargets = 8;    // looked up; each may cost 18 questions to the DNS (U-12)

  explicit Race(const RaceSetup& setup) : setup_(setup) {}
  void on(const race::Event& event, Instant now, race::Actions& out);
  std::optional<Instant> next_deadline() const;
  bool is_consistent() const;
  State state() const { return state_; }
  std::size_t trying() const;  // attempts under way
  bool looking_up() const { return looking_up_; }

 private:
  enum class Phase : std::uint8_t { Waiting, Trying, Over };
  struct Entry {
    Address address;
    std::size_t target;
    Phase phase = Phase::Waiting;
    Instant give_up;  // while Trying
  };

  void take(const race::Started&, Instant, race::Actions&);
  void take(const race::Resolved&, Instant, race::Actions&);
  void take(const race::Connected&, Instant, race::Actions&);
  void take(const race::Failed&, Instant, race::Actions&);
  void take(const race::GoOn&, Instant, race::Actions&);
  void take(const race::TimePassed&, Instant, race::Actions&);

  void advance(Instant now, race::Actions& out);
  void begin(std::size_t attempt, Instant now, race::Actions& out);
  void drop_all(bool timed_out, race::Actions& out);
  void lose(bool timed_out, race::Actions& out);
  std::optional<std::size_t> first_waiting() const;
  bool more_targets() const {
    return next_target_ < std::min(setup_.targets, kMaxTargets) && entries_.size() < kMaxAddresses;
  }
  Instant turn_of_address() const;
  Instant turn_of_target() const;

  RaceSetup setup_;
  std::vector<Entry> entries_;  // in the order in which they are tried; an attempt is an index
  std::size_t next_target_ = 0;
  Instant last_begun_;           // when, and
  std::size_t last_target_ = 0;  // for which target, an attempt was begun last
  bool looking_up_ = false;      // target next_target_ - 1
  bool at_once_ = false;         // the last thing that happened was a failure: nobody waits for a turn
  State state_ = State::Idle;
};

}  // namespace nxb::upstream
