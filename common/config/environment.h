// common/config/environment.h - environment variables as keys of the configuration: NXB_SECTION__KEY=value (O-39).
// Runs in: supervisor. I/O: none; the variables come in. They lie over the file and under the flags.
//   NXB_SERVER__WORKERS=4              workers in [server]
//   NXB_UPSTREAM__ALLOW='["a.example"]'  a value is TOML where it can be, else a text
//   NXB_LISTEN__0__ADDRESS=[::]:80     address of the first [[listen]]; the next number that is free adds one
// What is wrong with a variable is told under its name, as it is under FILE:LINE for a key of the file: its nodes have
// line numbers beyond those of any file.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/config/node.h"
#include "common/config/place.h"

namespace nxb::config {

inline constexpr int kFirstVariableLine = 1'000'000'000;

// Lays them over the table.
void overlay(Node::Table& root, const Variables& variables, std::vector<Finding>& findings);

}  // namespace nxb::config
