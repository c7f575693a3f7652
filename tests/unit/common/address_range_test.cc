// tests/unit/common/address_range_test.cc - which peers a text stands for.
// SPDX-License-Identifier: MIT
#include "common/base/address_range.h"

#include <doctest/doctest.h>

#include <string>

namespace nxb {
namespace {

bool has(std::string_view range, std::string_view ip) {
  auto parsed = AddressRange::parse(range);
  REQUIRE_MESSAGE(static_cast<bool>(parsed), range);
  return parsed->contains(*Address::from_ip(ip, 5280));
}

}  // namespace

TEST_CASE("H-47 a range has the addresses that share its prefix, whatever the bits behind it") {
  CHECK(has("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(has("192.0.2.1", "192.0.2.0"));
  CHECK(has("10.1.2.3/9", "10.127.255.255"));
  CHECK_FALSE(has("10.1.2.3/9", "10.128.0.0"));
  CHECK(has("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(has("10.0.0.0/8", "11.0.0.0"));
  CHECK(has("0.0.0.0/0", "255.0.0.1"));
  CHECK(has("192.0.2.1/32", "192.0.2.1"));
  CHECK_FALSE(has("192.0.2.1/32", "192.0.2.3"));
  CHECK(has("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(has("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(has("::/0", "fe80::1"));
  CHECK_FALSE(has("::1", "::2"));
}

TEST_CASE("H-47 an IPv4 address is the same in its IPv6 form; other IPv6 addresses are none") {
  CHECK(has("192.0.2.1", "::ffff:192.0.2.1"));
  CHECK(has("::ffff:192.0.2.0/120", "192.0.2.1"));
  CHECK_FALSE(has("0.0.0.0/0", "2001:db8::1"));
  CHECK_FALSE(has("0.0.0.0/0", "::1"));
}

TEST_CASE("H-47 unix stands for the peers on unix sockets only, and only it does") {
  auto unix_peers = AddressRange::parse("unix");
  REQUIRE(static_cast<bool>(unix_peers));
  CHECK(unix_peers->has_unix());
  CHECK(unix_peers->contains(*Address::parse("unix:/run/nxb/http.sock")));
  CHECK_FALSE(unix_peers->contains(*Address::from_ip("127.0.0.1", 1)));
  CHECK_FALSE(unix_peers->contains(*Address::from_ip("::", 1)));
  CHECK_FALSE(AddressRange::parse("::/0")->has_unix());
  CHECK_FALSE(AddressRange::parse("::/0")->contains(*Address::parse("unix:/run/nxb/http.sock")));
}

TEST_CASE("H-47 what is no range is refused, and the reason goes on where the text stands") {
  for (const std::string text : {"", "unix:", "Unix", "unix/8", "unix:/run/x", "proxy.example", "127.0.0.1:80", "[::1]",
                                 "/8", " 10.0.0.1", "10.0.0"}) {
    CAPTURE(text);
    auto range = AddressRange::parse(text);
    REQUIRE_FALSE(static_cast<bool>(range));
    CHECK(range.error().text == "is not an address");
  }
  for (const std::string text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
                                 "10.0.0.0/8 ", "10.0.0.0/4294967304"}) {
    CAPTURE(text);
    auto range = AddressRange::parse(text);
    REQUIRE_FALSE(static_cast<bool>(range));
    CHECK(range.error().text == "has a prefix length that no address has");
  }
}

}  // namespace nxb
