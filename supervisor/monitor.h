// supervisor/monitor.h - what workers are told for their pages: the state of the fleet, what it uses, and the history.
// Runs in: supervisor. I/O: a timer, and /proc by `usage_of`. Owned by: main.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/uv/loop.h"
#include "supervisor/fleet.h"
#include "supervisor/history.h"
#include "supervisor/process_usage.h"

namespace nxb::supervisor {

class Monitor {
 public:
  struct Source {
    std::function<std::string()> state;                  // of nxb, in a word
    std::function<std::optional<Usage>(int pid)> usage;  // of a process
    std::function<bool()> reloaded;                      // nothing was reloaded, or the last reload took effect
  };
  Monitor(uv::Loop& loop, const Fleet& fleet, Source source);
  History::Lately lately() const { return history_.lately(fleet_.stats().cells(), loop_.now()); }
  std::string answer(std::string_view what);  // of ipc::Ask; "" = nothing is known of that

 private:
  // What the processes of a worker's slot have used. The last moments of one that died are not seen.
  struct Used {
    int pid = 0;
    double earlier = 0;  // by those before this one
    double now = 0;      // by this one, when last looked at
    double sampled = 0;  // by all, at the last sample
    double share = 0;
    std::uint64_t memory = 0;  // 0: not known
  };
  void look(const Fleet::WorkerInfo& worker);
  void sample();

  uv::Loop& loop_;
  const Fleet& fleet_;
  Source source_;
  History history_;
  Instant sampled_at_;
  std::vector<Used> used_;
  uv::Timer timer_;
};

}  // namespace nxb::supervisor
