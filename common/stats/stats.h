// common/stats/stats.h - counters in a shared segment: one slot per worker. The worker writes it; `worker_restarts` the supervisor.
// Runs in: supervisor (creates, reads), worker (writes its own slot, reads all for the monitor page). The supervisor
// reads without asking, so a stuck worker cannot hold up statistics and totals survive a worker's crash (O-24).
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/stats/layout.h"
#include "common/stats/pulse.h"

namespace nxb::stats {

using Values = std::array<std::uint64_t, kCounters.size()>;
using Cells = std::array<std::uint64_t, kCells>;  // a slot whole, or all of them added

// A worker's own counters. Default-constructed it counts into private memory (tests, tools).
class Counters {
 public:
  using Slot = std::array<std::atomic<std::uint64_t>, kCells>;
  Counters() : own_(std::make_unique<Slot>()), slot_(own_.get()) {}
  explicit Counters(Slot* slot) : slot_(slot) {}
  void add(Counter counter, std::uint64_t by = 1) { at(counter).fetch_add(by, std::memory_order_relaxed); }
  void sub(Counter counter, std::uint64_t by = 1) { at(counter).fetch_sub(by, std::memory_order_relaxed); }
  void answered(Method method, int status) {
    count(Table::requests, method, static_cast<std::size_t>(status / 100 - 1));
  }
  void ended(Transport transport, Cause cause) {
    count(Table::session_ends, transport, static_cast<std::size_t>(cause));
  }
  void unknown_sid(SidReason reason) { count(Table::unknown_sid, reason, 0); }
  void observe(Histogram histogram, Duration value) {
    const std::size_t first = first_of(histogram);
    (*slot_)[first + bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
    (*slot_)[first + kBuckets].fetch_add(static_cast<std::uint64_t>(value.count()), std::memory_order_relaxed);
  }
  std::uint64_t get(Counter counter) const {
    return (*slot_)[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  template <class Row>
  void count(Table table, Row row, std::size_t column) {
    if (column >= kTables[static_cast<std::size_t>(table)].columns.size()) return;
    (*slot_)[cell_of(table, static_cast<std::size_t>(row), column)].fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic<std::uint64_t>& at(Counter counter) { return (*slot_)[static_cast<std::size_t>(counter)]; }
  std::unique_ptr<Slot> own_;
  Slot* slot_;
};

// The segment: a memfd with a header and one cache-line-aligned slot per worker.
class Segment {
 public:
  static Result<Segment> create(std::size_t slots);          // supervisor
  static Result<Segment> attach(int fd, std::size_t slots);  // worker; checks size and layout; owns fd on success
  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&&) = delete;
  ~Segment();

  int fd() const { return fd_; }
  Counters::Slot* slot(std::size_t index);
  PulseSlot* pulse(std::size_t index);
  Sign sign(std::size_t index) const;
  Values read(std::size_t index) const;
  std::uint64_t get(std::size_t index, Counter counter) const;
  Instant created() const;               // when nxb started: the clock is one for all processes
  Values total() const;                  // over all slots: added, or the highest (Most)
  Cells cells() const;                   // the same with tables and histograms
  void clear_gauges(std::size_t index);  // when a worker died; its pulse as well

 private:
  Segment(int fd, void* memory, std::size_t size, std::size_t slots);
  int fd_ = -1;
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t slots_ = 0;
};

// The value below which that share of what fell into the buckets lies, in milliseconds; nothing: they are empty.
// What is above all bounds counts as the highest.
std::optional<double> quantile_ms(const Buckets& buckets, double share);

}  // namespace nxb::stats
