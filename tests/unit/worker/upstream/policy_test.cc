// tests/unit/worker/upstream/policy_test.cc - what is no domain, and who may be connected to.
// SPDX-License-Identifier: MIT
#include "worker/upstream/policy.h"

#include <doctest/doctest.h>

namespace nxb::upstream {
namespace {

using bosh::Condition;
using config::TlsMode;

TEST_CASE("U-53 a domain's own tls_verify counts, in both directions") {
  config::Config::Upstream upstream;
  upstream.tls_verify = false;
  config::Domain bank;
  bank.name = "bank.example";
  bank.tls_verify = true;
  upstream.domain.push_back(bank);
  Policy policy(upstream);
  CHECK(policy.choose("bank.example").target.tls_verify);
  CHECK_FALSE(policy.choose("other.example").target.tls_verify);
}

TEST_CASE("U-01 what is not a domain is improper addressing") {
  std::string label63(63, 'a'), label64(64, 'a');
  std::string longest = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  CHECK(normalise_domain(label63 + ".org"));
  CHECK(normalise_domain(longest));
  const std::string bad[] = {"",
                             ".",
                             "..",
                             ".example.org",
                             "a..b",
                             "example.org..",
                             label64 + ".org",
                             longest + "b",
                             longest + ".c",
                             "a b",
                             "a/b",
                             "a@b",
                             "example.org:5222",
                             "::1",
                             "[::1",
                             "[]",
                             "[localhost]",
                             "[127.0.0.1]",
                             "[::1%eth0]",
                             "a\tb",
                             std::string("a\0b", 3),
                             "a\x7f",
                             "\xff",
                             "\xc0\xaf",
                             "\xed\xa0\x80",
                             "\xc2\x80.org",
                             "\xc2\xa0.org",
                             "a'b",
                             "a<b",
                             "a%b",
                             "a\\b",
                             "a?b",
                             "*.example.org",
                             std::string(2000, 'a'),
                             std::string("\xc3\xbc") + std::string(70, 'x') + ".org"};
  for (const std::string& to : bad) {
    CAPTURE(to);
    CHECK_FALSE(normalise_domain(to));
    CHECK(Policy(config::Config().upstream).choose(to).refusal.condition == Condition::ImproperAddressing);
  }
}

TEST_CASE("U-02 U-63 B-18 C-13 D-44 D-45 allow and deny: whole names in any case, subdomains with a dot, [] is all") {
  struct Row {
    std::vector<std::string> allow, deny;
    const char* to;
    bool permitted;
  };
  const Row rows[] = {
      {{}, {}, "any.example", true},
      {{"example.org"}, {}, "example.org", true},
      {{"example.org"}, {}, "EXAMPLE.org.", true},
      {{"example.org"}, {}, "chat.example.org", false},
      {{"example.org"}, {}, "example.org.evil.net", false},
      {{"example.org"}, {}, "notexample.org", false},
      {{}, {"a.example"}, "A.EXAMPLE", false},
      {{}, {}, "A.EXAMPLE", true},
      {{}, {"a.example"}, "b.example", true},
      {{".example.org"}, {}, "example.org", true},
      {{".example.org"}, {}, "a.b.example.org", true},
      {{".example.org"}, {}, "notexample.org", false},
      {{}, {"bad.example"}, "bad.example", false},
      {{}, {"bad.example"}, "sub.bad.example", true},
      {{}, {".bad.example"}, "sub.bad.example", false},
      {{}, {"bad.example"}, "good.example", true},
      {{"both.example"}, {"both.example"}, "both.example", true},
      {{"both.example"}, {"bad.example"}, "other.example", false},
      {{"B\xc3\x9c"
        "CHER.example"},
       {},
       "xn--bcher-kva.example",
       true},
      {{},
       {"xn--bcher-kva.example"},
       "b\xc3\xbc"
       "cher.example",
       false},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.to));
    config::Config config;
    config.upstream.allow = row.allow;
    config.upstream.deny = row.deny;
    Choice choice = Policy(config.upstream).choose(row.to);
    CHECK(choice.refusal.condition == (row.permitted ? Condition::None : Condition::HostUnknown));
  }
}

