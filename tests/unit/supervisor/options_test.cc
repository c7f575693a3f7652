// tests/unit/supervisor/options_test.cc - the command line and what it overrides.
// SPDX-License-Identifier: MIT
#include "supervisor/options.h"

#include <doctest/doctest.h>

#include <vector>

using namespace nxb;
using namespace nxb::supervisor;

namespace {

std::variant<Options, contract::Exit> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "nxb-supervisor");
  return parse_options(static_cast<int>(words.size()), words.data());
}

Options options(std::vector<const char*> words) {
  auto parsed = parse(std::move(words));
  REQUIRE(std::holds_alternative<Options>(parsed));
  return std::get<Options>(parsed);
}

contract::Exit exit_code(std::vector<const char*> words) {
  auto parsed = parse(std::move(words));
  REQUIRE(std::holds_alternative<contract::Exit>(parsed));
  return std::get<contract::Exit>(parsed);
}

config::Config two_listeners() {
  config::Config config;
  config.listen.push_back({"127.0.0.1:5280", {"10.0.0.0/8"}});
  config.listen.push_back({"unix:/run/nxb/http.sock", {}});
  return config;
}

config::Config overridden(std::vector<const char*> words) {
  config::Config config = two_listeners();
  REQUIRE(static_cast<bool>(override_with(options(std::move(words)), config)));
  return config;
}

}  // namespace

TEST_CASE("O-01 C-22: the file and the two kinds of check are taken from the command line") {
  CHECK(options({"-c", "a.toml"}).config_path == "a.toml");
  CHECK(options({"--config=a.toml"}).config_path == "a.toml");
  CHECK(options({"--config", "a.toml"}).config_path == "a.toml");
  CHECK(options({}).config_path == "/etc/nxb/nxb.toml");
  CHECK(!options({}).check_only);
  CHECK(options({"-t"}).check_only);
  CHECK(options({"-T"}).show_configuration);
}

TEST_CASE("O-03 C-23: help and version are a clean end, what is not understood is 64") {
  CHECK(exit_code({"--version"}) == contract::Exit::Clean);
  CHECK(exit_code({"--help"}) == contract::Exit::Clean);
  CHECK(exit_code({"--nonsense"}) == contract::Exit::Usage);
  CHECK(exit_code({"stray"}) == contract::Exit::Usage);
  CHECK(exit_code({"-c"}) == contract::Exit::Usage);
  CHECK(exit_code({"--port", "70000"}) == contract::Exit::Usage);
  CHECK(exit_code({"--port", "-1"}) == contract::Exit::Usage);
  CHECK(exit_code({"--port", "http"}) == contract::Exit::Usage);
  CHECK(exit_code({"--logging", "LOUD"}) == contract::Exit::Usage);
}

TEST_CASE("C-23: --host and --port replace the first listener's, and nothing else") {
  CHECK(overridden({}) == two_listeners());
  auto config = overridden({"--port", "8080"});
  CHECK(config.listen[0].address == "127.0.0.1:8080");
  CHECK(config.listen[0].trusted_proxies == std::vector<std::string>{"10.0.0.0/8"});
  CHECK(config.listen[1] == two_listeners().listen[1]);
  CHECK(overridden({"--host", "0.0.0.0"}).listen[0].address == "0.0.0.0:5280");
  CHECK(overridden({"--host", "::1", "--port", "0"}).listen[0].address == "[::1]:0");
}

TEST_CASE("C-23: what is not given stays as in the file, also port 0; a unix socket gives way to the default (C-02)") {
  auto after = [](const char* address, std::vector<const char*> words) {
    config::Config config;
    config.listen.push_back({address, {}});
    REQUIRE(static_cast<bool>(override_with(options(std::move(words)), config)));
    return config.listen.at(0).address;
  };
  CHECK(after("127.0.0.1:0", {"--host", "127.0.0.2"}) == "127.0.0.2:0");
  CHECK(after("[::1]:5280", {"--port", "81"}) == "[::1]:81");
  CHECK(after("unix:/run/nxb/http.sock", {"--port", "81"}) == "0.0.0.0:81");
  CHECK(after("unix:/run/nxb/http.sock", {"--host", "::1"}) == "[::1]:5280");
}

TEST_CASE("C-23: --host takes an address, not a name") {
  config::Config config = two_listeners();
  CHECK(!override_with(options({"--host", "example.org"}), config));
}

TEST_CASE("C-23: --path gets its leading slash and loses trailing ones, --logging takes any case") {
  CHECK(overridden({"--path", "bosh/"}).http.path == std::vector<std::string>{"/bosh"});
  CHECK(overridden({"--path", "/a/b"}).http.path == std::vector<std::string>{"/a/b"});
  CHECK(overridden({"--logging", "debug"}).log.level == "DEBUG");
}

TEST_CASE("C-23: --path and --logging obey the rules of the file") {
  for (const std::string path : {"/", "//", "/a b", "a?b", "/a#b", "/%41", "/\xC3\xA4"}) {
    CAPTURE(path);
    config::Config config = two_listeners();
    auto status = override_with(options({"--path", path.c_str()}), config);
    REQUIRE(!status);
    CHECK(status.error().text.find("--path: \"") == 0);
    CHECK(config == two_listeners());
  }
  for (const char* level : {"ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"}) {
    CHECK(overridden({"--logging", level}).log.level == level);
  }
  CHECK(exit_code({"--logging", "WARNING"}) == contract::Exit::Usage);
}
