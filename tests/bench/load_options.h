// tests/bench/load_options.h - what nxb-load is asked to do: NAME=VALUE words, each a row of the table in load_options.cc.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tests/bench/http_connection.h"
#include "tests/bench/session.h"

namespace nxb::bench {

struct LoadOptions {
  std::string work, kind = "bosh";
  Where where;
  SessionOptions session;
  std::string domain = "localhost";
  std::size_t domains = 1, sessions = 50, pool = 0, hosts = 0, first_host = 256;
  double seconds = 3, warm_up = 0.5, rate = 0;
  std::int64_t interval = 50'000;

  std::string domain_of(std::size_t number) const;         // "s%.example": % is a number below `domains`
  std::uint32_t source_host_of(std::size_t number) const;  // 127.0.0.0 + it; 0: whatever the kernel takes
};

// Empty: understood; else what is wrong.
std::string parse(std::span<char*> words, LoadOptions& options);
std::string help();

}  // namespace nxb::bench
