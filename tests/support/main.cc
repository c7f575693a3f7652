// tests/support/main.cc - doctest's main; a broken expectation ends a test program.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "common/base/check.h"

int main(int argc, char** argv) {
  nxb::expectations_are_fatal(true);
  return doctest::Context(argc, argv).run();
}