TEST_CASE("B-18 a domain of former times is host-gone, also where it is allowed, denied or has a server") {
  config::Config config;
  config.upstream.gone = {"old.example", ".older.example"};
  config.upstream.allow = {"old.example", "new.example"};
  config.upstream.deny = {"sub.older.example"};
  config.upstream.domain = {{"old.example", "127.0.0.1:5222", std::nullopt, "", "", true}};
  Policy policy(config.upstream);
  for (const char* to : {"old.example", "OLD.example.", "older.example", "sub.older.example"}) {
    CAPTURE(std::string(to));
    CHECK(policy.choose(to).refusal.condition == Condition::HostGone);
  }
  CHECK(policy.choose("new.example").refusal.condition == Condition::None);
  CHECK(policy.choose("sub.old.example").refusal.condition == Condition::HostUnknown);
  CHECK(policy.choose("very-old.example").refusal.condition == Condition::HostUnknown);
}

TEST_CASE("U-03 U-09 U-50 D-40 C-62 the static map comes first; else the domain itself at 5222") {
  config::Config config;
  config.upstream.tls_ca = "/ca/all.pem";
  config.upstream.domain = {
      {"mapped.example", "xmpp.internal:6222", TlsMode::Off, "", "", true},
      {"six.example", "[2001:db8::5]:5222", std::nullopt, "other.example", "/ca/own.pem", false},
      {"local.example", "unix:/run/xmpp", std::nullopt, "", "", true},
      {"direct.example", "", TlsMode::Direct, "", "", true},
  };
  Policy policy(config.upstream);
  auto plain = policy.choose("Plain.example.").target;
  CHECK(plain.text() == "plain.example:5222");
  CHECK_FALSE(plain.chosen_by_operator);
  CHECK(plain.tls_identity == "plain.example");
  CHECK(plain.tls_ca == "/ca/all.pem");
  CHECK(plain.tls_verify);
  auto mapped = policy.choose("MAPPED.example").target;
  CHECK(mapped.text() == "xmpp.internal:6222");
  CHECK(mapped.chosen_by_operator);
  CHECK(mapped.tls_identity == "mapped.example");  // never the target's name
  auto six = policy.choose("six.example").target;
  CHECK(six.text() == "[2001:db8::5]:5222");
  CHECK(six.tls_identity == "other.example");
  CHECK(six.tls_ca == "/ca/own.pem");
  CHECK_FALSE(six.tls_verify);
  auto local = policy.choose("local.example").target;
  CHECK(local.text() == "unix:/run/xmpp");
  auto direct = policy.choose("direct.example").target;
  CHECK(direct.text() == "direct.example:5223");
  CHECK_FALSE(direct.chosen_by_operator);
  CHECK(policy.choose("sub.mapped.example").target.text() == "sub.mapped.example:5222");
  CHECK(policy.choose("[2001:db8::9]").target.text() == "[2001:db8::9]:5222");
}

