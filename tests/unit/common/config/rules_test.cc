// tests/unit/common/config/rules_test.cc - every rule of validation: what is taken, what is refused, and how it is
// said.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/config/options.h"
#include "tests/unit/common/config/support.h"

namespace nxb::config {
namespace {

// `value` of `key` in `section` is refused on its line, with the key's name and with what is allowed.
void refused(const std::string& section, const std::string& key, const std::string& value, std::string_view part = "") {
  const bool repeats = section == "listen" || section == "upstream.domain";
  const std::string header = repeats ? "[[" + section + "]]\n" : "[" + section + "]\n";
  const std::string name = section == "upstream.domain" && key != "name" ? "name = 'd.example'\n" : "\n";
  const Loaded loaded = load(header + name + key + " = " + value + "\n");
  INFO(section, ".", key, " = ", value, " -> ", joined(loaded.errors));
  REQUIRE(loaded.errors.size() >= 1);
  CHECK(starts_with(loaded.errors[0], "f.toml:3: " + section + "." + key));
  CHECK(contains(loaded.errors[0], "; allowed: "));
  CHECK(contains(loaded.errors[0], part));
}

Config taken(const std::string& section, const std::string& key, const std::string& value) {
  const bool repeats = section == "listen" || section == "upstream.domain";
  const std::string header = repeats ? "[[" + section + "]]\n" : "[" + section + "]\n";
  const std::string name = section == "upstream.domain" && key != "name" ? "name = 'd.example'\n" : "\n";
  const Loaded loaded = load(header + name + key + " = " + value + "\n");
  INFO(section, ".", key, " = ", value, " -> ", joined(loaded.errors));
  REQUIRE(loaded.errors.empty());
  return loaded.config;
}

using Strings = std::vector<std::string>;

struct TemporaryFile {
  explicit TemporaryFile(std::string_view text) {
    const int fd = ::mkstemp(path.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  std::string path = "/tmp/nxb-config-XXXXXX";
};

}  // namespace

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

TEST_CASE("B-109 see_other_uri is a web address with a host, as it goes into XML, or nothing") {
  CHECK(load("").config.bosh.see_other_uri.empty());
  for (const char* good : {"https://b.example/http-bind", "http://[2001:db8::1]:5280/x?a=1&b=2", "HTTPS://b.example"}) {
    CHECK(taken("bosh", "see_other_uri", std::string("'") + good + "'").bosh.see_other_uri == good);
  }
  CHECK(taken("bosh", "see_other_uri", "''").bosh.see_other_uri.empty());
  for (const char* wrong :
       {"b.example/http-bind", "ftp://b.example/", "javascript:alert(1)", "https://", "https:///x", "https://:80/",
        "https://user@b.example/", "https://b.example/a b", "https://b\u00fc.example/"}) {
    refused("bosh", "see_other_uri", std::string("\"") + wrong + "\"", "http:// or https:// URL");
  }
  refused("bosh", "see_other_uri", "\"https://b.example/\\u0007\"");
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

TEST_CASE("C-02 addresses to listen on") {
  CHECK(taken("listen", "address", "'127.0.0.1:80'").listen[0].address == "127.0.0.1:80");
  CHECK(taken("listen", "address", "'[::1]:5280'").listen[0].address == "[::1]:5280");
  CHECK(taken("listen", "address", "'unix:/run/nxb/http.sock'").listen[0].address == "unix:/run/nxb/http.sock");
  CHECK(taken("listen", "trusted_proxies", "[]").listen[0].address == "0.0.0.0:5280");
  for (const char* wrong : {"'localhost:5280'", "'127.0.0.1'", "'127.0.0.1:70000'", "':5280'", "''", "5280",
                            "'unix:relative'", "'unix:'"}) {
    refused("listen", "address", wrong);
  }
  refused("listen", "address", "'unix:/" + std::string(107, 'x') + "'", "longer");
  CHECK(taken("listen", "address", "'unix:/" + std::string(106, 'x') + "'").listen.size() == 1);
}

TEST_CASE("listening twice on one address is an error, however it is spelt") {
  const Loaded twice = load("[[listen]]\naddress = '[::1]:5280'\n[[listen]]\naddress = '[0:0::1]:5280'\n");
  REQUIRE(twice.errors.size() == 1);
  CHECK(starts_with(twice.errors[0], "f.toml:4: listen.address: \"[::1]:5280\" is listened on already"));
  CHECK(load("[[listen]]\naddress = '127.0.0.1:0'\n[[listen]]\naddress = '127.0.0.1:0'\n").errors.empty());
  CHECK(load("[[listen]]\naddress = '127.0.0.1:1'\n[[listen]]\naddress = '127.0.0.1:2'\n").config.listen.size() == 2);
  CHECK(starts_with(joined(load("listen = []\n").errors), "f.toml:1: listen: is empty"));
}

TEST_CASE("H-47 trusted proxies are addresses, prefixes or unix") {
  const Strings all{"127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8", "unix", "0.0.0.0/0", "::/128"};
  CHECK(taken("listen", "trusted_proxies", "['127.0.0.1','::1','10.0.0.0/8','fd00::/8','unix','0.0.0.0/0','::/128']")
            .listen[0]
            .trusted_proxies == all);
  for (const char* wrong : {"['10.0.0.0/33']", "['::/129']", "['10.0.0.0/']", "['10.0.0.0/-1']", "['proxy.example']",
                            "['']", "['127.0.0.1:80']", "['10.0.0.0/8/8']"}) {
    refused("listen", "trusted_proxies", wrong);
  }
}

TEST_CASE("C-01 paths begin with a slash and lose those at the end") {
  CHECK(taken("http", "path", "'/http-bind/'").http.path == Strings{"/http-bind"});
  CHECK(taken("http", "path", "['/a//', '/b/c']").http.path == Strings{"/a", "/b/c"});
  for (const char* wrong :
       {"'http-bind'", "''", "'/'", "'/a?b'", "'/a b'", "'/a#b'", "'/%41'", "'/\xC3\xA4'", "[]", "3", "['/a', 3]"}) {
    refused("http", "path", wrong);
  }
  CHECK(contains(joined(load("[http]\npath = ['/a', '/a/']\n").errors), "is given twice"));
}

TEST_CASE("H-16 names of headers are tokens, and values have no control characters") {
  CHECK(taken("http", "headers", "{ 'X-Node' = 'a b', X-Two = '' }").http.headers.at("X-Node") == "a b");
  for (const char* wrong :
       {"{ 'X Node' = 'a' }", "{ '' = 'a' }", "{ 'X:' = 'a' }", "{ X = \"a\\r\\nSet-Cookie: b\" }", "{ X = \"\\t\" }",
        "{ X = \"\\u007f\" }", "{ X = '\xC3\xA4' }", "{ X = 1 }", "{ X = ['a'] }"}) {
    refused("http", "headers", wrong);
  }
  for (const char* own :
       {"Content-Length", "transfer-encoding", "Connection", "Content-Type", "Access-Control-Allow-Origin"}) {
    refused("http", "headers", std::string("{ ") + own + " = 'a' }", "set by nxb");
  }
  CHECK(contains(joined(load("[http]\nheaders = { X-A = 'a', x-a = 'b' }\n").errors), "is given twice"));
}

TEST_CASE("H-31 H-32 origins are *, null or scheme://host") {
  CHECK(taken("http", "allowed_origins", "'*'").http.allowed_origins == Strings{"*"});
  CHECK(taken("http", "allowed_origins", "['https://A.example', 'http://[::1]:8080', 'null']").http.allowed_origins ==
        Strings{"https://a.example", "http://[::1]:8080", "null"});
  CHECK(taken("http", "allowed_origins", "[]").http.allowed_origins.empty());
  for (const char* wrong : {"['https://a.example/']", "['a.example']", "['https://']", "['://a']", "['https://a b']",
                            "['*.example']", "['*', 'null']"}) {
    refused("http", "allowed_origins", wrong);
  }
}

TEST_CASE("H-33 credentials and * are refused together") {
  refused("http", "allow_credentials", "true", "allowed_origins is \"*\"");
  const Loaded listed = load("[http]\nallowed_origins = ['https://a.example']\nallow_credentials = true\n");
  CHECK(joined(listed.errors) == "");
  CHECK(listed.config.http.allow_credentials);
}

TEST_CASE("H-30 cors_headers are header names and never *") {
  CHECK(taken("http", "cors_headers", "['Authorization']").http.cors_headers == Strings{"Authorization"});
  for (const char* wrong : {"['*']", "['a b']", "['']", "['a,b']"}) refused("http", "cors_headers", wrong);
}

TEST_CASE("U-01 U-02 domains are normalised; .example.org means with subdomains") {
  CHECK(taken("upstream", "allow", "['Example.ORG.', '.Example.net', 'localhost']").upstream.allow ==
        Strings{"example.org", ".example.net", "localhost"});
  CHECK(taken("upstream", "deny", "['xn--bcher-kva.example', '[::1]', '10.0.0.1']").upstream.deny.size() == 3);
  const std::string label(63, 'a');
  CHECK(taken("upstream", "deny", "['" + label + ".example']").upstream.deny.size() == 1);
  refused("upstream", "deny", "['a" + label + ".example']", "63 bytes");
  refused("upstream", "deny", "['" + label + "." + label + "." + label + "." + label + "']", "253 bytes");
  for (const char* wrong : {"['']", "['.']", "['a..b']", "['*.example']", "['a/b']", "['a@b']", "['a b']", "['a:1']",
                            "['b\xC3\xBC.example']", "['[::x]']", "['..a']"}) {
    refused("upstream", "allow", wrong);
  }
}

TEST_CASE("U-03 targets of a domain are host:port, [v6]:port or unix:/path") {
  for (const char* right : {"127.0.0.1:5222", "xmpp.example.org:5223", "[::1]:5222", "unix:/run/xmpp.sock", ""}) {
    CHECK(taken("upstream.domain", "target", std::string("'") + right + "'").upstream.domain[0].target == right);
  }
  for (const char* wrong :
       {"'xmpp.example.org'", "'host:0'", "'host:65536'", "':5222'", "'::1:5222'", "'a b:5222'", "'unix:x'", "5222"}) {
    refused("upstream.domain", "target", wrong);
  }
}

TEST_CASE("O-37 a domain's keys") {
  CHECK(taken("upstream.domain", "name", "'Example.ORG.'").upstream.domain[0].name == "example.org");
  CHECK(taken("upstream.domain", "tls", "'direct'").upstream.domain[0].tls == TlsMode::Direct);
  CHECK(taken("upstream.domain", "tls_name", "'XMPP.example'").upstream.domain[0].tls_name == "xmpp.example");
  refused("upstream.domain", "tls", "'on'", "\"required\", \"offered\", \"off\", \"direct\"");
  refused("upstream.domain", "tls_name", "'a b'");
  refused("upstream.domain", "name", "''");
  const Loaded nameless = load("\n[[upstream.domain]]\ntarget = '127.0.0.1:5222'\n");
  REQUIRE(nameless.errors.size() == 1);
  CHECK(starts_with(nameless.errors[0], "f.toml:2: upstream.domain.name: is missing"));
  const Loaded twice = load("[[upstream.domain]]\nname = 'a.example'\n\n[[upstream.domain]]\nname = 'A.example.'\n");
  REQUIRE(twice.errors.size() == 1);
  CHECK(starts_with(twice.errors[0], "f.toml:5: upstream.domain.name: \"a.example\" has a section already"));
}

TEST_CASE("U-39 [upstream] tls has no direct") {
  CHECK(taken("upstream", "tls", "'offered'").upstream.tls == TlsMode::Offered);
  CHECK(taken("upstream", "tls", "'OFF'").upstream.tls == TlsMode::Off);
  refused("upstream", "tls", "'direct'", "\"required\", \"offered\", \"off\"");
}

TEST_CASE("U-53 certificates that are not checked are said aloud, and domains inherit it") {
  const Loaded loaded = load(
      "[upstream]\ntls_verify = false\n[[upstream.domain]]\nname = 'a.example'\n[[upstream.domain]]\nname = "
      "'b.example'\ntls_verify = true\n");
  CHECK(joined(loaded.errors) == "");
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(starts_with(loaded.warnings[0], "f.toml:2: upstream.tls_verify: "));
  CHECK_FALSE(loaded.config.upstream.domain[0].tls_verify);
  CHECK(loaded.config.upstream.domain[1].tls_verify);
  const Loaded one = load("[[upstream.domain]]\nname = 'a.example'\ntls_verify = false\n");
  REQUIRE(one.warnings.size() == 1);
  CHECK(starts_with(one.warnings[0], "f.toml:3: upstream.domain.tls_verify: "));
}

TEST_CASE("U-48 tls_ca is a readable PEM file") {
  const TemporaryFile good_file("-----BEGIN CERTIFICATE-----\n");
  const TemporaryFile text_file("hello\n");
  CHECK(taken("upstream", "tls_ca", "'" + good_file.path + "'").upstream.tls_ca == good_file.path);
  CHECK(taken("upstream.domain", "tls_ca", "'" + good_file.path + "'").upstream.domain[0].tls_ca == good_file.path);
  refused("upstream", "tls_ca", "'" + text_file.path + "'", "PEM");
  refused("upstream", "tls_ca", "'/nonexistent/ca.pem'", "No such file");
  refused("upstream.domain", "tls_ca", "'/'", "is not a file");
}

TEST_CASE("resolvers are addresses, with DNS's port if none is given") {
  CHECK(taken("upstream", "resolvers", "['127.0.0.1:5353', '::1', '[::1]:54']").upstream.resolvers ==
        Strings{"127.0.0.1:5353", "[::1]:53", "[::1]:54"});
  for (const char* wrong : {"['dns.example']", "['unix:/x']", "['']",
                            "['1.1.1.1','1.1.1.2','1.1.1.3','1.1.1.4','1.1.1.5','1.1.1.6','1.1.1.7']"}) {
    refused("upstream", "resolvers", wrong);
  }
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

TEST_CASE("C-24 the kind of upstream; \"external\" and the socket of its program belong together") {
  CHECK(taken("upstream", "kind", "'echo'").upstream.kind == UpstreamKind::Echo);
  refused("upstream", "kind", "'none'", "\"xmpp\", \"echo\", \"external\"");
  const Loaded good = load("[upstream]\nkind = 'external'\n[external]\nsocket = '/run/bot.sock'\n");
  CHECK(joined(good.errors) + joined(good.warnings) == "");
  CHECK(good.config.upstream.kind == UpstreamKind::External);
  CHECK(good.config.external.socket == "/run/bot.sock");
  const Loaded alone = load("[upstream]\nkind = 'external'\n");
  CHECK(joined(alone.errors) ==
        "f.toml:2: upstream.kind: has no program; allowed: \"external\" with socket in [external]\n");
  const Loaded unused = load("[external]\nsocket = '/run/bot.sock'\n");
  CHECK(joined(unused.errors) == "");
  CHECK(contains(joined(unused.warnings), "f.toml:2: external.socket: is never connected to"));
  refused("external", "socket", "'bot.sock'", "does not start with /");
  const Loaded crossed = load("[external]\nreconnect_min = '20s'\n");
  CHECK(contains(joined(crossed.errors), "f.toml:2: external.reconnect_min: reconnect_min is above reconnect_max"));
}

TEST_CASE("the admin socket's path is absolute and fits") {
  CHECK(taken("server", "admin_socket", "'/x/admin.sock'").server.admin_socket == "/x/admin.sock");
  refused("server", "admin_socket", "'admin.sock'");
  refused("server", "admin_socket", "'/" + std::string(107, 'x') + "'");
}

TEST_CASE("H-41 the monitor page is for local, public or off") {
  CHECK(taken("monitor", "access", "'LOCAL'").monitor.access == MonitorAccess::Local);
  CHECK(taken("monitor", "access", "'public'").monitor.access == MonitorAccess::Public);
  CHECK(taken("monitor", "access", "'off'").monitor.access == MonitorAccess::Off);
  refused("monitor", "access", "'private'", "\"local\", \"public\", \"off\"");
}

TEST_CASE("C-17 H-42 the password of sysinfo is a text, or the text of a file without the line's end") {
  CHECK(taken("monitor", "system_info_password", "' a b '").monitor.system_info_password == " a b ");
  refused("monitor", "system_info_password", "7");
  struct Sample {
    std::string_view file, password;
  };
  for (const Sample& row :
       {Sample{"s3cret\n", "s3cret"}, Sample{"s3cret", "s3cret"}, Sample{"s3cret\r\n", "s3cret"},
        Sample{" a\nb \n\n", " a\nb \n"}, Sample{std::string_view("a\0b\n", 4), std::string_view("a\0b", 3)}}) {
    const TemporaryFile file(row.file);
    const Config config = taken("monitor", "system_info_password_file", "'" + file.path + "'");
    CHECK(config.monitor.system_info_password == row.password);
    CHECK(config.monitor.system_info_password_file.empty());  // -T and the workers have what is in it
  }
  for (std::string_view wrong : {"", "\n", "\r\n"}) {
    const TemporaryFile file(wrong);
    refused("monitor", "system_info_password_file", "'" + file.path + "'", "is empty");
  }
  refused("monitor", "system_info_password_file", "'/nonexistent/password'", "No such file");
  const TemporaryFile large(std::string(4097, 'x'));
  refused("monitor", "system_info_password_file", "'" + large.path + "'", "is larger than 4096 bytes");
  const TemporaryFile good_file("x\n");
  const Loaded both =
      load("[monitor]\nsystem_info_password = 'y'\nsystem_info_password_file = '" + good_file.path + "'\n");
  REQUIRE(both.errors.size() == 1);
  CHECK(starts_with(both.errors[0], "f.toml:3: monitor.system_info_password_file: is given beside"));
}

TEST_CASE("C-09 http_socket_keepalive is seconds, as the kernel counts them") {
  CHECK(taken("http", "http_socket_keepalive", "60").http.http_socket_keepalive == 60s);
  CHECK(taken("http", "http_socket_keepalive", "'9h'").http.http_socket_keepalive == 9h);
  for (const char* wrong : {"0", "'1500ms'", "32401"}) refused("http", "http_socket_keepalive", wrong);
}

TEST_CASE("H-42 O-27 the listing has every option of the configuration, and no secret") {
  const Loaded loaded = load(
      "[[listen]]\naddress = '127.0.0.1:1'\n[[listen]]\naddress = '127.0.0.1:2'\n[http]\nheaders = { X-A = 'b' }\n"
      "[[upstream.domain]]\nname = 'd.example'\n[monitor]\nsystem_info_password = 'hunter2'\n");
  REQUIRE(joined(loaded.errors) == "");
  std::string text;
  for (const auto& [name, value] : listing(loaded.config)) text += name + " = " + value + "\n";
  CHECK(contains(text, "listen[1].address = \"127.0.0.1:1\"\n"));
  CHECK(contains(text, "listen[2].address = \"127.0.0.1:2\"\n"));
  CHECK(contains(text, "http.headers = { X-A = \"b\" }\n"));
  CHECK(contains(text, "upstream.domain[1].name = \"d.example\"\n"));
  CHECK(contains(text, "monitor.system_info_password = (hidden)\n"));
  CHECK_FALSE(contains(text, "hunter2"));
  const std::string shown = to_toml_without_secrets(loaded.config);  // O-02
  CHECK(contains(shown, "\nsystem_info_password = \"(hidden)\"\n"));
  CHECK(contains(shown, "\nname = \"d.example\"\n"));
  CHECK_FALSE(contains(shown, "hunter2"));
  CHECK(to_toml_without_secrets(load("").config) == to_toml(load("").config));
  for (const Row& row : all_rows()) {
    if (row.later || row.rule.shape == Rule::Shape::Section || row.initial.empty()) continue;
    const std::string key = row.full_name().substr(row.full_name().rfind('.')) + " = ";
    INFO(row.full_name());
    CHECK(contains(text, key));
  }
}

TEST_CASE("options whose feature comes later take their default only") {
  struct Later {
    const char *section, *key, *initial, *other;
  };
  for (const Later& row :
       {Later{"listen", "tls", "{}", "{ cert = 'c.pem' }"}, Later{"server", "user", "''", "'nxb'"},
        Later{"server", "group", "''", "'nxb'"}, Later{"metrics", "listen", "''", "'127.0.0.1:9100'"},
        Later{"log", "file", "''", "'/var/log/nxb'"}}) {
    taken(row.section, row.key, row.initial);
    refused(row.section, row.key, row.other, "is not supported yet; allowed: its default");
  }
  CHECK(load("[external]\n").errors.empty());
}

TEST_CASE("O-36 an unknown key or section is told with the nearest known name") {
  const auto first = [](std::string_view text) { return joined(load(text).errors); };
  CHECK(first("[http]\nhedaers = {}\n") == "f.toml:2: http.hedaers: is unknown; did you mean headers?\n");
  CHECK(first("[bosch]\nmax_wait = 1\n") == "f.toml:1: bosch: is unknown; did you mean [bosh]?\n");
  CHECK(first("[[listen]]\nadress = '1.2.3.4:5'\n") == "f.toml:2: listen.adress: is unknown; did you mean address?\n");
  CHECK(first("[upstream]\n[[upstream.domains]]\nname = 'a'\n") ==
        "f.toml:2: upstream.domains: is unknown; did you mean [[upstream.domain]]?\n");
  CHECK(first("max_wait = 3\n") == "f.toml:1: max_wait: is unknown; did you mean max_wait in [bosh]?\n");
  CHECK(first("[http]\nmax_wait = 3\n") == "f.toml:2: http.max_wait: is unknown; did you mean max_wait in [bosh]?\n");
  const std::string odd = first("[http]\n\"a\\nb\" = 1\n");
  CHECK(starts_with(odd, "f.toml:2: http.a?b: is unknown"));
  CHECK(first("[http]\n" + std::string(5000, 'x') + " = 1\n").size() < 300);
}

TEST_CASE("C-21 old names are refused with a hint to the new one") {
  const auto first = [](std::string_view text) { return joined(load(text).errors); };
  CHECK(first("[bosh]\nmax_data_held_bytes = 1\n") ==
        "f.toml:2: bosh.max_data_held_bytes: is an old name; allowed: max_data_held in [bosh]\n");
  CHECK(first("[bosh]\nmax_inactivity_sec = 1\n") ==
        "f.toml:2: bosh.max_inactivity_sec: is an old name; allowed: max_inactivity in [bosh]\n");
  CHECK(contains(first("[upstream]\nmax_xmpp_buffer_size = 1\n"), "max_xmpp_stanza_size in [upstream]"));
  CHECK(contains(first("port = 5280\n"), "address = \"0.0.0.0:PORT\" in [[listen]]"));
  CHECK(contains(first("no_tls_domains = []\n"), "tls = \"off\""));
  CHECK(contains(first("[upstream]\nfirewall = {}\n"), "allow and deny in [upstream]"));
}

TEST_CASE("C-07 window_size is ignored with a warning") {
  const Loaded loaded = load("[bosh]\nwindow_size = 2\n");
  CHECK(joined(loaded.errors) == "");
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(starts_with(loaded.warnings[0], "f.toml:2: bosh.window_size: is ignored"));
}

}  // namespace nxb::config
