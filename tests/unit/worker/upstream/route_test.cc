// tests/unit/worker/upstream/route_test.cc - the `route` attribute: its form, who may use it, and what it cannot change.
// SPDX-License-Identifier: MIT
#include "worker/upstream/route.h"

#include <doctest/doctest.h>

#include "worker/upstream/policy.h"

namespace nxb::upstream {
namespace {

using bosh::Condition;
using config::RouteMode;
using config::TlsMode;

Address at(const char* ip) { return *Address::from_ip(ip, 5222); }

config::Config::Upstream with(RouteMode mode, std::vector<std::string> filter = {}) {
  config::Config::Upstream upstream;
  upstream.route = mode;
  upstream.route_filter = std::move(filter);
  return upstream;
}

// Where this route leads a client of example.org; or the condition it is refused with.
std::string led(const config::Config::Upstream& upstream, std::string_view route, std::string_view to = "example.org") {
  Choice choice = Policy(upstream).choose(to, route);
  if (choice.refusal.condition != Condition::None) return std::string(bosh::wire_name(choice.refusal.condition));
  return choice.target.text();
}

}  // namespace

TEST_CASE("B-26 C-63 a route is proto:host:port, split from the right, IPv6 in brackets") {
  struct Row {
    const char *text, *proto, *host;
    int port;
  };
  const Row rows[] = {
      {"xmpp:example.net:5222", "xmpp", "example.net", 5222},
      {"xmpp:EXAMPLE.Net.:1", "xmpp", "example.net", 1},
      {"xmpp:192.0.2.7:65535", "xmpp", "192.0.2.7", 65535},
      {"xmpp:[2001:DB8::7]:5222", "xmpp", "2001:db8::7", 5222},
      {"xmpp:[::ffff:127.0.0.1]:5222", "xmpp", "127.0.0.1", 5222},
      {"xmpp:b\xc3\xbc"
       "cher.example:5222",
       "xmpp", "xn--bcher-kva.example", 5222},
      {"other:example.net:80", "other", "example.net", 80},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    auto route = parse_route(row.text);
    REQUIRE(static_cast<bool>(route));
    CHECK(route->proto == row.proto);
    CHECK(route->host == row.host);
    CHECK(route->port == row.port);
  }
}

TEST_CASE("B-26 what is no route is a syntax error, a URI included") {
  const std::string bad[] = {"x",
                             ":",
                             "xmpp",
                             "xmpp:",
                             "xmpp:example.net",
                             "xmpp:example.net:",
                             "xmpp::5222",
                             ":example.net:5222",
                             "example.net:5222",
                             "xmpp://example.net:5222",
                             "xmpp:example.net:5222/x",
                             "xmpp:example.net:0",
                             "xmpp:example.net:65536",
                             "xmpp:example.net:+1",
                             "xmpp:example.net:-1",
                             "xmpp:example.net: 1",
                             "xmpp:example.net:5222 ",
                             "xmpp:2001:db8::7:5222",
                             "xmpp:[2001:db8::7:5222",
                             "xmpp:[2001:db8::7]5222",
                             "xmpp:[2001:db8::7]",
                             "xmpp:[example.net]:5222",
                             "xmpp:[192.0.2.7]:5222",
                             "xmpp:a b:5222",
                             "xmpp:a..b:5222",
                             "xmpp:user@example.net:5222",
                             "xm pp:example.net:5222",
                             "xmpp:\xff:5222",
                             std::string("xmpp:a\0b:5222", 13),
                             "xmpp:" + std::string(2000, 'a') + ":5222"};
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK_FALSE(static_cast<bool>(parse_route(text)));
    CHECK(led(with(RouteMode::Any), text) == "bad-request");
    CHECK(led(with(RouteMode::Filtered), text) == "bad-request");
    CHECK(led(with(RouteMode::Off), text) == "example.org:5222");  // not even looked at
  }
}