TEST_CASE("U-16 a client cannot choose loopback, private and special addresses, however they are spelled") {
  config::Config config;
  Policy strict(config.upstream);
  Target by_client, by_operator;
  by_operator.chosen_by_operator = true;
  const char* refused[] = {"127.0.0.1",
                           "127.255.255.254",
                           "0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::1",
                           "::",
                           "::ffff:127.0.0.1",
                           "::ffff:7f00:1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "::127.0.0.1",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "::ffff:0.0.0.0"};
  for (const char* ip : refused) {
    CAPTURE(std::string(ip));
    auto address = Address::from_ip(ip, 5222);
    REQUIRE(static_cast<bool>(address));
    CHECK_FALSE(strict.may_connect(by_client, *address));
    CHECK(strict.may_connect(by_operator, *address));
  }
  for (const char* ip : {"192.0.2.1", "8.8.8.8", "172.32.0.1", "2001:db8::1", "2a00::1"}) {
    CAPTURE(std::string(ip));
    CHECK(strict.may_connect(by_client, *Address::from_ip(ip, 5222)));
  }
  CHECK_FALSE(strict.may_connect(by_client, *Address::parse("unix:/run/x")));
  config.upstream.allow_private_targets = true;
  CHECK(Policy(config.upstream).may_connect(by_client, *Address::from_ip("127.0.0.1", 1)));
}

TEST_CASE("U-39 C-12 TLS is required, offered for near targets, and what a domain says for itself") {
  Address far = *Address::from_ip("192.0.2.1", 5222), near = *Address::from_ip("10.0.0.1", 5222);
  Address own = *Address::parse("unix:/run/x");
  struct Row {
    TlsMode global;
    std::optional<TlsMode> domain;
    TlsMode far, near;
  };
  const Row rows[] = {
      {TlsMode::Required, std::nullopt, TlsMode::Required, TlsMode::Offered},
      {TlsMode::Offered, std::nullopt, TlsMode::Offered, TlsMode::Offered},
      {TlsMode::Off, std::nullopt, TlsMode::Off, TlsMode::Off},
      {TlsMode::Off, TlsMode::Required, TlsMode::Required, TlsMode::Required},
      {TlsMode::Required, TlsMode::Off, TlsMode::Off, TlsMode::Off},
      {TlsMode::Required, TlsMode::Direct, TlsMode::Direct, TlsMode::Direct},
  };
  for (const Row& row : rows) {
    config::Config config;
    config.upstream.tls = row.global;
    Policy policy(config.upstream);
    Target target;
    target.tls = row.domain;
    CHECK((policy.tls_mode(target, far) == row.far));
    CHECK((policy.tls_mode(target, near) == row.near));
    CHECK((policy.tls_mode(target, own) == row.near));
  }
}

TEST_CASE("U-03 U-04 U-05 U-10 U-14 SRV is asked for names whose place nothing else says") {
  config::Config::Upstream upstream;
  upstream.route = config::RouteMode::Any;
  upstream.domain = {{"fixed.example", "192.0.2.1:5222", std::nullopt, "", "", true},
                     {"unix.example", "unix:/run/x", std::nullopt, "", "", true},
                     {"named.example", "", TlsMode::Required, "", "", true}};
  Policy policy(upstream);
  for (const char* asked : {"example.org", "named.example", "localhost.example", "1.2.3.example"}) {
    CAPTURE(std::string(asked));
    CHECK(policy.choose(asked).by_srv);
  }
  for (const char* not_asked :
       {"fixed.example", "unix.example", "localhost", "x.localhost", "192.0.2.7", "[2001:db8::7]"}) {
    CAPTURE(std::string(not_asked));
    CHECK_FALSE(policy.choose(not_asked).by_srv);
  }
  CHECK_FALSE(policy.choose("example.org", "xmpp:host.example:5222").by_srv);
}

TEST_CASE("U-45 what an SRV record names: direct TLS for the one service only, everything else as for the domain") {
  Target general;
  general.host = "example.org";
  general.port = 5222;
  general.tls = TlsMode::Off;
  general.tls_identity = "example.org";
  auto plain = target_of(general, "a.example", 5269, false);
  REQUIRE(plain);
  CHECK(plain->text() == "a.example:5269");
  CHECK((plain->tls == TlsMode::Off));
  CHECK(plain->tls_identity == "example.org");
  auto direct = target_of(general, "a.example", 443, true);
  REQUIRE(direct);
  CHECK((direct->tls == TlsMode::Direct));
  CHECK(direct->tls_identity == "example.org");
  general.tls = TlsMode::Direct;
  CHECK_FALSE(target_of(general, "a.example", 5222, false));
  CHECK(target_of(general, "a.example", 5223, true));
}

}  // namespace
}  // namespace nxb::upstream
