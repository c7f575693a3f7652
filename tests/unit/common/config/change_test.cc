// tests/unit/common/config/change_test.cc - two configurations compared: what a reload applies, and what has to wait.
// SPDX-License-Identifier: MIT
#include "common/config/change.h"

#include <doctest/doctest.h>

#include "tests/unit/common/config/support.h"

using namespace nxb::config;

TEST_CASE("O-33 what differs is named and applied, and what is the same is not named") {
  Config running = good("[server]\nworkers = 2\n[log]\nlevel = \"INFO\"\n");
  Config wanted = good(
      "[server]\nworkers = 2\nmax_sessions = 7\n[upstream]\ndeny = [\"evil.example\"]\n[[upstream.domain]]\nname = "
      "\"a.example\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n");
  Change change = change_of(running, wanted);
  CHECK(change.changed ==
        std::vector<std::string>{"server.max_sessions", "listen", "upstream.deny", "upstream.domain"});
  CHECK(change.needs_restart.empty());
  CHECK(change.config == wanted);
}

TEST_CASE("O-33 what needs a restart is named and keeps its value, while the rest of the file applies") {
  Config running = good("[server]\nworkers = 2\nadmin_socket = \"/tmp/a\"\n");
  Config wanted =
      good("[server]\nworkers = 3\nadmin_socket = \"/tmp/b\"\nmax_sessions = 7\n[upstream]\nkind = \"echo\"\n");
  Change change = change_of(running, wanted);
  CHECK(change.needs_restart == std::vector<std::string>{"server.workers", "server.admin_socket", "upstream.kind"});
  CHECK(change.changed == std::vector<std::string>{"server.max_sessions"});
  CHECK(change.config.server.workers == 2);
  CHECK(change.config.server.admin_socket == "/tmp/a");
  CHECK(change.config.server.max_sessions == 7);
  CHECK(change.config.upstream.kind == UpstreamKind::Xmpp);
}

TEST_CASE("O-33 a closed listener crosses the control channel without an address, and is not shown") {
  Config config = good("[[listen]]\naddress = \"127.0.0.1:1\"\n");
  config.listen.push_back({"", {"10.0.0.0/8"}, true});
  auto read = from_json(to_json(config));
  REQUIRE(static_cast<bool>(read));
  CHECK(read->listen == config.listen);
  for (const auto& [name, value] : listing(config)) CHECK(name != "listen[2].address");
}
