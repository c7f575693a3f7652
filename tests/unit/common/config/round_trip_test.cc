// tests/unit/common/config/round_trip_test.cc - JSON and TOML give back the configuration they were made from.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <random>

#include "common/config/node.h"
#include "common/config/options.h"
#include "tests/unit/common/config/support.h"

namespace nxb::config {
namespace {

constexpr std::string_view kNothingDefault = R"(
[server]
workers = 7
admin_socket = "/srv/q\"uote\\d/\u00e4.sock"
max_connections = 11
max_sessions = 12
max_connections_per_address = 13
max_sessions_per_address = 14
session_rate = 15
session_burst = 16
user = "nobody"
group = "nogroup"
admin_group = "nogroup"
watchdog = "11s"
shutdown_timeout = "31s"
drain_timeout = "2h"
core_dumps = true
[[listen]]
address = "127.0.0.1:1"
trusted_proxies = ["10.0.0.0/8", "unix"]
accept_proxy = true
[[listen]]
address = "unix:/x y"
[http]
path = ["/a", "/b"]
headers = { "X-Node" = "a \"b\" \\", X-Two = "" }
allowed_origins = ["https://a.example", "null"]
allow_credentials = true
cors_headers = ["X-C"]
allow_private_network = true
enable_get = false
crossdomain = true
head_timeout = "1234ms"
body_timeout = "2s"
idle_timeout = "3m"
write_timeout = "4s"
http_socket_keepalive = "5s"
[bosh]
max_wait = 5
max_bosh_connections = 3
default_inactivity = 6
max_inactivity = 7
inactivity_grace = "8ms"
features_hold = 0
gap_timeout = "9s"
abort_grace = "21s"
max_pause = "99s"
polling = "6s"
max_streams_per_session = 3
pidgin_compatible = true
max_data_held = 1001
request_rate = 17
request_burst = 18
see_other_uri = 'https://other.example/bind'
max_pending = "2MiB"
[websocket]
path = ["/ws", "/socket"]
ping_interval = "7s"
legacy_framing = false
max_message = 10002
max_buffer = "3MiB"
message_timeout = "1100ms"
message_rate = 501
message_burst = 1001
see_other_uri = "wss://other.example/ws"
compression = true
[upstream]
kind = "echo"
allow = ["a.example"]
deny = [".b.example"]
gone = ["old.example"]
default_domain = "a.example"
route = "any"
route_filter = ["10.0.0.0/8"]
allow_private_targets = true
tls = "offered"
tls_verify = false
tls_ca = "@CA@"
proxy_protocol = "v1"
max_xmpp_stanza_size = 10001
connect_timeout = "101ms"
setup_timeout = "102ms"
write_timeout = "103ms"
resolvers = ["127.0.0.1:5353"]
[[upstream.domain]]
name = "d.example"
target = "[::1]:1"
tls = "direct"
tls_name = "e.example"
tls_ca = "@CA@"
tls_verify = true
[[upstream.domain]]
name = "f.example"
proxy_protocol = "v2"
route = "filtered"
[external]
socket = "/run/program.sock"
reconnect_min = "103ms"
reconnect_max = "9s"
timeout = "104ms"
max_message = 65537
max_pending = 1048577
[discovery]
bosh_url = "https://c.example/http-bind"
websocket_url = "wss://c.example/xmpp-websocket"
[monitor]
access = "public"
system_info_password = "p\"<&"
[metrics]
listen = "127.0.0.1:9100"
[sticky]
node = "b2"
cookie = "nxb_node"
header = "X-Own"
[log]
level = "trace"
format = "json"
file = "/tmp/nxb-round-trip.log"
ip = "none"
trim_default_length = 257
)";

Config nothing_default() {
  std::string text(kNothingDefault);
  // Some PEM file that every checkout has: this one, which says -----BEGIN CERTIFICATE----- here.
  const std::string ca = source_file("tests/unit/common/config/round_trip_test.cc");
  for (std::size_t at; (at = text.find("@CA@")) != std::string::npos;) text.replace(at, 4, ca);
  const Loaded loaded = load(text);
  REQUIRE(joined(loaded.errors) == "");
  return loaded.config;
}

template <class T>
T pick(std::mt19937_64& random, T low, T high) {
  return std::uniform_int_distribution<T>(low, high)(random);
}
std::string any_text(std::mt19937_64& random) {
  static const std::vector<std::string> pieces{"a", "\"", "\\", "\n", "\t", "\x7f", "\xC3\xA4",
                                               "'", "#",  " ",  "=",  "]",  "\x01", "\xE2\x80\xA8"};
  std::string text;
  for (int left = pick(random, 0, 6); left > 0; --left) text += pieces[pick<std::size_t>(random, 0, pieces.size() - 1)];
  return text;
}
std::vector<std::string> any_texts(std::mt19937_64& random) {
  std::vector<std::string> texts(pick<std::size_t>(random, 0, 3));
  for (std::string& text : texts) text = any_text(random);
  return texts;
}
Duration any_time(std::mt19937_64& random) { return Duration{pick<Duration::rep>(random, 0, 1'000'000'000'000)}; }

// Values that no rule looks at: what JSON must carry is whatever the structs can hold.
Config any_config(std::mt19937_64& random) {
  Config c;
  c.server.admin_socket = any_text(random);
  c.server.user = any_text(random);
  c.server.group = any_text(random);
  c.server.admin_group = any_text(random);
  for (Duration* time : {&c.server.watchdog, &c.server.shutdown_timeout, &c.server.drain_timeout}) {
    *time = any_time(random);
  }
  for (std::uint32_t* count :
       {&c.server.workers, &c.server.max_connections, &c.server.max_sessions, &c.server.max_connections_per_address,
        &c.server.max_sessions_per_address, &c.server.session_rate, &c.server.session_burst, &c.bosh.request_rate,
        &c.bosh.request_burst}) {
    *count = pick<std::uint32_t>(random, 0, ~0U);
  }
  c.bosh.see_other_uri = any_text(random);
  for (int left = pick(random, 0, 2); left > 0; --left)
    c.listen.push_back({any_text(random), any_texts(random), pick(random, 0, 1) != 0});
  c.http.path = any_texts(random);
  c.websocket = {any_texts(random),
                 any_time(random),
                 pick(random, 0, 1) != 0,
                 pick<std::uint64_t>(random, 0, INT64_MAX),
                 pick<std::uint64_t>(random, 0, INT64_MAX),
                 any_time(random),
                 pick<std::uint32_t>(random, 0, UINT32_MAX),
                 pick<std::uint32_t>(random, 0, UINT32_MAX),
                 any_text(random)};
  c.discovery = {any_text(random), any_text(random)};
  for (int left = pick(random, 0, 3); left > 0; --left) c.http.headers[any_text(random)] = any_text(random);
  c.http.allowed_origins = any_texts(random);
  c.http.allow_credentials = pick(random, 0, 1) != 0;
  c.http.cors_headers = any_texts(random);
  for (bool* flag : {&c.http.allow_private_network, &c.http.enable_get, &c.http.crossdomain}) {
    *flag = pick(random, 0, 1) != 0;
  }
  for (Duration* time :
       {&c.http.head_timeout, &c.http.body_timeout, &c.http.idle_timeout, &c.http.write_timeout,
        &c.http.http_socket_keepalive, &c.bosh.max_wait, &c.bosh.default_inactivity, &c.bosh.max_inactivity,
        &c.bosh.inactivity_grace, &c.bosh.features_hold, &c.bosh.gap_timeout, &c.bosh.abort_grace,
        &c.upstream.connect_timeout, &c.upstream.setup_timeout, &c.upstream.write_timeout}) {
    *time = any_time(random);
  }
  c.bosh.max_bosh_connections = pick<std::uint32_t>(random, 0, ~0U);
  for (std::uint64_t* size : {&c.bosh.max_data_held, &c.bosh.max_pending, &c.upstream.max_xmpp_stanza_size}) {
    *size = pick<std::uint64_t>(random, 0, INT64_MAX);
  }
  c.upstream.kind = static_cast<UpstreamKind>(pick(random, 0, 2));
  c.upstream.allow = any_texts(random);
  c.upstream.deny = any_texts(random);
  c.upstream.gone = any_texts(random);
  c.upstream.default_domain = any_text(random);
  c.upstream.route = static_cast<RouteMode>(pick(random, 0, 2));
  c.upstream.route_filter = any_texts(random);
  c.upstream.proxy_protocol = static_cast<ProxyProtocol>(pick(random, 0, 2));
  c.upstream.allow_private_targets = pick(random, 0, 1) != 0;
  c.upstream.tls = static_cast<TlsMode>(pick(random, 0, 2));
  c.upstream.tls_verify = pick(random, 0, 1) != 0;
  c.upstream.tls_ca = any_text(random);
  c.upstream.resolvers = any_texts(random);
  for (int left = pick(random, 0, 2); left > 0; --left) {
    Domain domain{any_text(random), any_text(random),        {}, any_text(random),
                  any_text(random), pick(random, 0, 1) != 0, {}};
    if (pick(random, 0, 1) != 0) domain.tls = static_cast<TlsMode>(pick(random, 0, 3));
    if (pick(random, 0, 1) != 0) domain.route = static_cast<RouteMode>(pick(random, 0, 2));
    if (pick(random, 0, 1) != 0) domain.proxy_protocol = static_cast<ProxyProtocol>(pick(random, 0, 2));
    c.upstream.domain.push_back(std::move(domain));
  }
  c.monitor = {static_cast<MonitorAccess>(pick(random, 0, 2)), any_text(random), any_text(random)};
  c.log.level = "WARN";
  c.log.format = "json";
  c.log.file = any_text(random);
  c.log.ip = "truncated";
  c.log.trim_default_length = pick<std::uint32_t>(random, 0, ~0U);
  return c;
}

}  // namespace

