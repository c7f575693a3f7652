// tests/bench/histogram.h - latencies in buckets that grow with the value, in the way of HdrHistogram: 64 for each power of two, so
// that any quantile is right to 1.6 %, in memory that does not depend on how many there were. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace nxb::bench {

class Histogram {
 public:
  void add(std::int64_t value) {
    auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    ++counts_[std::min(bucket_of(v), counts_.size() - 1)];
    ++total_;
    max_ = std::max(max_, v);
  }
  std::uint64_t total() const { return total_; }
  std::uint64_t max() const { return max_; }

  // The greatest value of the bucket in which that share (0 to 1) of all values is reached.
  std::uint64_t quantile(double share) const {
    auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen > 0) return std::min(end_of(i) - 1, max_);
    }
    return max_;
  }

 private:
  static constexpr std::size_t kStep = 64;  // buckets for each power of two
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < 2 * kStep) return static_cast<std::size_t>(value);
    auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;  // what is left of it is 64 to 127
    return shift * kStep + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t end_of(std::size_t bucket) {
    if (bucket < 2 * kStep) return bucket + 1;
    std::size_t shift = bucket / kStep - 1;
    return static_cast<std::uint64_t>(bucket - shift * kStep + 1) << shift;
  }

  std::array<std::uint64_t, 36 * kStep> counts_{};  // up to 2^41 us, which is 25 days
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace nxb::bench
