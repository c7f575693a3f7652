// supervisor/options.h - the command line: what was asked for, and the flags that override the file (O-01, O-02, C-23).
// Runs in: supervisor. I/O: prints help, version and usage errors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/config/config.h"
#include "common/ipc/contract.h"

namespace nxb::supervisor {

struct Options {
  std::string config_path = "/etc/nxb/nxb.toml";
  bool check_only = false;          // -t
  bool show_configuration = false;  // -T; checks too
  std::string worker_path;          // "" = beside this program
  std::optional<std::uint16_t> port;
  std::string host, path, logging;  // "" = as in the file
};

// What to do, or the exit code when the command line was all there was to do.
std::variant<Options, contract::Exit> parse_options(int argc, const char* const* argv);

// The first [[listen]] gives way to --host and --port, [http] path to --path, [log] level to --logging.
Status override_with(const Options& options, config::Config& config);

// The file, the flags on top of it; every finding. What -t says, and what a reload goes by.
config::Loaded load_configuration(const Options& options);

// --worker, or nxb-worker beside this program, or where the build tree has it.
Result<std::string> find_worker(const Options& options);

}  // namespace nxb::supervisor
