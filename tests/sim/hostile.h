// tests/sim/hostile.h - a client that keeps no rule: any rid around the window and beyond it, wrong keys and
// acknowledgements, streams of others, junk, floods, terminates, sudden ends. Enough of what it says is right for its
// sessions to live.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "keys.h"
#include "stage.h"

namespace nxb::sim {

class Hostile final : public Peer {
 public:
  explicit Hostile(World& world);
  void start();  // one session after the other, until the world's operations are used up
  std::uint64_t sessions() const { return sessions_; }

  void answered(RequestId id, const std::string& text) override;

 private:
  // Its manners in one session.
  struct Manners {
    Duration pace{1'000};
    std::uint64_t care = 0;      // percent of requests that are the next one
    std::uint64_t stubborn = 0;  // percent of requests that repeat the last one
    bool gappy = false;          // leaves rids out and fills them later
    std::uint64_t shuffled = 0;  // so many rids in any order; 0: in order
    bool talkative = false;      // never polls
    std::uint64_t lag = 0;       // of its acknowledgements; 0: it sends none
    bool acks = false, keys = false, streams = false;
  };
  struct Stamp {
    std::string key, newkey;
  };

  void open();
  bosh::Body creation();
  void choose_manners();
  void act();
  void request();
  bosh::Body body();
  void fill_uses(bosh::Body& made);
  void acknowledge(bosh::Body& made);
  void fill_stream(bosh::Body& made);
  void sign(bosh::Body& made);
  std::uint64_t choose_rid();
  void weird_server();
  const Stamp& stamp_of(std::uint64_t rid);

  struct Retired {
    std::unique_ptr<Stage> stage;
    Instant since;
  };
  World& world_;
  std::unique_ptr<Stage> stage_;
  std::deque<Retired> retired_;  // forgotten, but may be woken
  std::uint64_t sessions_ = 0;
  Manners manners_;
  std::vector<std::pair<RequestId, std::uint64_t>> ids_;
  std::uint64_t high_ = 0;          // of those posted
  std::set<std::uint64_t> posted_;  // above the lowest one missing
  std::uint64_t low_ = 0;           // all up to it were posted
  std::uint64_t after_end_ = 0;
  std::uint64_t last_posted_ = 0;
  std::uint64_t answered_ = 0;  // the highest rid
  std::vector<std::uint64_t> shuffle_;
  std::optional<KeyChain> chain_;
  std::deque<Stamp> stamps_;  // by rid, from first_stamp_ on
  std::uint64_t first_stamp_ = 0;
  std::vector<std::string> names_;
  std::map<std::uint64_t, std::uint64_t> acks_;  // by rid
};

}  // namespace nxb::sim
