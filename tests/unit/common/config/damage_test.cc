// tests/unit/common/config/damage_test.cc - damaged files never crash nxb, and every complaint names a line.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/unit/common/config/support.h"

namespace nxb::config {
namespace {

std::string reference_text() {
  std::ifstream file(source_file("conf/nxb.toml"));
  std::stringstream text;
  text << file.rdbuf();
  REQUIRE(text.str().size() > 1000);
  return text.str();
}

// Every finding is one line "f.toml:N: ..." and N is a line of the text.
void names_lines(const std::string& text) {
  const Loaded loaded = load(text);
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const auto& list : {loaded.errors, loaded.warnings}) {
    for (const std::string& finding : list) {
      INFO(finding);
      REQUIRE(starts_with(finding, "f.toml:"));
      char* end = nullptr;
      const long line = std::strtol(finding.c_str() + 7, &end, 10);
      REQUIRE(*end == ':');
      REQUIRE(line >= 1);
      REQUIRE(line <= lines);
      REQUIRE(finding.find('\n') == std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("O-36 a text that does not end on its line may lack a quote") {
  const Loaded loaded = load_text("[log]\nlevel = \"info\nformat = \"text\"\n", "f.toml");
  REQUIRE(loaded.errors.size() == 1);
  CHECK(loaded.errors[0].find("f.toml:2: ") == 0);
  CHECK(loaded.errors[0].find("(a missing quote?)") != std::string::npos);
}

TEST_CASE("a file cut anywhere loads or names a line") {
  const std::string whole = reference_text();
  std::mt19937_64 random(1);
  for (int round = 0; round < 400; ++round) {
    const std::size_t size = std::uniform_int_distribution<std::size_t>(0, whole.size())(random);
    INFO("cut after ", size);
    names_lines(whole.substr(0, size));
  }
}

TEST_CASE("a file with changed, lost or doubled bytes loads or names a line") {
  const std::string whole = reference_text();
  std::mt19937_64 random(2);
  const std::string_view odd("\0\xff\n\r\"'[]{}=.,#\\x0-_\x80", 20);
  for (int round = 0; round < 400; ++round) {
    std::string text = whole;
    for (int left = 0; left < 4; ++left) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = odd[random() % odd.size()];
          break;
        case 1:
          text.erase(at, random() % 40);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
      }
    }
    names_lines(text);
  }
}

TEST_CASE("deep texts are bounded") {
  std::string dotted = "a";
  for (int left = 0; left < 32'000; ++left) dotted += ".a";
  names_lines(dotted + " = 1\n");
  names_lines("[" + dotted + "]\n");
  names_lines("a = " + std::string(60'000, '[') + "\n");
  names_lines("http.headers = " + std::string(300, '[') + std::string(300, ']') + "\n");
  names_lines("a = [\n" + [] {
    std::string text;
    for (int left = 0; left < 2000; ++left) text += "{ a.a.a.a.a.a.a.a = [\n";
    return text;
  }());
  const Loaded loaded = load("\n" + dotted + " = 1\n");
  REQUIRE(loaded.errors.size() == 1);
  CHECK(starts_with(loaded.errors[0], "f.toml:2: the line has more than 16 dots"));
  const std::string many(5000, '.');
  CHECK(joined(load("# " + many + "\n[http]\nheaders = { X = \"\\\"" + many + "\", Y = '" + many + "' }\n").errors) ==
        "");
}

}  // namespace nxb::config
