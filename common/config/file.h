// common/config/file.h - reading the small files that a configuration is made of, and whether others can be written.
// Runs in: supervisor. I/O: reads the file.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "common/base/result.h"

namespace nxb::config {

struct Config;

// The error's text goes on where the file's name stands: "cannot be read: No such file or directory".
Result<std::string> read_file(const std::string& path, std::size_t most_bytes);

// What the certificate files of listeners hold now, by path: another digest is another certificate. A key that fits is as
// new as its certificate.
std::map<std::string, std::string> certificate_digests(const Config& config);

// Whether this process may write it, or make it in its folder: "", or what stands in the way.
std::string writing_problem(const std::string& path);

}  // namespace nxb::config
