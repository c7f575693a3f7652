// supervisor/reload.h - the configuration read again and put into effect while running (O-33).
// Runs in: supervisor. I/O: the file, listening sockets. Owned by: main.
// A file with a mistake, or a socket that cannot be opened, changes nothing. What needs a restart keeps its value and is
// named. Reloads may overlap: each takes effect at once here, and only waits to hear from the workers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "supervisor/fleet.h"
#include "supervisor/listeners.h"
#include "supervisor/options.h"
#include "supervisor/reload_report.h"

namespace nxb::supervisor {

class Reloader {
 public:
  using Done = std::function<void(const ReloadReport&)>;

  Reloader(const Options& options, config::Loaded start)
      : options_(options), running_(std::move(start.config)), warnings_(std::move(start.warnings)) {}
  // Once, at start. What was passed in is taken for the [[listen]] with its address, and must have one.
  Status open_listeners(std::vector<ListeningSocket> passed);
  void reload(Fleet& fleet, Done done);

  const config::Config& running() const { return running_; }
  const std::vector<std::string>& warnings() const { return warnings_; }  // that came with it
  Result<std::string> for_workers() const;  // as JSON, with certificates and keys; listeners are numbered
  const Listeners& listeners() const { return listeners_; }
  const std::optional<ReloadReport>& last() const { return last_; }

 private:
  bool certificate_renewed();
  Status tell_workers(Fleet& fleet, Questions::Done heard) const;
  void finish(std::uint64_t number, const ReloadReport& report, const Done& done);

  const Options& options_;
  config::Config running_;
  std::vector<std::string> warnings_;
  Listeners listeners_;
  std::map<std::string, std::string> certificates_;  // digests by path
  std::uint64_t begun_ = 0;                          // reloads; each has its number
  std::uint64_t last_number_ = 0;                    // of last_
  std::optional<ReloadReport> last_;                 // of those finished, the one that began last
};

}  // namespace nxb::supervisor
