// tests/unit/common/config/rules_test.cc - rules of validation: forms of values, numbers and their bounds, the process itself.
// SPDX-License-Identifier: MIT
#include "tests/unit/common/config/rules.h"

namespace nxb::config {

TEST_CASE("O-26 O-02 a log file is an absolute path in a folder that can be written") {
  CHECK(taken("log", "file", "'/tmp/nxb-test.log'").log.file == "/tmp/nxb-test.log");
  refused("log", "file", "'nxb.log'", "is not an absolute path");
  refused("log", "file", "'/nowhere/nxb.log'", "cannot be written");
  refused("log", "file", "'/tmp'", "is not a file");
  refused("log", "ip", "'half'", "full");
}

TEST_CASE("O-36 durations are 70s, 2m, 500ms, 1h or a number of seconds") {
  CHECK(taken("bosh", "default_inactivity", "'2m'").bosh.default_inactivity == 120s);
  CHECK(taken("http", "head_timeout", "'500ms'").http.head_timeout == 500ms);
  CHECK(taken("http", "head_timeout", "'1h'").http.head_timeout == 1h);
  CHECK(taken("http", "head_timeout", "7").http.head_timeout == 7s);
  CHECK(taken("http", "head_timeout", "1.5").http.head_timeout == 1500ms);
  for (const char* wrong :
       {"'7'", "'7 days'", "'s'", "'-7s'", "-7", "''", "true", "'99999999999999999999s'", "'2H'", "'7s '",
        "99999999999999999", "1e300", "nan", "0.0001", "2024-01-01", "[7]", "'2h'", "'99ms'"}) {
    refused("http", "head_timeout", wrong, "\"70s\", \"2m\", \"500ms\", \"1h\" or a number of seconds");
  }
}

TEST_CASE("O-36 sizes are 500KB, 1MiB or a number of bytes") {
  CHECK(taken("bosh", "max_data_held", "'500KB'").bosh.max_data_held == 500'000);
  CHECK(taken("bosh", "max_data_held", "'100kB'").bosh.max_data_held == 100'000);
  CHECK(taken("bosh", "max_data_held", "'1MiB'").bosh.max_data_held == 1'048'576);
  CHECK(taken("bosh", "max_data_held", "'2 mb'").bosh.max_data_held == 2'000'000);
  CHECK(taken("bosh", "max_data_held", "'1234B'").bosh.max_data_held == 1234);
  CHECK(taken("bosh", "max_data_held", "1000").bosh.max_data_held == 1000);
  for (const char* wrong :
       {"999", "0", "-1", "'1TB'", "'1000'", "'KB'", "1000.0", "true", "'17MiB'", "'99999999999999GiB'"}) {
    refused("bosh", "max_data_held", wrong, "1000 to 16777216 bytes");
  }
}

TEST_CASE("numbers are tested at their bounds and one beyond; 0 is checked and not replaced (C-20)") {
  CHECK(taken("server", "workers", "1").server.workers == 1);
  CHECK(taken("server", "workers", "256").server.workers == 256);
  for (const char* wrong : {"0", "257", "-1", "'many'", "1.0", "'1'", "true", "[]", "4294967297"}) {
    refused("server", "workers", wrong, "\"auto\", 1 to 256");
  }
  refused("server", "max_connections", "0", "1 to 1000000");
  refused("server", "max_connections", "'auto'", "1 to 1000000");
  refused("server", "max_sessions", "1000001", "1 to 1000000");
  refused("bosh", "max_bosh_connections", "0", "1 to 10");
  refused("bosh", "max_bosh_connections", "11", "1 to 10");
  CHECK(taken("upstream", "max_xmpp_stanza_size", "10000").upstream.max_xmpp_stanza_size == 10'000);  // U-24
  refused("upstream", "max_xmpp_stanza_size", "9999", "10000 to ");
  for (const char* key :
       {"max_wait", "default_inactivity", "max_inactivity", "gap_timeout", "polling", "max_streams_per_session"})
    refused("bosh", key, "0");
  for (const char* key : {"head_timeout", "body_timeout", "idle_timeout", "write_timeout"}) refused("http", key, "0");
  for (const char* key : {"connect_timeout", "setup_timeout", "write_timeout"}) refused("upstream", key, "0");
  refused("bosh", "max_pending", "0");
  CHECK(taken("bosh", "inactivity_grace", "0").bosh.inactivity_grace == 0s);
  CHECK(taken("bosh", "features_hold", "0").bosh.features_hold == 0s);
}

TEST_CASE("H-45 H-46 limits per address and rates: 0 is none, a burst is at least 1") {
  for (const char* key : {"max_connections_per_address", "max_sessions_per_address", "session_rate"}) {
    CHECK(joined(load(std::string("[server]\n") + key + " = 0\n").errors) == "");
    CHECK(joined(load(std::string("[server]\n") + key + " = 1000000\n").errors) == "");
    refused("server", key, "1000001", "0 to 1000000");
    refused("server", key, "-1", "0 to 1000000");
  }
  CHECK(taken("bosh", "request_rate", "0").bosh.request_rate == 0);
  refused("server", "session_burst", "0", "1 to 1000000");
  refused("bosh", "request_burst", "0", "1 to 1000000");
  const Config initial = load("").config;
  CHECK(initial.server.max_connections_per_address == 0);
  CHECK(initial.server.max_sessions_per_address == 0);
  CHECK(initial.server.session_rate == 20);
  CHECK(initial.server.session_burst == 100);
  CHECK(initial.bosh.request_rate == 50);
  CHECK(initial.bosh.request_burst == 100);
}

TEST_CASE("what goes to clients in seconds is whole seconds") {
  for (const char* key : {"max_wait", "default_inactivity", "max_inactivity"})
    refused("bosh", key, "'1500ms'", "whole seconds");
  CHECK(taken("bosh", "max_wait", "'2000ms'").bosh.max_wait == 2s);
}

TEST_CASE("default_inactivity is not above max_inactivity (C-08)") {
  refused("bosh", "default_inactivity", "161", "above max_inactivity");
  refused("bosh", "max_inactivity", "69", "above max_inactivity");
  CHECK(taken("bosh", "default_inactivity", "160").bosh.default_inactivity == 160s);
}

TEST_CASE("a wrong type names what is allowed") {
  refused("http", "allow_credentials", "'yes'", "is \"yes\"; allowed: true, false");
  refused("upstream", "tls_verify", "1", "is 1; allowed: true, false");
  refused("http", "cors_headers", "'X-A'", "a list of");
  refused("http", "headers", "['X-A']", "is a list; allowed: a table of");
  refused("log", "level", "3", "\"INFO\"");
  refused("upstream", "allow", "[1]", "is 1; allowed: a list of domains");
  CHECK(starts_with(joined(load("server = 3\n").errors), "f.toml:1: server: is not a section; allowed: [server]"));
  CHECK(starts_with(joined(load("[listen]\naddress = '1.2.3.4:5'\n").errors),
                    "f.toml:1: listen: is not a list of sections"));
  CHECK(starts_with(joined(load("\nlisten = ['x']\n").errors), "f.toml:2: listen: is not a list of sections"));
  CHECK(
      starts_with(joined(load("[upstream.domain]\nname = 'x'\n").errors), "f.toml:1: upstream.domain: is not a list"));
}

TEST_CASE("C-03 log levels in any case") {
  for (const char* level : {"ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"}) {
    CHECK(taken("log", "level", std::string("'") + level + "'").log.level == level);
  }
  CHECK(taken("log", "level", "'wArn'").log.level == "WARN");
  refused("log", "level", "'VERBOSE'");
  CHECK(taken("log", "format", "'json'").log.format == "json");
  refused("log", "format", "'xml'", "\"text\", \"json\"");
}

TEST_CASE("the admin socket's path is absolute and fits") {
  CHECK(taken("server", "admin_socket", "'/x/admin.sock'").server.admin_socket == "/x/admin.sock");
  refused("server", "admin_socket", "'admin.sock'");
  refused("server", "admin_socket", "'/" + std::string(107, 'x') + "'");
}

}  // namespace nxb::config
