// tests/unit/common/config/proxy_test.cc - the PROXY protocol in the configuration, both ways.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "tests/unit/common/config/support.h"

namespace nxb::config {

TEST_CASE("O-30 accept_proxy needs trusted_proxies, and says so") {
  const Config config = good(
      "[[listen]]\naddress = '127.0.0.1:1'\ntrusted_proxies = ['127.0.0.1']\naccept_proxy = true\n"
      "[[listen]]\naddress = '127.0.0.1:2'\n");
  REQUIRE(config.listen.size() == 2);
  CHECK(config.listen[0].accept_proxy);
  CHECK_FALSE(config.listen[1].accept_proxy);
  for (const char* list : {"", "trusted_proxies = []\n"}) {
    const std::string text = "[[listen]]\naccept_proxy = true\n";
    CHECK(joined(load(text + list).errors) ==
          "f.toml:2: listen.accept_proxy: is true without trusted_proxies, and nobody could connect; "
          "allowed: true with a list of them, or false\n");
  }
}

TEST_CASE("O-30 proxy_protocol of a domain overrides that of [upstream]; left out it is the same") {
  const Config config = good(
      "[upstream]\nproxy_protocol = 'v2'\n[[upstream.domain]]\nname = 'a'\n"
      "[[upstream.domain]]\nname = 'b'\nproxy_protocol = 'off'\n"
      "[[upstream.domain]]\nname = 'c'\nproxy_protocol = 'V1'\n");
  CHECK(config.upstream.proxy_protocol == ProxyProtocol::V2);
  REQUIRE(config.upstream.domain.size() == 3);
  CHECK_FALSE(config.upstream.domain[0].proxy_protocol.has_value());
  CHECK(config.upstream.domain[1].proxy_protocol == ProxyProtocol::Off);
  CHECK(config.upstream.domain[2].proxy_protocol == ProxyProtocol::V1);
  CHECK(good("").upstream.proxy_protocol == ProxyProtocol::Off);
  for (const char* section : {"[upstream]\n", "[[upstream.domain]]\nname = 'a'\n"}) {
    CHECK(contains(joined(load(std::string(section) + "proxy_protocol = 'v3'\n").errors),
                   "allowed: \"off\", \"v1\", \"v2\""));
  }
}

}  // namespace nxb::config
