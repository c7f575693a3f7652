// worker/gateway/cut_histogram.h - at which age connections are cut while nothing is said on them, and whether one age
// stands out: then something between the client and us counts seconds (O-31).
// Runs in: worker. I/O: none; time is an argument. Owned by: gateway::CutWatch.
// People leave when they like; of their cuts hardly two are of one age. A proxy with a time-out makes a peak: at least
// kLeast cuts in kWindow, most of all of them within one second of each other, above kFromAge. Younger ones tell
// nothing: a page that is left soon after it was opened looks like that.
// One client can leave at one age as often as it likes, so each network counts kOfNetwork times in a window at most.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/base/network.h"

namespace nxb::gateway {

class CutHistogram final {
 public:
  static constexpr Duration kFromAge{5'000};
  static constexpr Duration kWindow{600'000};      // counted together
  static constexpr Duration kRemember{3'600'000};  // a peak is told of once in so long, and forgotten after it
  static constexpr std::uint32_t kLeast = 20;
  static constexpr std::uint32_t kOfNetwork = 2;
  static constexpr std::size_t kNetworks = 10'000;  // whose cuts are counted; those of later ones are not

  struct Peak {
    Duration age;        // in whole seconds
    std::uint32_t cuts;  // of about this age
    std::uint32_t of;    // all that were counted
  };

  // One was cut at this age; `of`: whose, if that is one client. A peak is returned when it is news.
  std::optional<Peak> cut(Duration age, Instant now, const std::optional<Network>& of = std::nullopt);
  // Of the last peak; zero: there was none lately.
  Duration age(Instant now) const;

 private:
  static constexpr std::size_t kBuckets = 602;  // of a second each; what is older counts in none

  std::optional<Peak> highest() const;
  bool counts(const Network& network);

  std::array<std::uint16_t, kBuckets> cuts_{};
  std::uint32_t all_ = 0;
  NetworkCounts networks_;
  std::optional<Instant> since_;  // of the window
  Duration age_{};
  std::optional<Instant> seen_;  // the peak, last
  std::optional<Instant> told_;  // of it
};

}  // namespace nxb::gateway