TEST_CASE(
    "B-26 D-43 a route is ignored unless it is enabled; C-62 U-04 then it is where to connect, and nowhere else") {
  CHECK(led(config::Config::Upstream(), "xmpp:evil.example:25") == "example.org:5222");
  CHECK(led(with(RouteMode::Off, {"server.example"}), "xmpp:server.example:1") == "example.org:5222");
  CHECK(led(with(RouteMode::Any), "xmpp:server.example:6222") == "server.example:6222");
  CHECK(led(with(RouteMode::Any), "xmpp:[2001:db8::7]:6222") == "[2001:db8::7]:6222");
  CHECK(led(with(RouteMode::Any), "") == "example.org:5222");
  CHECK(led(with(RouteMode::Any), "ftp:server.example:21") == "host-unknown");
  CHECK(led(with(RouteMode::Any), "XMPP:server.example:5222") == "host-unknown");
  auto upstream = with(RouteMode::Any);
  upstream.deny = {"example.org"};
  CHECK(led(upstream, "xmpp:server.example:5222") == "host-unknown");  // the domain is judged all the same
}

TEST_CASE("U-03 U-04 a domain's own target comes before a route, its own `route` before that of [upstream]") {
  auto upstream = with(RouteMode::Any);
  upstream.domain = {{"fixed.example", "127.0.0.1:5222", std::nullopt, "", "", true},
                     {"closed.example", "", std::nullopt, "", "", true, RouteMode::Off}};
  CHECK(led(upstream, "xmpp:server.example:1", "fixed.example") == "127.0.0.1:5222");
  CHECK(led(upstream, "nonsense", "fixed.example") == "127.0.0.1:5222");
  CHECK(led(upstream, "xmpp:server.example:1", "closed.example") == "closed.example:5222");
  CHECK(led(upstream, "xmpp:server.example:1", "other.example") == "server.example:1");
  auto shut = with(RouteMode::Off, {"server.example"});
  shut.domain = {{"open.example", "", std::nullopt, "", "", true, RouteMode::Any},
                 {"half.example", "", std::nullopt, "", "", true, RouteMode::Filtered}};
  CHECK(led(shut, "xmpp:any.example:1", "open.example") == "any.example:1");
  CHECK(led(shut, "xmpp:any.example:1", "half.example") == "host-unknown");
  CHECK(led(shut, "xmpp:server.example:1", "half.example") == "server.example:1");
  CHECK(led(shut, "xmpp:any.example:1") == "example.org:5222");
}

TEST_CASE("C-14 D-36 D-37 D-38 route_filter: a route is allowed only if the host matches") {
  struct Row {
    std::vector<std::string> filter;
    const char* route;
    bool allowed;
  };
  const Row rows[] = {
      {{}, "xmpp:server.example:5222", false},
      {{"server.example"}, "xmpp:server.example:5222", true},
      {{"server.example"}, "xmpp:SERVER.example.:1", true},
      {{"server.example"}, "xmpp:sub.server.example:5222", false},
      {{"server.example"}, "xmpp:server.example.evil.net:5222", false},
      {{"server.example"}, "xmpp:notserver.example:5222", false},
      {{".server.example"}, "xmpp:server.example:5222", true},
      {{".server.example"}, "xmpp:a.server.example:5222", true},
      {{".server.example"}, "xmpp:notserver.example:5222", false},
      {{"server.example:5222"}, "xmpp:server.example:5222", true},
      {{"server.example:5222"}, "xmpp:server.example:25", false},
      {{"other.example", "server.example"}, "xmpp:server.example:5222", true},
      {{"192.0.2.7:5222"}, "xmpp:192.0.2.7:5222", true},
      {{"192.0.2.7:5222"}, "xmpp:192.0.2.7:5223", false},
      {{"192.0.2.7:5222"}, "xmpp:192.0.2.8:5222", false},
      {{"[2001:db8::7]:5222"}, "xmpp:[2001:0DB8::7]:5222", true},
      {{"unix"}, "xmpp:unix:5222", true},  // a host like any other, no socket
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.route));
    CHECK((led(with(RouteMode::Filtered, row.filter), row.route) != "host-unknown") == row.allowed);
    CHECK(led(with(RouteMode::Any, row.filter), row.route) != "host-unknown");
  }
}

