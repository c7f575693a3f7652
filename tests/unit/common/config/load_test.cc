// tests/unit/common/config/load_test.cc - whole files: the empty one, the reference, the example, and broken ones.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/config/host.h"
#include "common/config/options.h"
#include "tests/unit/common/config/support.h"

namespace nxb::config {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The example of the requirements (O-37a): outside programs write files of this form.
constexpr std::string_view kExample = R"([server]
workers = 2                          # or "auto"
admin_socket = "/run/nxb/admin.sock"

[[listen]]
address = "127.0.0.1:5280"           # also "[::1]:5280", "unix:/run/nxb/http.sock"
trusted_proxies = ["127.0.0.1", "::1"]

[http]
path = "/http-bind"                  # a string or a list; trailing slashes optional
headers = { "X-Node" = "a" }
allowed_origins = ["*"]
enable_get = true

[bosh]
max_wait = 55
max_bosh_connections = 2
default_inactivity = 70
max_inactivity = 160
max_pause = 120
max_streams_per_session = 8
max_data_held = 100000
pidgin_compatible = false

[websocket]
path = "/xmpp-websocket"
ping_interval = 30
legacy_framing = true

[upstream]
kind = "xmpp"                        # "xmpp" | "echo" | "external"
allow = []                           # domains; "example.org" exact, ".example.org" with subdomains
deny = []
route = "off"                        # "off" | "filtered" | "any"
route_filter = []                    # when "filtered": host, host:port or address/prefix entries that are allowed
allow_private_targets = false
tls = "required"                     # "required" | "offered" | "off"
tls_verify = true
tls_ca = ""                          # "" = the system's trust store
proxy_protocol = "off"
max_xmpp_stanza_size = 500000

[[upstream.domain]]                  # every key but name is optional
name = "example.org"
target = "127.0.0.1:5222"            # fixed target instead of DNS: host:port, "[v6]:port", "unix:/path"
tls = "off"                          # also "direct"
tls_name = "example.org"
tls_ca = ""

[monitor]
access = "local"                     # "local" | "public" | "off"
system_info_password = ""

[log]
level = "INFO"
format = "text"                      # "text" | "json"
)";

struct Environment {  // one variable, put back at the end
  explicit Environment(const char* variable) : name(variable) {
    if (const char* value = std::getenv(variable)) before = value;
  }
  ~Environment() { before ? ::setenv(name, before->c_str(), 1) : ::unsetenv(name); }
  const char* name;
  std::optional<std::string> before;
};

}  // namespace

