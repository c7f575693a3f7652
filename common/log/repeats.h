// common/log/repeats.h - of the same line again and again only the first ones are written, and how many more there were
// is known (O-27).
// Runs in: every process. I/O: none; time is an argument.
// A run is lines that are equal but for their time, with no other in between. Its first kShown are shown. It ends with
// another line, and after kLongest: who is flooded hears of it now and then.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/log/log.h"

namespace nxb::log {

class Repeats {
 public:
  static constexpr std::uint64_t kShown = 10;
  static constexpr Duration kLongest{60'000};

  // The run that a line ended, if some of it were not shown.
  struct Untold {
    Level level = Level::Info;
    std::string event;
    std::uint64_t times = 0;  // 0: there is nothing to tell
  };
  struct Verdict {
    bool shown;
    Untold before;
  };

  Verdict on(Level level, std::string_view event, std::vector<Field> fields, Instant now) {
    if (count_ != 0 && level == run_.level && event == run_.event && fields == fields_ && now - since_ < kLongest) {
      const bool shown = ++count_ <= kShown;
      if (!shown) ++run_.times;
      return {shown, {}};
    }
    Untold before = take();
    run_ = {level, std::string(event), 0};
    fields_ = std::move(fields);
    since_ = now;
    count_ = 1;
    return {true, std::move(before)};
  }
  const std::vector<Field>& fields() const { return fields_; }  // of the last line
  // What is untold so far; the run ends.
  Untold take() {
    count_ = 0;
    return std::exchange(run_, {});
  }

 private:
  Untold run_;
  std::vector<Field> fields_;
  Instant since_{};
  std::uint64_t count_ = 0;  // lines of the run
};

}  // namespace nxb::log
