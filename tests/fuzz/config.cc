// tests/fuzz/config.cc - a configuration file of any text (O-36).
// Properties: it is a configuration or has findings, each of one line with its place; what was accepted is printed
// (-T) and sent to workers as something that loads to the same.
// SPDX-License-Identifier: MIT
#include "common/config/config.h"

#include "bytes.h"
#include "common/base/check.h"

using namespace nxb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  config::Loaded loaded = config::load_text(fuzz::text_of(data, size), "nxb.toml");
  for (const std::string& error : loaded.errors) {
    NXB_CHECK(error.starts_with("nxb.toml:") && error.find('\n') == std::string::npos, "a finding without a place");
  }
  if (!loaded.errors.empty()) return 0;
  config::Loaded again = config::load_text(config::to_toml(loaded.config), "again.toml");
  NXB_CHECK(again.errors.empty(), "what -T prints is refused");
  NXB_CHECK(again.config == loaded.config, "what -T prints is another configuration");
  auto sent = config::from_json(config::to_json(loaded.config));
  NXB_CHECK(sent && *sent == loaded.config, "workers get another configuration");
  return 0;
}