TEST_CASE("C-14 D-39 ranges of route_filter count for the address that is connected to, whatever the host is called") {
  auto upstream = with(RouteMode::Filtered, {"198.51.100.0/24", "2001:db8::/32", "203.0.113.7", "named.example"});
  Policy policy(upstream);
  auto by_address = [&](const char* route, const char* ip) {
    Choice choice = policy.choose("example.org", route);
    REQUIRE((choice.refusal.condition == Condition::None));
    return policy.may_connect(choice.target, at(ip));
  };
  CHECK(by_address("xmpp:198.51.100.9:5222", "198.51.100.9"));
  CHECK_FALSE(by_address("xmpp:198.51.101.9:5222", "198.51.101.9"));
  CHECK(by_address("xmpp:any.example:5222", "198.51.100.9"));
  CHECK(by_address("xmpp:any.example:5222", "::ffff:198.51.100.9"));
  CHECK(by_address("xmpp:any.example:5222", "2001:db8::1"));
  CHECK(by_address("xmpp:any.example:5222", "203.0.113.7"));
  CHECK_FALSE(by_address("xmpp:any.example:5222", "203.0.113.8"));
  CHECK_FALSE(by_address("xmpp:any.example:5222", "2a00::1"));
  CHECK(by_address("xmpp:named.example:5222", "203.0.113.8"));  // allowed by its name
  CHECK(by_address("", "203.0.113.8"));                         // no route: no filter
}

TEST_CASE("B-26 U-16 D-43 no route leads to a private address, listed or not, unless such targets are allowed") {
  for (bool allowed : {false, true}) {
    for (RouteMode mode : {RouteMode::Any, RouteMode::Filtered}) {
      auto upstream = with(mode, {"10.0.0.0/8", "127.0.0.0/8", "inside.example"});
      upstream.allow_private_targets = allowed;
      Policy policy(upstream);
      for (const char* route : {"xmpp:10.0.0.1:22", "xmpp:127.0.0.1:5432", "xmpp:[::ffff:10.0.0.1]:80",
                                "xmpp:inside.example:80", "xmpp:localhost:80"}) {
        CAPTURE(std::string(route));
        Choice choice = policy.choose("example.org", route);
        CHECK_FALSE(choice.target.chosen_by_operator);
        CHECK(policy.may_connect(choice.target, at("10.0.0.1")) == allowed);
      }
    }
  }
}

TEST_CASE("B-26 U-50 a route does not change the name that the certificate must show, nor anything else of TLS") {
  auto upstream = with(RouteMode::Any);
  upstream.tls_ca = "/ca/all.pem";
  upstream.domain = {{"named.example", "", TlsMode::Required, "tls.example", "/ca/own.pem", false}};
  Policy policy(upstream);
  Choice plain = policy.choose("example.org", "xmpp:server.example:5222");
  CHECK(plain.target.tls_identity == "example.org");
  CHECK(plain.target.identity_is_domain);
  CHECK(plain.domain.ascii == "example.org");
  CHECK(plain.target.tls_verify);
  CHECK(plain.target.tls_ca == "/ca/all.pem");
  CHECK((policy.tls_mode(plain.target, at("192.0.2.1")) == TlsMode::Required));
  Target own = policy.choose("named.example", "xmpp:server.example:5222").target;
  CHECK(own.text() == "server.example:5222");
  CHECK(own.tls_identity == "tls.example");
  CHECK(own.tls_ca == "/ca/own.pem");
  CHECK((own.tls == TlsMode::Required));
}

}  // namespace nxb::upstream
