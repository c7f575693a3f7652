// tests/scenario/configuration.h - the `nxb` line of a scenario as a configuration file, for both stages the same.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>

#include "script.h"

namespace nxb::scenario {

struct Places {
  std::string listen;  // address
  std::string admin_socket;
  std::map<std::string, std::string> targets;  // domain -> address of its server
};

// Domains without a server are refused by policy (U-02): no scenario asks the DNS.
std::string write_configuration(const Arguments& options, const Places& places);

}  // namespace nxb::scenario
