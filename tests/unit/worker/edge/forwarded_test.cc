// tests/unit/worker/edge/forwarded_test.cc
// SPDX-License-Identifier: MIT
#include "worker/edge/forwarded.h"

#include <doctest/doctest.h>

#include <string>

namespace {

// "node/proto" of each element, or "" when the field is not believed.
std::string read(std::string_view field) {
  std::string out;
  for (const auto& element : nxb::edge::parse_forwarded(field)) out += element.node + "/" + element.proto + " ";
  return out;
}

}  // namespace

TEST_CASE("H-47 Forwarded: elements, parameters in any order and case, tokens and quoted strings") {
  CHECK(read("for=192.0.2.60") == "192.0.2.60/ ");
  CHECK(read("For=192.0.2.60;Proto=https;by=203.0.113.43") == "192.0.2.60/https ");
  CHECK(read(R"(proto=http ; for="[2001:db8:cafe::17]:4711")") == "[2001:db8:cafe::17]:4711/http ");
  CHECK(read("for=1.1.1.1, for=2.2.2.2;proto=https") == "1.1.1.1/ 2.2.2.2/https ");
  CHECK(read("  for=1.1.1.1\t,\tfor=unknown") == "1.1.1.1/ unknown/ ");
  CHECK(read(R"(for="1.1.\1.1";host="a,b;c=\"d\"")") == "1.1.1.1/ ");
  CHECK(read("by=1.1.1.1").starts_with("/"));
}

TEST_CASE("H-47 Forwarded: a mistake anywhere, and nothing is believed") {
  for (const char* field :
       {"", " ", "for", "for=", "=1.1.1.1", "for 1.1.1.1", "for=1.1.1.1,", "for=1.1.1.1;", ",for=1.1.1.1",
        "for=1.1.1.1 proto=https", "for=[2001:db8::1]", "for=\"1.1.1.1", "for=\"1.1.1.1\\", "for=1.1.1.1;for=2.2.2.2",
        "for=1.1.1.1;proto=http;proto=https", "for=1.1.1.1,,for=2.2.2.2", "for=\"a\"b"}) {
    CAPTURE(field);
    CHECK(read(field).empty());
  }
}

TEST_CASE("H-47 Forwarded: a quote that the client leaves open does not swallow what the proxy says behind it") {
  for (const char* begun :
       {"for=\"", "for=6.6.6.6, for=\"", "for=6.6.6.6;host=\"", "for=\"\\", "for=\"6.6.6.6\";x=\""}) {
    for (const char* added : {"for=1.1.1.1", "for=1.1.1.1;proto=https", R"(for="1.1.1.1";proto=https)",
                              R"(for="[2001:db8::1]:80";proto=https)"}) {
      std::string field = std::string(begun) + ", " + added;
      CAPTURE(field);
      CHECK(read(field).empty());
    }
  }
}
