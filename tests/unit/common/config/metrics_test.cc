// tests/unit/common/config/metrics_test.cc - [metrics] listen: an address of its own, and what workers are told of it.
// SPDX-License-Identifier: MIT
#include "tests/unit/common/config/rules.h"

namespace nxb::config {

TEST_CASE("O-23 [metrics] listen takes an address with a port or a unix socket, and nothing by default") {
  CHECK(load("").config.metrics.listen.empty());
  CHECK(taken("metrics", "listen", "''").metrics.listen.empty());
  CHECK(taken("metrics", "listen", "'127.0.0.1:9100'").metrics.listen == "127.0.0.1:9100");
  CHECK(taken("metrics", "listen", "'[0:0::1]:9100'").metrics.listen == "[::1]:9100");
  CHECK(taken("metrics", "listen", "'unix:/run/nxb/metrics.sock'").metrics.listen == "unix:/run/nxb/metrics.sock");
  for (const char* wrong : {"'localhost:9100'", "'127.0.0.1'", "'9100'", "'unix:metrics.sock'", "true", "9100"}) {
    CHECK(load("[metrics]\n\nlisten = " + std::string(wrong) + "\n").errors.size() == 1);
  }
  refused("metrics", "listen", "'localhost:9100'", "address:port or unix:/path");
}

TEST_CASE("O-23 O-02 an address that a [[listen]] has taken is an error with file, line and key") {
  const auto errors = [](const std::string& listen, const std::string& metrics) {
    return joined(load("[[listen]]\naddress = '" + listen + "'\n[metrics]\nlisten = '" + metrics + "'\n").errors);
  };
  CHECK(errors("127.0.0.1:5280", "127.0.0.1:5280") ==
        "f.toml:4: metrics.listen: \"127.0.0.1:5280\" is taken by \"127.0.0.1:5280\" of [[listen]]; allowed: an "
        "address of its own\n");
  CHECK(contains(errors("0.0.0.0:5280", "127.0.0.1:5280"), "f.toml:4: metrics.listen: "));  // a port of all addresses
  CHECK(contains(errors("127.0.0.1:5280", "0.0.0.0:5280"), "f.toml:4: metrics.listen: "));
  CHECK(contains(errors("[::]:5280", "[::1]:5280"), "f.toml:4: metrics.listen: "));
  CHECK(contains(errors("unix:/tmp/a.sock", "unix:/tmp/a.sock"), "f.toml:4: metrics.listen: "));
  CHECK(errors("127.0.0.1:5280", "127.0.0.2:5280") == "");
  CHECK(errors("0.0.0.0:5280", "127.0.0.1:5281") == "");
  CHECK(errors("0.0.0.0:5280", "[::1]:5280") == "");  // IPv6 is another port
  CHECK(errors("unix:/tmp/a.sock", "unix:/tmp/b.sock") == "");
  CHECK(errors("127.0.0.1:0", "127.0.0.1:0") == "");  // the kernel chooses two
  const std::string by_default = joined(load("[metrics]\nlisten = '127.0.0.1:5280'\n").errors);
  CHECK(contains(by_default, "f.toml:2: metrics.listen: \"127.0.0.1:5280\" is taken by \"0.0.0.0:5280\""));
}

TEST_CASE("O-23 the listener of [metrics] follows the others, and workers know it by a mark that no file can set") {
  Config config = good("[[listen]]\naddress = '127.0.0.1:1'\n[metrics]\nlisten = '127.0.0.1:2'\n");
  CHECK(config.listen.size() == 1);
  const std::vector<Listen> all = all_listeners(config);
  REQUIRE(all.size() == 2);
  CHECK_FALSE(all[0].metrics_only);
  CHECK(all[1].metrics_only);
  CHECK(all[1].address == "127.0.0.1:2");
  CHECK(all_listeners(good("[[listen]]\naddress = '127.0.0.1:1'\n")).size() == 1);

  config.listen = all;
  const auto told = from_json(to_json(config));
  REQUIRE(told);
  CHECK(*told == config);
  std::string shown;
  for (const auto& [name, value] : listing(config)) shown += name + " = " + value + "\n";
  CHECK(contains(shown, "metrics.listen = \"127.0.0.1:2\"\n"));
  CHECK_FALSE(contains(shown, "listen[2]"));
  CHECK_FALSE(contains(shown, "metrics_only"));

  const std::string unknown = joined(load("[[listen]]\naddress = '127.0.0.1:1'\nmetrics_only = true\n").errors);
  CHECK(contains(unknown, "f.toml:3: listen.metrics_only: is unknown"));
  CHECK_FALSE(contains(reference(), "metrics_only"));
}

}  // namespace nxb::config
