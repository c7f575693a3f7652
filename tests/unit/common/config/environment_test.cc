// tests/unit/common/config/environment_test.cc - variables lie over the file, and are told by name when they are wrong.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "tests/unit/common/config/support.h"

namespace nxb::config {

namespace {

Loaded with(const Variables& variables, std::string_view file = "") { return load_text(file, "f.toml", variables); }
std::string wrong_with(const Variables& variables, std::string_view file = "") {
  return joined(with(variables, file).errors);
}

}  // namespace

TEST_CASE("O-39 a variable gives a key its value, and beats the file") {
  const Loaded loaded = with({{"NXB_SERVER__WORKERS", "4"},
                              {"NXB_UPSTREAM__ALLOW", "['a.example', \"b.example\"]"},
                              {"NXB_HTTP__ENABLE_GET", "false"},
                              {"NXB_HTTP__HEADERS", "{ X-Node = 'a' }"},
                              {"NXB_HTTP__ALLOWED_ORIGINS", "*"},
                              {"NXB_BOSH__MAX_WAIT", "50s"},
                              {"NXB_BOSH__MAX_PENDING", "2MiB"},
                              {"NXB_LOG__LEVEL", "WARN"}},
                             "[server]\nworkers = 2\nmax_sessions = 7\n[log]\nlevel = 'DEBUG'\n");
  REQUIRE(joined(loaded.errors) == "");
  const Config& config = loaded.config;
  CHECK(config.server.workers == 4);
  CHECK(config.server.max_sessions == 7);
  CHECK(config.upstream.allow == std::vector<std::string>{"a.example", "b.example"});
  CHECK_FALSE(config.http.enable_get);
  CHECK(config.http.headers == std::map<std::string, std::string>{{"X-Node", "a"}});
  CHECK(config.bosh.max_wait == Duration(50'000));
  CHECK(config.bosh.max_pending == 2 << 20);
  CHECK(config.log.level == "WARN");
}

TEST_CASE("O-39 what looks like a number is a text where a text is wanted, with or without quotes") {
  for (const char* written : {"0123", "\"0123\"", "'0123'"}) {
    CHECK(with({{"NXB_MONITOR__SYSTEM_INFO_PASSWORD", written}}).config.monitor.system_info_password == "0123");
  }
  for (const char* written : {"true", "12", "1979-05-27", "[]", "a = b", "1\nsystem_info_password_file = 'x'"}) {
    CHECK(with({{"NXB_MONITOR__SYSTEM_INFO_PASSWORD", written}}).config.monitor.system_info_password == written);
  }
}

TEST_CASE("O-39 sections that repeat are counted from 0") {
  const Loaded loaded = with({{"NXB_LISTEN__1__ADDRESS", "[::1]:81"},
                              {"NXB_LISTEN__0__TRUSTED_PROXIES", "['127.0.0.1']"},
                              {"NXB_UPSTREAM__DOMAIN__0__NAME", "d.example"},
                              {"NXB_UPSTREAM__DOMAIN__0__TARGET", "127.0.0.1:5222"}},
                             "[[listen]]\naddress = '127.0.0.1:80'\n");
  REQUIRE(joined(loaded.errors) == "");
  REQUIRE(loaded.config.listen.size() == 2);
  CHECK(loaded.config.listen[0].address == "127.0.0.1:80");
  CHECK(loaded.config.listen[0].trusted_proxies.size() == 1);
  CHECK(loaded.config.listen[1].address == "[::1]:81");
  REQUIRE(loaded.config.upstream.domain.size() == 1);
  CHECK(loaded.config.upstream.domain[0].target == "127.0.0.1:5222");
  Variables twelve;
  for (int i = 11; i >= 0; --i) {
    twelve.emplace_back("NXB_LISTEN__" + std::to_string(i) + "__ADDRESS", "127.0.0.1:" + std::to_string(100 + i));
  }
  CHECK(with(twelve).config.listen.size() == 12);
  CHECK(wrong_with({{"NXB_LISTEN__1__ADDRESS", "127.0.0.1:81"}}) ==
        "NXB_LISTEN__1__ADDRESS: does not fit what is there; allowed: the numbers of sections from 0 on, without a "
        "gap\n");
}

TEST_CASE("O-39 O-36 what is wrong is told under the variable's name, with the nearest option") {
  CHECK(contains(wrong_with({{"NXB_SERVER__WORKERS", "many"}}), "NXB_SERVER__WORKERS: server.workers: is \"many\"; "));
  CHECK(wrong_with({{"NXB_SERVER__WORKRES", "4"}}) ==
        "NXB_SERVER__WORKRES: server.workres: is unknown; did you mean workers?\n");
  CHECK(contains(wrong_with({{"NXB_SERVR__WORKERS", "4"}}), "NXB_SERVR__WORKERS: servr: is unknown; did you mean "));
  CHECK(contains(wrong_with({{"NXB_HTTP____PATH", "/x"}}), "NXB_HTTP____PATH: names no option"));
  CHECK(contains(wrong_with({{"NXB_A__B__C__D__E__F__G__H", "1"}}), "names no option"));
  CHECK(contains(wrong_with({{"NXB_LOG__LEVEL__X", "1"}}, "[log]\nlevel = 'INFO'\n"), "NXB_LOG__LEVEL__X: "));
  const std::string both = wrong_with({{"NXB_BOSH__MAX_WAIT", "2h"}}, "[bosh]\nmax_wait = '1s'\nmax_wiat = 1\n");
  CHECK(contains(both, "f.toml:3: bosh.max_wiat: is unknown"));
  CHECK(contains(both, "NXB_BOSH__MAX_WAIT: bosh.max_wait: is \"2h\""));
}

TEST_CASE("O-39 other variables are nobody's business") {
  const char* environment[] = {"PATH=/bin",          "NXB_SUPERVISOR=/x", "NXB_CTL=y",        "NXB_PORT_80_TCP=tcp://1",
                               "NXB_LOG__LEVEL=a=b", "NXB_LOG__FORMAT",   "nxb_log__level=x", nullptr};
  CHECK(variables_of(environment) == Variables{{"NXB_LOG__LEVEL", "a=b"}});
  CHECK(variables_of(nullptr).empty());
}

}  // namespace nxb::config
