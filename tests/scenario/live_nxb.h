// tests/scenario/live_nxb.h - a real nxb for one scenario: supervisor and workers with a configuration of their own, in
// a folder of their own.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "script.h"

namespace nxb::scenario {

class LiveNxb {
 public:
  LiveNxb() = default;
  ~LiveNxb();  // by force, if stop() was not called
  LiveNxb(const LiveNxb&) = delete;
  LiveNxb& operator=(const LiveNxb&) = delete;

  // Returns when all workers are ready.
  Status start(const std::string& supervisor, const Arguments& options,
               const std::map<std::string, std::string>& targets);
  Status ask_to_stop();  // SIGTERM
  Status stop();         // exit code 0, no process and no socket left, nothing alarming in the log

  std::uint16_t port() const { return port_; }
  int workers() const { return workers_; }
  std::optional<std::uint64_t> counter(std::string_view name, int worker) const;
  Status kill(int worker, int signal);
  bool worker_ready(int worker) const;  // after kill(): its successor
  std::string log() const;

 private:
  std::string admin(std::string_view command) const;  // a line of JSON, "" when there is none
  bool all_ready();
  bool supervisor_ended(int& status);
  Status judge_log() const;

  std::string folder_;
  std::uint16_t port_ = 0;
  int workers_ = 0;
  pid_t pid_ = -1;  // of the supervisor
  bool asked_ = false;
  std::set<pid_t> worker_pids_;
  std::map<int, pid_t> killed_;
};

}  // namespace nxb::scenario
