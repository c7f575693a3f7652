// tests/unit/common/private_address_test.cc - which addresses a client may not choose, by the edges of each range.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>

#include "common/base/address.h"

namespace nxb {
namespace {

// From `first` to `last` is private; what lies just before and behind is not ("" where it is another range's).
struct Range {
  const char *what, *before, *first, *last, *behind;
};

constexpr Range kRanges[] = {
    {"this network", "", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
    {"private", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
    {"shared (RFC 6598)", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
    {"loopback", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
    {"link-local, metadata services", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
    {"private", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
    {"protocol assignments", "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
    {"private", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
    {"benchmarks", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
    {"multicast, reserved, broadcast", "223.255.255.255", "224.0.0.0", "255.255.255.255", ""},
    {"unspecified, loopback, compatible", "", "::", "::0.255.255.255", "::1.0.0.0"},
    {"compatible loopback", "::126.255.255.255", "::127.0.0.0", "::127.255.255.255", "::128.0.0.0"},
    {"mapped private", "::ffff:9.255.255.255", "::ffff:10.0.0.0", "::ffff:10.255.255.255", "::ffff:11.0.0.0"},
    {"mapped loopback", "::ffff:7eff:ffff", "::ffff:7f00:0", "::ffff:7fff:ffff", "::ffff:8000:0"},
    {"NAT64 private", "64:ff9b::9.255.255.255", "64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255", "64:ff9b::11.0.0.0"},
    {"NAT64 link-local", "", "64:ff9b::169.254.0.0", "64:ff9b::a9fe:ffff", "64:ff9b::169.255.0.0"},
    {"local NAT64", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
     "64:ff9b:2::"},
    {"discard", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::"},
    {"Teredo", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::"},
    {"6to4 private", "2002:9ff:ffff::", "2002:a00::", "2002:aff:ffff:ffff:ffff:ffff:ffff:ffff", "2002:b00::"},
    {"6to4 loopback", "2002:7eff:ffff::1", "2002:7f00::1", "2002:7fff:ffff::1", "2002:8000::1"},
    {"unique local", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "fe00::"},
    {"link-local", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"site-local", "", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"multicast", "", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
};

bool is_private(const char* ip) {
  auto address = Address::from_ip(ip, 5222);
  REQUIRE(static_cast<bool>(address));
  return address->is_private();
}

}  // namespace

TEST_CASE("U-16 special addresses are private from the first to the last of each range, and not beyond") {
  for (const Range& range : kRanges) {
    CAPTURE(range.what);
    CAPTURE(range.first);
    CHECK(is_private(range.first));
    CHECK(is_private(range.last));
    if (*range.before != 0) CHECK_FALSE(is_private(range.before));
    if (*range.behind != 0) CHECK_FALSE(is_private(range.behind));
  }
  CHECK(Address::parse("unix:/x")->is_private());
}

TEST_CASE("U-16 one address is judged alike however it is spelt") {
  for (const char* ip : {"::1", "0:0:0:0:0:0:0:1", "0000:0000::0001", "::0.0.0.1", "::ffff:127.0.0.1", "::FFFF:7F00:1",
                         "0:0:0:0:0:ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:0001::"}) {
    CAPTURE(ip);
    CHECK(is_private(ip));
  }
  for (const char* text : {"127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.01",
                           "127.000.000.001", "[::1]", "::1%lo", "::127.1", "127.0.0.1.", " 127.0.0.1"}) {
    CAPTURE(text);
    CHECK_FALSE(static_cast<bool>(Address::from_ip(text, 5222)));  // no address at all: a name, if anything
  }
}

TEST_CASE("U-16 addresses of the open network, and those of documentation, are not private") {
  for (const char* ip : {"1.1.1.1", "8.8.8.8", "192.0.2.1", "198.51.100.1", "203.0.113.7", "2001:4860:4860::8888",
                         "2001:db8::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2a00::1"}) {
    CAPTURE(ip);
    CHECK_FALSE(is_private(ip));
    CHECK_FALSE(Address::from_ip(ip, 5222)->is_loopback());
  }
}

}  // namespace nxb