TEST_CASE("the file with nothing default really has no default in it, so that a forgotten member shows") {
  const Node::Table changed = write_config(nothing_default());
  const Node::Table initial = write_config(good(""));
  for (const Entry& section : initial) {
    const auto* keys = section.value.get<Node::Table>();
    if (!keys) continue;
    for (const Entry& key : *keys) {
      INFO(section.key, ".", key.key);
      if (key.key == "system_info_password_file") continue;  // "" again, once it was read
      const Entry* other = find_entry(*find_entry(changed, section.key)->value.get<Node::Table>(), key.key);
      REQUIRE(other);
      CHECK(print_toml_value(other->value) != print_toml_value(key.value));
    }
  }
}

TEST_CASE("JSON gives back every member of a configuration with nothing default in it") {
  const Config config = nothing_default();
  const std::string json = to_json(config);
  CHECK(json.find('\n') == std::string::npos);  // one message of the control channel is one line
  auto back = from_json(json);
  REQUIRE(back);
  CHECK(*back == config);
  CHECK(*from_json(to_json(good(""))) == good(""));
  CHECK(*from_json(to_json(Config{})) == Config{});
}

TEST_CASE("JSON gives back any configuration exactly") {
  std::mt19937_64 random(20240607);
  for (int round = 0; round < 300; ++round) {
    const Config config = any_config(random);
    auto back = from_json(to_json(config));
    INFO(to_json(config));
    REQUIRE(back);
    REQUIRE(*back == config);
  }
}