TEST_CASE("O-36 the minimal file is empty, and has the defaults of node-xmpp-bosh (C-02, C-04, C-05, C-06, C-08)") {
  const Loaded loaded = load("");
  CHECK(joined(loaded.errors) == "");
  CHECK(joined(loaded.warnings) == "");
  const Config& config = loaded.config;
  REQUIRE(config.listen.size() == 1);
  CHECK(config.listen[0].address == "0.0.0.0:5280");
  CHECK(config.http.path == std::vector<std::string>{"/http-bind"});
  CHECK(config.bosh.max_data_held == 100'000);
  CHECK(config.upstream.max_xmpp_stanza_size == 500'000);
  CHECK(config.bosh.max_bosh_connections == 2);
  CHECK(config.bosh.default_inactivity == 70s);
  CHECK(config.bosh.max_inactivity == 160s);
  CHECK(config.bosh.max_wait == 55s);
  CHECK(config.upstream.tls == TlsMode::Required);
  CHECK_FALSE(config.upstream.allow_private_targets);
}

TEST_CASE("O-36 conf/nxb.toml has every key with its built-in default") {
  const Loaded loaded = load_file(source_file("conf/nxb.toml"));
  CHECK(joined(loaded.errors) == "");
  CHECK(joined(loaded.warnings) == "");
  CHECK(loaded.config == good(""));
  const std::string text = text_of(source_file("conf/nxb.toml"));
  for (const Row& row : all_rows()) {
    INFO(row.full_name());
    CHECK(
        contains(text, row.rule.shape == Rule::Shape::Section ? row.full_name() + "]" : std::string(row.key) + " = "));
    CHECK_FALSE(row.help.empty());
  }
}

TEST_CASE("conf/nxb.toml is what the table prints: after a change in options.def it is to be printed anew") {
  CHECK(text_of(source_file("conf/nxb.toml")) == reference());
}

TEST_CASE("O-36 the defaults of options.def are those of config.h, and pass their own checks") {
  for (const Row& row : all_rows()) {
    if (row.initial.empty() || row.rule.shape == Rule::Shape::Section) continue;
    if (row.section == "upstream.domain") continue;  // printed as an example; covered by the next test
    INFO(row.full_name());
    std::string text = row.section == "listen" ? "[[listen]]\n" : "[" + row.section + "]\n";
    if (row.section == "listen.tls") text = "[[listen]]\n[listen.tls]\n";
    const Loaded loaded = load(text + std::string(row.key) + " = " + std::string(row.initial) + "\n");
    CHECK(joined(loaded.errors) == "");
    CHECK(loaded.config == good(""));
  }
}

TEST_CASE("O-37 a domain with only its name has the defaults of the table") {
  std::string text = "[[upstream.domain]]\nname = 'example.org'\n";
  const Config plain = good(text);
  for (const Row& row : all_rows()) {
    if (row.section == "upstream.domain" && !row.initial.empty()) {
      text += std::string(row.key) + " = " + std::string(row.initial) + "\n";
    }
  }
  CHECK(joined(load(text).errors) == "");
  CHECK(good(text) == plain);
  REQUIRE(plain.upstream.domain.size() == 1);
  CHECK_FALSE(plain.upstream.domain[0].tls.has_value());
}

TEST_CASE("O-37a the example of the requirements loads as it stands") {
  const Loaded loaded = load(kExample);
  CHECK(joined(loaded.errors) == "");
  CHECK(joined(loaded.warnings) == "");
  const Config& config = loaded.config;
  CHECK(config.server.workers == 2);
  CHECK(config.server.admin_socket == "/run/nxb/admin.sock");
  REQUIRE(config.listen.size() == 1);
  CHECK(config.listen[0].address == "127.0.0.1:5280");
  CHECK(config.listen[0].trusted_proxies == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK(config.http.headers == std::map<std::string, std::string>{{"X-Node", "a"}});
  REQUIRE(config.upstream.domain.size() == 1);
  CHECK(config.upstream.domain[0].name == "example.org");
  CHECK(config.upstream.domain[0].target == "127.0.0.1:5222");
  CHECK(config.upstream.domain[0].tls == TlsMode::Off);
  CHECK(config.upstream.domain[0].tls_name == "example.org");
}

TEST_CASE("O-02 a file that cannot be read is one error with its name") {
  const Loaded loaded = load_file("/nonexistent/nxb.toml");
  REQUIRE(loaded.errors.size() == 1);
  CHECK(loaded.errors[0] == "/nonexistent/nxb.toml: cannot be read: No such file or directory");
  REQUIRE(load_file("/").errors.size() == 1);
}

TEST_CASE("O-02 a TOML mistake is told with file and line") {
  const Loaded loaded = load("[server]\nworkers = 2\n[http\npath = 'x'\n");
  REQUIRE(loaded.errors.size() == 1);
  CHECK(starts_with(loaded.errors[0], "f.toml:3: "));
  CHECK(starts_with(joined(load("[log]\nlevel = 'INFO'\nlevel = 'WARN'\n").errors), "f.toml:3: "));
}

TEST_CASE("O-02 all mistakes are told, in the order of the lines") {
  const Loaded loaded = load(
      "[log]\nlevel = 'LOUD'\n\n[server]\nworkers = 0\nmax_sessions = 0\n\n[[listen]]\naddress = "
      "'x'\n[[listen]]\naddress = 'y'\n");
  REQUIRE(loaded.errors.size() == 5);
  CHECK(starts_with(loaded.errors[0], "f.toml:2: log.level: is \"LOUD\"; allowed: \"ALL\", "));
  CHECK(starts_with(loaded.errors[1], "f.toml:5: server.workers: is 0; allowed: \"auto\", 1 to 256"));
  CHECK(starts_with(loaded.errors[2], "f.toml:6: server.max_sessions: is 0; allowed: 1 to "));
  CHECK(starts_with(loaded.errors[3], "f.toml:9: listen.address: \"x\" is not an address"));
  CHECK(starts_with(loaded.errors[4], "f.toml:11: listen.address: \"y\" is not an address"));
  const Loaded late = load("[http]\nallow_credentials = true\npath = 'x'\n");  // the first is seen when all is read
  REQUIRE(late.errors.size() == 2);
  CHECK(starts_with(late.errors[0], "f.toml:2: http.allow_credentials: "));
  CHECK(starts_with(late.errors[1], "f.toml:3: http.path: "));
}

TEST_CASE("O-04 auto is one worker per CPU that this process may use") {
  cpu_set_t before;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  const auto cpus = static_cast<std::uint32_t>(CPU_COUNT(&before));
  CHECK(good("[server]\nworkers = 'auto'\n").server.workers == usable_cpus());
  CHECK(usable_cpus() >= 1);
  CHECK(usable_cpus() <= cpus);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(good("").server.workers == 1);
  ::sched_setaffinity(0, sizeof before, &before);
}

TEST_CASE("O-13 the admin socket has a place for root and one for everybody") {
  CHECK(good("").server.admin_socket == default_admin_socket());
  CHECK(good("[server]\nadmin_socket = ''\n").server.admin_socket == default_admin_socket());
  if (::geteuid() == 0) {
    CHECK(default_admin_socket() == "/run/nxb/admin.sock");
  } else if (::access("/run/nxb", W_OK) != 0) {
    const Environment saved("XDG_RUNTIME_DIR");
    ::setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    CHECK(default_admin_socket() == "/run/user/1/nxb.sock");
    ::unsetenv("XDG_RUNTIME_DIR");
    CHECK(default_admin_socket() == "/tmp/nxb-" + std::to_string(::geteuid()) + "/admin.sock");
  }
}

}  // namespace nxb::config
