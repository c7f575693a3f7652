// common/config/print_reference.cc - nxb-reference: prints the text of conf/nxb.toml (a tool for developers).
// SPDX-License-Identifier: MIT
#include <cstdio>

#include "common/config/config.h"

int main() {
  std::fputs(nxb::config::reference().c_str(), stdout);
  return 0;
}
