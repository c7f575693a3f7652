// tests/unit/supervisor/descriptor_limit_test.cc - how many sessions so many descriptors suffice for.
// SPDX-License-Identifier: MIT
#include "supervisor/descriptor_limit.h"

#include <doctest/doctest.h>

using namespace nxb;
using namespace nxb::supervisor;

TEST_CASE("O-10 a session needs two descriptors, and some are needed beside them") {
  config::Config config;
  config.server.workers = 4;
  config.server.max_sessions = 1000;
  config.listen.resize(2);
  const std::uint64_t needed = descriptors_needed(config);
  CHECK(needed == 2000 + 64 + 4 + 2);
  CHECK(sessions_within(needed, config) == 1000);
  CHECK(sessions_within(needed + 100, config) == 1000);
  CHECK(sessions_within(needed - 1, config) == 999);
  CHECK(sessions_within(needed - 2000, config) == 1);  // it starts all the same
  CHECK(sessions_within(0, config) == 1);
}

TEST_CASE("O-10 where a listener has TLS a session needs four: its client's socket, the pair behind it, its server's") {
  config::Config config;
  config.server.workers = 4;
  config.server.max_sessions = 1000;
  config.listen.resize(2);
  config.listen[1].tls.cert = "/etc/nxb/cert.pem";
  const std::uint64_t needed = descriptors_needed(config);
  CHECK(needed == 4000 + 64 + 4 + 2);
  CHECK(sessions_within(needed, config) == 1000);
  CHECK(sessions_within(needed - 1, config) == 999);
  CHECK(sessions_within(needed - 2000, config) == 500);
}