TEST_CASE("a JSON of another form is an error and not a crash") {
  CHECK_FALSE(from_json(""));
  CHECK_FALSE(from_json("[]"));
  CHECK_FALSE(from_json("{\"server\": 3}"));
  CHECK_FALSE(from_json("{\"server\": {\"workers\": -1}}"));
  CHECK_FALSE(from_json("{\"server\": {\"workers\": 4294967296}}"));
  CHECK_FALSE(from_json("{\"server\": {\"wrokers\": 1}}"));
  CHECK_FALSE(from_json("{\"upstream\": {\"tls\": \"maybe\"}}"));
  CHECK_FALSE(from_json("{\"bosh\": {\"max_wait\": null}}"));
  CHECK_FALSE(from_json(std::string(100'000, '[')));
  const std::string whole = to_json(nothing_default());
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE_FALSE(from_json(std::string_view(whole).substr(0, size)));
}

TEST_CASE("O-02 -T prints a file that loads back to an equal configuration") {
  for (const Config& config : {nothing_default(), good("")}) {
    const std::string text = to_toml(config);
    const Loaded loaded = load(text);
    INFO(text);
    CHECK(joined(loaded.errors) == "");
    CHECK(loaded.config == config);
  }
}

TEST_CASE("-T prints any text so that TOML reads it back") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    const Config config = any_config(random);
    std::vector<SyntaxError> errors;
    const Node::Table back = read_toml(to_toml(config), errors);
    INFO(to_toml(config));
    REQUIRE(errors.empty());
    if (config.listen.empty()) continue;  // an empty list of sections is not printed
    const Node::Table& server = *find_entry(back, "server")->value.get<Node::Table>();
    CHECK(*find_entry(server, "admin_socket")->value.get<std::string>() == config.server.admin_socket);
    CHECK(find_entry(back, "listen")->value.get<Node::Array>()->size() == config.listen.size());
  }
}

}  // namespace nxb::config
