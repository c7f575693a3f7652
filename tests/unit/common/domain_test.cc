// tests/unit/common/domain_test.cc - domains in all spellings.
// SPDX-License-Identifier: MIT
#include "common/base/domain.h"

#include <doctest/doctest.h>

using namespace nxb;

TEST_CASE("U-01 a domain is lower-cased, loses its last dot and becomes A-labels") {
  struct Row {
    const char *to, *jid, *ascii;
  };
  const Row rows[] = {
      {"example.org", "example.org", "example.org"},
      {"EXAMPLE.Org.", "example.org", "example.org"},
      {"_xmpp.example-1.org", "_xmpp.example-1.org", "_xmpp.example-1.org"},
      {"b\xc3\xbc"
       "cher.example",
       "b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"B\xc3\x9c"
       "CHER.example",
       "b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example"},
      // RFC 3492 7.1 (A) Arabic, (B) Chinese, (L) a Japanese name with digits and capitals
      {"\xd9\x84\xd9\x8a\xd9\x87\xd9\x85\xd8\xa7\xd8\xa8\xd8\xaa\xd9\x83\xd9\x84\xd9\x85\xd9\x88\xd8\xb4\xd8\xb9\xd8"
       "\xb1"
       "\xd8\xa8\xd9\x8a\xd8\x9f",
       nullptr, "xn--egbpdaj6bu4bxfgehfvwxn"},
      {"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
       nullptr, "xn--ihqwcrb4cv8a8dqg056pqjye"},
      {"3\xe5\xb9\xb4"
       "b\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
       nullptr, "xn--3b-ww4c5e180e575a65lsy2b"},
      {"\xd0\x9f\xd0\xa0\xd0\x98\xd0\x92\xd0\x95\xd0\xa2.\xd1\x80\xd1\x84", nullptr, "xn--b1agh1afp.xn--p1ai"},
      {"a\xe3\x80\x82"
       "example",
       "a.example", "a.example"},
      {"192.0.2.7", "192.0.2.7", "192.0.2.7"},
      {"[2001:DB8::7]", "[2001:db8::7]", "2001:db8::7"},
      {"[::ffff:127.0.0.1]", "127.0.0.1", "127.0.0.1"},
      {"localhost", "localhost", "localhost"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.to));
    auto domain = normalise_domain(row.to);
    REQUIRE(static_cast<bool>(domain));
    CHECK(domain->ascii == row.ascii);
    if (row.jid) CHECK(domain->jid == row.jid);
  }
}

TEST_CASE("U-01 names and labels have the lengths of DNS, in either case of letters") {
  const std::string longest = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c') + '.';
  struct Row {
    std::string to;
    bool good;
  };
  const Row rows[] = {{std::string(63, 'a') + ".x", true},
                      {std::string(64, 'a') + ".x", false},
                      {"x." + std::string(64, 'a'), false},
                      {longest + std::string(61, 'd'), true},
                      {longest + std::string(62, 'd'), false},
                      {"a..b", false},
                      {".a", false},
                      {"", false},
                      {".", false},
                      {"a b", false},
                      {"a/b", false}};
  for (const Row& row : rows) {
    CAPTURE(row.to);
    std::string upper = row.to;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    CHECK(static_cast<bool>(normalise_domain(row.to)) == row.good);
    CHECK(static_cast<bool>(normalise_domain(upper)) == row.good);
    if (row.good) CHECK(plain_domain(upper) == row.to);
  }
  CHECK(normalise_domain("192.0.2.7")->is_ip);
  CHECK_FALSE(normalise_domain("192.0.2")->is_ip);
}

TEST_CASE("O-19: for the operator a domain has one spelling, and what is none keeps its own") {
  for (const char* to : {"B\xc3\x9c"
                         "cher.Example.",
                         "xn--bcher-kva.example", "XN--bcher-kva.example"}) {
    CHECK(plain_domain(to) == "xn--bcher-kva.example");
  }
  for (const char* to : {"", "No Domain", "a..b", "\xff"}) CHECK(plain_domain(to) == to);
}
