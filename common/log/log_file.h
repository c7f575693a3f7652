// common/log/log_file.h - the log as a file: [log] file, and opening it anew when it was renamed (O-08, O-26).
// Runs in: every process. I/O: opens the file. The file takes the place of stderr, so that all a process says is in it,
// its last words included. The supervisor opens it, workers inherit it; opened anew it is by each for itself, with
// O_APPEND, so lines do not mix. A worker that may not open it goes on with the old one and says so.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "common/base/result.h"

namespace nxb::log {

enum class Standard : bool { Error, OutputToo };

Status write_to_file(const std::string& path, Standard what);
// After the file was renamed; without a file nothing happens. Says what came of it, in the log.
void reopen_file(const std::string& path, Standard what);

}  // namespace nxb::log
