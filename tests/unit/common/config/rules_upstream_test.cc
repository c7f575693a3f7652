// tests/unit/common/config/rules_upstream_test.cc - rules of validation: domains, targets, TLS, kinds of upstream.
// SPDX-License-Identifier: MIT
#include "tests/unit/common/config/rules.h"

namespace nxb::config {

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

}  // namespace nxb::config
