// common/stats/stats.h - counters in a shared segment: one slot per worker, one writer per slot.
// Runs in: supervisor (creates, reads), worker (writes its own slot, reads all for the monitor page). The supervisor
// reads without asking, so a stuck worker cannot hold up statistics and totals survive a worker's crash (O-24).
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/stats/counters.def"
#include "common/stats/pulse.h"

namespace nxb::stats {

enum class Kind : std::uint8_t { Sum, Gauge };
struct Info {
  std::string_view name;
  Kind kind;
  std::string_view help;
};
#define NXB_STATS_ROW(name, kind, help) Info{#name, Kind::kind, help},
inline constexpr std::array kCounters{NXB_COUNTERS(NXB_STATS_ROW)};
#undef NXB_STATS_ROW
#define NXB_STATS_ENUM(name, kind, help) name,
enum class Counter : std::uint16_t { NXB_COUNTERS(NXB_STATS_ENUM) };
#undef NXB_STATS_ENUM

using Values = std::array<std::uint64_t, kCounters.size()>;

// A worker's own counters. Default-constructed it counts into private memory (tests, tools).
class Counters {
 public:
  using Slot = std::array<std::atomic<std::uint64_t>, kCounters.size()>;
  Counters() : own_(std::make_unique<Slot>()), slot_(own_.get()) {}
  explicit Counters(Slot* slot) : slot_(slot) {}
  void add(Counter counter, std::uint64_t by = 1) { at(counter).fetch_add(by, std::memory_order_relaxed); }
  void sub(Counter counter, std::uint64_t by = 1) { at(counter).fetch_sub(by, std::memory_order_relaxed); }
  std::uint64_t get(Counter counter) const {
    return (*slot_)[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
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
  Values total() const;                  // sums and gauges added over all slots
  void clear_gauges(std::size_t index);  // when a worker died; its pulse as well

 private:
  Segment(int fd, void* memory, std::size_t size, std::size_t slots);
  int fd_ = -1;
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t slots_ = 0;
};

}  // namespace nxb::stats
