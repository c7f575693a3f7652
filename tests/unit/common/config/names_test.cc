// tests/unit/common/config/names_test.cc - names of options: unknown and old ones, and the listing of all.
// SPDX-License-Identifier: MIT
#include "common/config/options.h"
#include "tests/unit/common/config/rules.h"

namespace nxb::config {

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
    if (row.rule.shape == Rule::Shape::Section || row.initial.empty()) continue;
    const std::string key = row.full_name().substr(row.full_name().rfind('.')) + " = ";
    INFO(row.full_name());
    CHECK(contains(text, key));
  }
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
  CHECK(first("[[upstream.domain]]\nname = 'a'\nnonsense = 3\n") ==
        "f.toml:3: upstream.domain.nonsense: is unknown; nxb.toml(5) has all\n");
  const std::string odd = first("[http]\n\"a\\nb\" = 1\n");
  CHECK(starts_with(odd, "f.toml:2: http.a?b: is unknown"));
  CHECK(first("[http]\n" + std::string(5000, 'x') + " = 1\n").size() < 300);
}

TEST_CASE("C-21 O-38 old names are refused with a hint to the new one") {
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
