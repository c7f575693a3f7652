// common/stats/stats.cc - the shared segment: a header, then one slot per worker, each on cache lines of its own: its
// counters, then its pulse.
// SPDX-License-Identifier: MIT
#include "common/stats/stats.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace nxb::stats {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::uint32_t kVersion = 3;  // raise when the meaning changes without the number of cells

struct Header {
  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t slots;
  std::int64_t created_ms;  // of the monotonic clock
};
constexpr std::uint64_t kMagic = 0x7374'6174'2e6e'7862;  // "nxb.stat"
constexpr std::uint32_t kLayout = kVersion << 16 | static_cast<std::uint32_t>(kCells);
constexpr std::size_t kHeaderSize = kLine;
constexpr std::size_t kCountersSize = (sizeof(Counters::Slot) + kLine - 1) / kLine * kLine;
constexpr std::size_t kSlotSize = kCountersSize + kLine;  // the pulse behind the counters

static_assert(sizeof(Header) <= kHeaderSize && sizeof(PulseSlot) <= kLine);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(std::atomic<std::uint64_t>) == 8,
              "counters are shared between processes");

std::size_t size_for(std::size_t slots) { return kHeaderSize + slots * kSlotSize; }

Error failed(const char* what) { return Error{Code::Io, std::string(what) + ": " + std::strerror(errno)}; }

Result<void*> map(int fd, std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return failed("mmap of the statistics segment");
  return memory;
}

// Two slots' values of one cell.
std::uint64_t together(std::size_t cell, std::uint64_t one, std::uint64_t other) {
  const bool most = cell < kCounters.size() && kCounters[cell].kind == Kind::Most;
  return most ? std::max(one, other) : one + other;
}

}  // namespace

Result<Segment> Segment::create(std::size_t slots) {
  int fd = memfd_create("nxb-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return failed("memfd_create");
  const std::size_t size = size_for(slots);
  // Sealed, so that no worker can shrink it under the others' feet (SIGBUS).
  if (ftruncate(fd, static_cast<off_t>(size)) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    Error error = failed("sizing the statistics segment");
    close(fd);
    return error;
  }
  auto memory = map(fd, size);
  if (!memory) {
    close(fd);
    return std::move(memory.error());
  }
  Header header{kMagic, kLayout, static_cast<std::uint32_t>(slots), monotonic_now().time_since_epoch().count()};
  std::memcpy(*memory, &header, sizeof(header));  // the rest of a fresh memfd is zeros: all counters at 0
  return Segment(fd, *memory, size, slots);
}

Result<Segment> Segment::attach(int fd, std::size_t slots) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return failed("fstat of the statistics segment");
  const std::size_t size = size_for(slots);
  if (static_cast<std::size_t>(info.st_size) != size) {
    return Error{Code::Unsupported, "the statistics segment has another size"};
  }
  NXB_TRY(void* memory, map(fd, size));
  Header header{};
  std::memcpy(&header, memory, sizeof(header));
  if (header.magic != kMagic || header.layout != kLayout || header.slots != slots) {
    munmap(memory, size);
    return Error{Code::Unsupported, "the statistics segment has another layout"};
  }
  return Segment(fd, memory, size, slots);
}

Segment::Segment(int fd, void* memory, std::size_t size, std::size_t slots)
    : fd_(fd), memory_(memory), size_(size), slots_(slots) {}

Segment::Segment(Segment&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      memory_(std::exchange(other.memory_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      slots_(std::exchange(other.slots_, 0)) {}

Segment::~Segment() {
  if (memory_) munmap(memory_, size_);
  if (fd_ >= 0) close(fd_);
}

Counters::Slot* Segment::slot(std::size_t index) {
  NXB_CHECK(index < slots_, "a statistics slot that does not exist");
  return reinterpret_cast<Counters::Slot*>(static_cast<char*>(memory_) + kHeaderSize + index * kSlotSize);
}

PulseSlot* Segment::pulse(std::size_t index) {
  return reinterpret_cast<PulseSlot*>(reinterpret_cast<char*>(slot(index)) + kCountersSize);
}

Sign Segment::sign(std::size_t index) const {
  const PulseSlot& pulse = *const_cast<Segment*>(this)->pulse(index);
  return {Instant{Duration{pulse.beat_ms.load(std::memory_order_relaxed)}},
          static_cast<Activity>(pulse.activity.load(std::memory_order_relaxed)),
          pulse.open.load(std::memory_order_relaxed) != 0};
}

Values Segment::read(std::size_t index) const {
  const Counters::Slot& slot = *const_cast<Segment*>(this)->slot(index);
  Values values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = slot[i].load(std::memory_order_relaxed);
  return values;
}

std::uint64_t Segment::get(std::size_t index, Counter counter) const {
  return (*const_cast<Segment*>(this)->slot(index))[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
}

Values Segment::total() const {
  Values sum{};
  for (std::size_t index = 0; index < slots_; ++index) {
    Values values = read(index);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = together(i, sum[i], values[i]);
  }
  return sum;
}

Cells Segment::cells() const {
  Cells sum{};
  for (std::size_t index = 0; index < slots_; ++index) {
    const Counters::Slot& slot = *const_cast<Segment*>(this)->slot(index);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = together(i, sum[i], slot[i].load(std::memory_order_relaxed));
  }
  return sum;
}

Instant Segment::created() const {
  Header header{};
  std::memcpy(&header, memory_, sizeof(header));
  return Instant{Duration{header.created_ms}};
}

void Segment::clear_gauges(std::size_t index) {
  Counters::Slot& cleared = *slot(index);
  for (std::size_t i = 0; i < kCounters.size(); ++i) {
    if (kCounters[i].kind != Kind::Sum) cleared[i].store(0, std::memory_order_relaxed);
  }
  PulseSlot& stopped = *pulse(index);
  stopped.beat_ms.store(0, std::memory_order_relaxed);
  stopped.activity.store(0, std::memory_order_relaxed);
  stopped.open.store(0, std::memory_order_relaxed);
}

std::optional<double> quantile_ms(const Buckets& buckets, double share) {
  std::uint64_t all = 0;
  for (std::uint64_t count : buckets) all += count;
  if (all == 0) return std::nullopt;
  const double wanted = share * static_cast<double>(all);
  double seen = 0, low = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    const double high = static_cast<double>(kBounds[i]);
    const double here = static_cast<double>(buckets[i]);
    if (here > 0 && seen + here >= wanted) return low + (high - low) * (wanted - seen) / here;
    seen += here;
    low = high;
  }
  return low;
}

}  // namespace nxb::stats
