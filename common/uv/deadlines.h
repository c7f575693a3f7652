// common/uv/deadlines.h - every deadline of a process on one uv_timer.
// Runs in: worker. One entry per (family, id); moving a deadline later costs no heap operation.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/uv/loop.h"

namespace nxb::uv {

class DeadlineSink {
 public:
  virtual void on_deadline(std::uint64_t id, Instant now) = 0;  // the entry is already gone

 protected:
  ~DeadlineSink() = default;
};

using DeadlineFamily = std::uint8_t;
struct DeadlineKey {
  DeadlineFamily family = 0;
  std::uint64_t id = 0;
  friend bool operator==(const DeadlineKey&, const DeadlineKey&) = default;
};

// The order of the deadlines, without a clock.
class DeadlineQueue {
 public:
  void set(DeadlineKey key, Instant at);  // replaces
  void clear(DeadlineKey key);
  std::size_t size() const { return times_.size(); }
  std::size_t heap_size() const { return heap_.size(); }  // at most twice size() and a constant
  std::optional<Instant> next() const;               // nothing is due before it; it may be too early, never too late
  std::optional<DeadlineKey> take_due(Instant now);  // removes and returns the earliest that is due

 private:
  struct KeyHash {
    std::size_t operator()(const DeadlineKey& key) const noexcept;
  };
  struct Times {
    Instant due;     // when the sink wants to be called
    Instant queued;  // of the heap's entry for it; never later than due
  };
  struct Entry {  // stale when times_ has no such key with this `queued`
    Instant at;
    DeadlineKey key;
  };
  static bool later(const Entry& a, const Entry& b) { return a.at > b.at; }
  void push(Instant at, DeadlineKey key);
  void trim();  // rebuilds the heap when too much of it is stale
  std::unordered_map<DeadlineKey, Times, KeyHash> times_;
  std::vector<Entry> heap_;  // earliest first
};

class Deadlines {
 public:
  using Family = DeadlineFamily;
  explicit Deadlines(Loop& loop);
  Family add(DeadlineSink& sink);  // at start, at most 16
  // Replaces. One set from within on_deadline is never called in the same turn, however early it lies.
  void set(Family family, std::uint64_t id, Instant at);
  void clear(Family family, std::uint64_t id);
  std::size_t size() const { return queue_.size(); }

 private:
  void on_timer();
  void rearm();
  Loop& loop_;
  Timer timer_;
  std::vector<DeadlineSink*> sinks_;
  DeadlineQueue queue_;
  std::optional<Instant> armed_;  // what timer_ waits for; never later than queue_.next()
  bool firing_ = false;
};

}  // namespace nxb::uv
