// tests/unit/worker/http/cors_test.cc - whom an answer that is under way names, when [http] changes meanwhile.
// SPDX-License-Identifier: MIT
#include "worker/http/cors.h"

#include <doctest/doctest.h>

#include "tests/support/contains.h"

using namespace nxb;
using namespace nxb::http;

namespace {

config::Config::Http listing(std::vector<std::string> origins) {
  config::Config::Http http;
  http.allowed_origins = std::move(origins);
  return http;
}

std::string allowing(const std::string& origin) { return "Access-Control-Allow-Origin: " + origin + "\r\n"; }

}  // namespace

TEST_CASE("O-33 H-32: a verdict of before a reload is answered as it was given, one of after it by what holds") {
  Cors cors(listing({"https://a.example", "https://b.example"}));
  auto b = cors.judge("https://b.example");
  auto stranger = cors.judge("https://c.example");
  cors.change(listing({"https://c.example"}));
  CHECK(cors.block(b) == allowing("https://b.example") + "Vary: Origin\r\n");
  CHECK(testing::contains(std::string(cors.preflight_block(b)), allowing("https://b.example")));
  CHECK(cors.block(stranger) == "Vary: Origin\r\n");
  CHECK(cors.judge("https://b.example") == Cors::Verdict::Refused);
  CHECK(cors.block(cors.judge("https://c.example")) == allowing("https://c.example") + "Vary: Origin\r\n");
}

TEST_CASE("O-33 H-31: from any origin to a list and back, each verdict keeps its meaning") {
  Cors cors(listing({"*"}));
  auto any = cors.judge("");
  cors.change(listing({"https://a.example"}));
  auto a = cors.judge("https://a.example");
  cors.change(listing({"*"}));
  CHECK(cors.block(any) == allowing("*"));
  CHECK(cors.block(a) == allowing("https://a.example") + "Vary: Origin\r\n");
  CHECK(cors.block(cors.judge("https://a.example")) == allowing("*"));
}

TEST_CASE("O-33 O-41: the header of the node is that of the edition, too") {
  Cors cors(listing({"*"}), "X-Old");
  auto before = cors.judge("");
  cors.change(listing({"*"}), "X-New");
  CHECK(testing::contains(std::string(cors.block(before)), "Expose-Headers: X-Old\r\n"));
  CHECK(testing::contains(std::string(cors.preflight_block(cors.judge(""))), "X-New"));
}

TEST_CASE("O-33 H-30: so many editions are kept; who is answered later than that is refused, not taken for another") {
  Cors cors(listing({"https://a.example"}));
  auto first = cors.judge("https://a.example");
  for (std::size_t reload = 0; reload < Cors::kKept; ++reload) {
    cors.change(listing({"https://other.example"}));
    CHECK(testing::contains(std::string(cors.block(first)), allowing("https://a.example")));
  }
  cors.change(listing({"https://other.example"}));
  CHECK(cors.block(first).find("Access-Control") == std::string_view::npos);
  CHECK(cors.preflight_block(first).find("Access-Control") == std::string_view::npos);
}
