// tests/unit/common/config/compat_test.cc - the options of node-xmpp-bosh: kept, renamed or dropped, each with a hint.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "common/config/options.h"
#include "tests/unit/common/config/support.h"

namespace nxb::config {
namespace {

std::string errors_of(std::string_view text) { return joined(load(text).errors); }

// The key stands where an old file has it, outside of every section, and the only finding is this.
void hinted(const std::string& key, const std::string& value, const std::string& rest) {
  CHECK(errors_of(key + " = " + value + "\n") == "f.toml:1: " + key + ": " + rest + "\n");
}

void known_default(std::string_view section, std::string_view key, std::string_view initial) {
  for (const Row& row : all_rows()) {
    if (row.section == section && row.key == key) CHECK(row.initial == initial);
  }
  CHECK(errors_of("[" + std::string(section) + "]\n" + std::string(key) + " = " + std::string(initial) + "\n") == "");
}

}  // namespace

TEST_CASE("C-01 path is a path now, no expression; written as in former times it is told where it belongs") {
  known_default("http", "path", "['/http-bind']");
  hinted("path", "'/http-bind/'", "is unknown; did you mean path in [http]?");
  CHECK(good("[http]\npath = '/http-bind/'\n").http.path == std::vector<std::string>{"/http-bind"});
  CHECK(good("[http]\npath = '/^/http-bind'\n").http.path ==
        std::vector<std::string>{"/^/http-bind"});  // to the letter
}

TEST_CASE("C-02 C-03 port, host and logging are old names") {
  hinted("port", "5280", "is an old name; allowed: address = \"0.0.0.0:PORT\" in [[listen]]");
  hinted("host", "'0.0.0.0'", "is an old name; allowed: address = \"HOST:PORT\" in [[listen]]");
  hinted("logging", "'INFO'", "is an old name; allowed: level in [log]");
  CHECK(good("").log.level == "INFO");
}

TEST_CASE("C-04 C-05 C-06 C-08 limits keep their names and defaults, in sections") {
  known_default("bosh", "max_data_held", "100000");
  known_default("upstream", "max_xmpp_stanza_size", "500000");
  known_default("bosh", "max_bosh_connections", "2");
  known_default("bosh", "default_inactivity", "'70s'");
  known_default("bosh", "max_inactivity", "'160s'");
  CHECK(good("[bosh]\ndefault_inactivity = 70\nmax_inactivity = 160\n") == good(""));  // numbers are seconds
  hinted("max_data_held", "100000", "is unknown; did you mean max_data_held in [bosh]?");
  hinted("max_xmpp_stanza_size", "500000", "is unknown; did you mean max_xmpp_stanza_size in [upstream]?");
  hinted("max_bosh_connections", "2", "is unknown; did you mean max_bosh_connections in [bosh]?");
  hinted("default_inactivity", "70", "is unknown; did you mean default_inactivity in [bosh]?");
  hinted("max_inactivity", "160", "is unknown; did you mean max_inactivity in [bosh]?");
}

TEST_CASE("C-07 window_size is ignored with a warning, wherever it stands") {
  for (const char* text : {"window_size = 2\n", "[bosh]\nwindow_size = 2\n"}) {
    const Loaded loaded = load(text);
    CHECK(joined(loaded.errors) == "");
    REQUIRE(loaded.warnings.size() == 1);
    CHECK(contains(loaded.warnings[0], "window_size: is ignored: clients are always granted one request more"));
    CHECK(loaded.config == good(""));
  }
}

TEST_CASE(
    "C-09 C-10 C-15 keepalive in seconds, streams per session and pidgin_compatible keep their names and defaults") {
  known_default("http", "http_socket_keepalive", "'60s'");
  known_default("bosh", "max_streams_per_session", "8");
  known_default("bosh", "pidgin_compatible", "false");
  CHECK(errors_of("[http]\nhttp_socket_keepalive = 60\n") == "");
  CHECK(contains(errors_of("[http]\nhttp_socket_keepalive = 0.5\n"), "http_socket_keepalive: is 0.5; allowed: "));
  hinted("http_socket_keepalive", "60", "is unknown; did you mean http_socket_keepalive in [http]?");
  hinted("max_streams_per_session", "8", "is unknown; did you mean max_streams_per_session in [bosh]?");
  hinted("pidgin_compatible", "true", "is unknown; did you mean pidgin_compatible in [bosh]?");
}

TEST_CASE("C-11 http_headers is headers in [http]") {
  known_default("http", "headers", "{}");
  hinted("http_headers", "{ 'X-Node' = 'a' }", "is an old name; allowed: headers in [http]");
}

TEST_CASE("C-12 no_tls_domains is tls = \"off\" of a domain") {
  hinted("no_tls_domains", "['a.example']",
         "is an old name; allowed: [[upstream.domain]] with name = \"DOMAIN\" and tls = \"off\"");
  const Config config = good("[[upstream.domain]]\nname = 'a.example'\ntls = 'off'\n");
  REQUIRE(config.upstream.domain.size() == 1);
  CHECK(config.upstream.domain[0].tls == TlsMode::Off);
}

TEST_CASE("C-13 firewall is allow and deny, and an expression in them is refused") {
  hinted("firewall", "{ allow = [] }", "is an old name; allowed: allow and deny in [upstream]");
  CHECK(contains(errors_of("[firewall]\nallow = []\n"),
                 "firewall: is an old name; allowed: allow and deny in [upstream]"));
  for (const char* expression : {"'.*'", "'/example.org$/'", "'(a|b).example'", "'example\\.org'"}) {
    CHECK(contains(errors_of("[upstream]\nallow = [" + std::string(expression) + "]\n"), "upstream.allow"));
  }
}

TEST_CASE("C-14 B-26 route_filter: hosts, ports and addresses, no expression; nothing is open that was not opened") {
  known_default("upstream", "route", "'off'");
  known_default("upstream", "route_filter", "[]");
  hinted("route_filter", "['/.*/']", "is unknown; did you mean route_filter in [upstream]?");
  const Config config = good(
      "[upstream]\nroute = 'filtered'\nroute_filter = ['Server.Example.', '.Example.org', 'A.example:5222', "
      "'10.0.0.0/8', '192.0.2.7', '2001:db8::1', '2001:db8::/32', '[2001:db8::1]:5222', '192.0.2.7:5222']\n");
  CHECK(config.upstream.route == RouteMode::Filtered);
  CHECK(config.upstream.route_filter ==
        std::vector<std::string>{"server.example", ".example.org", "a.example:5222", "10.0.0.0/8", "192.0.2.7",
                                 "2001:db8::1", "2001:db8::/32", "[2001:db8::1]:5222", "192.0.2.7:5222"});
  for (const char* wrong : {"'/.*/'", "''", "'a b'", "'a.example:0'", "'a.example:x'", "'10.0.0.0/33'", "'a.example/8'",
                            "'xmpp:a.example:5222'", "'*.example'", "'a..b:5222'", "5222"}) {
    INFO(std::string(wrong));
    const std::string found = errors_of("[upstream]\nroute_filter = [" + std::string(wrong) + "]\n");
    CHECK(contains(found, "f.toml:2: upstream.route_filter"));
    CHECK(contains(found, "allowed: a list of host, \".domain\", host:port, address or address/prefix"));
  }
  CHECK(contains(errors_of("[upstream]\nroute = 'maybe'\n"), "\"off\", \"filtered\", \"any\""));
  CHECK(contains(errors_of("[[upstream.domain]]\nname = 'a'\nroute = 'maybe'\n"), "\"off\", \"filtered\", \"any\""));
  CHECK(good("[[upstream.domain]]\nname = 'a'\nroute = 'ANY'\n").upstream.domain.at(0).route == RouteMode::Any);
  CHECK_FALSE(good("[[upstream.domain]]\nname = 'a'\n").upstream.domain.at(0).route.has_value());
}

TEST_CASE("B-26 a filter without entries and a route beside a target are said to do nothing") {
  const auto warnings = [](std::string_view text) { return joined(load(text).warnings); };
  CHECK(warnings("[upstream]\nroute = 'filtered'\n") ==
        "f.toml:1: upstream: no route is allowed: \"filtered\" with an empty route_filter\n");
  CHECK(starts_with(warnings("[upstream]\nroute_filter = []\n[[upstream.domain]]\nname = 'a'\nroute = 'filtered'\n"),
                    "f.toml:2: upstream.route_filter: no route is allowed"));
  CHECK(warnings("[upstream]\nroute = 'filtered'\nroute_filter = ['a']\n") == "");
  CHECK(warnings("[upstream]\nroute = 'any'\n") == "");
  CHECK(warnings("[[upstream.domain]]\nname = 'a'\ntarget = 'b:1'\nroute = 'any'\n") ==
        "f.toml:4: upstream.domain.route: is never looked at: the target comes first\n");
  CHECK(warnings("[[upstream.domain]]\nname = 'a'\ntarget = 'b:1'\nroute = 'off'\n") == "");
}

TEST_CASE("U-02 B-17 a default domain that would be refused is said") {
  const auto said = [](std::string_view lists) {
    return joined(load("[upstream]\ndefault_domain = 'Chat.Example.org'\n" + std::string(lists)).warnings);
  };
  for (const char* fine : {"", "allow = ['.Example.org']", "allow = ['a.example', 'chat.example.org.']",
                           "deny = ['example.org']", "allow = ['.example.org']\ndeny = ['chat.example.org']"}) {
    CHECK(said(fine) == "");
  }
  const std::string start = "f.toml:2: upstream.default_domain: \"chat.example.org\" ";
  const std::string end = ": clients that name no domain are refused\n";
  CHECK(said("allow = ['example.org']") == start + "is not in allow" + end);
  CHECK(said("allow = ['.t.example.org']") == start + "is not in allow" + end);
  CHECK(said("deny = ['.example.org']") == start + "is in deny" + end);
  CHECK(said("allow = ['.example.org']\ngone = ['chat.example.org']") == start + "is in gone" + end);
}

TEST_CASE("B-17 B-18 the default domain is a domain, domains of former times are those of lists") {
  CHECK(good("[upstream]\ndefault_domain = 'Example.ORG.'\n").upstream.default_domain == "example.org");
  CHECK(good("").upstream.default_domain == "");
  CHECK(
      contains(errors_of("[upstream]\ndefault_domain = 'a b'\n"), "upstream.default_domain: \"a b\" has a character"));
  CHECK(contains(errors_of("[upstream]\ndefault_domain = '.example.org'\n"), "upstream.default_domain: "));
  CHECK(good("[upstream]\ngone = ['Old.example', '.older.example']\n").upstream.gone ==
        std::vector<std::string>{"old.example", ".older.example"});
  CHECK(contains(errors_of("[upstream]\ngone = ['*.example']\n"), "upstream.gone"));
}

TEST_CASE("C-17 the password of sysinfo and trim_default_length keep their names and defaults") {
  known_default("log", "trim_default_length", "256");
  known_default("monitor", "system_info_password", "''");
  hinted("trim_default_length", "256", "is unknown; did you mean trim_default_length in [log]?");
  hinted("system_info_password", "'x'", "is unknown; did you mean system_info_password in [monitor]?");
}

TEST_CASE("C-18 websocket_ping_interval is ping_interval in [websocket]") {
  known_default("websocket", "ping_interval", "'30s'");
  hinted("websocket_ping_interval", "30", "is an old name; allowed: ping_interval in [websocket]");
}

TEST_CASE("C-19 lookup_service is dropped, and the static map named instead") {
  hinted("lookup_service", "'x'", "is an old name; allowed: [[upstream.domain]] with name and target");
}

TEST_CASE("C-20 a 0 is never replaced by the default: it is taken, or refused with the bounds") {
  for (const char* row :
       {"[bosh]\nmax_data_held", "[bosh]\nmax_bosh_connections", "[bosh]\ndefault_inactivity", "[bosh]\nmax_inactivity",
        "[bosh]\nmax_streams_per_session", "[upstream]\nmax_xmpp_stanza_size", "[http]\nhttp_socket_keepalive"}) {
    INFO(std::string(row));
    CHECK(contains(errors_of(std::string(row) + " = 0\n"), ": is 0; allowed: "));
  }
}

TEST_CASE("C-21 names before 0.3 and before 0.6.1 are refused with the new one") {
  struct Old {
    const char *key, *now;
  };
  for (const Old& old :
       {Old{"max_data_held_bytes", "max_data_held in [bosh]"},
        Old{"max_xmpp_buffer_bytes", "max_xmpp_stanza_size in [upstream]"},
        Old{"max_xmpp_buffer_size", "max_xmpp_stanza_size in [upstream]"},
        Old{"max_xmpp_stanza_size_bytes", "max_xmpp_stanza_size in [upstream]"},
        Old{"inactivity_sec", "default_inactivity in [bosh]"}, Old{"inactivity", "default_inactivity in [bosh]"},
        Old{"default_inactivity_sec", "default_inactivity in [bosh]"},
        Old{"max_inactivity_sec", "max_inactivity in [bosh]"},
        Old{"http_socket_keepalive_sec", "http_socket_keepalive in [http]"}}) {
    hinted(old.key, "1", "is an old name; allowed: " + std::string(old.now));
  }
}

}  // namespace nxb::config
