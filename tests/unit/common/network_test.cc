// tests/unit/common/network_test.cc
// SPDX-License-Identifier: MIT
#include "common/base/network.h"

#include <doctest/doctest.h>

using nxb::Network;
using nxb::NetworkCounts;

TEST_CASE("H-45 one client is an IPv4 address, however written, or a /64 of IPv6") {
  CHECK(Network::of("192.0.2.1") == Network::of("192.0.2.1"));
  CHECK(Network::of("192.0.2.1") != Network::of("192.0.2.2"));
  CHECK(Network::of("192.0.2.1") == Network::of("::ffff:192.0.2.1"));
  CHECK(Network::of("::ffff:192.0.2.1") != Network::of("::ffff:192.0.2.2"));
  CHECK(Network::of("2001:db8::1") == Network::of("2001:db8::ffff:ffff:ffff:ffff"));
  CHECK(Network::of("2001:db8::1") != Network::of("2001:db8:0:1::1"));
  CHECK(Network::of("::1") != Network::of("0.0.0.1"));
  CHECK_FALSE(Network::of("unix"));
  CHECK_FALSE(Network::of(""));
}

TEST_CASE("H-45 counts go up and down, and an address that has nothing costs nothing") {
  NetworkCounts counts;
  Network one = *Network::of("192.0.2.1");
  Network other = *Network::of("2001:db8::1");
  counts.remove(one);
  CHECK(counts.of(one) == 0);
  counts.add(one);
  counts.add(one);
  counts.add(other);
  CHECK(counts.of(one) == 2);
  CHECK(counts.of(other) == 1);
  counts.remove(one);
  CHECK(counts.of(one) == 1);
  counts.remove(one);
  CHECK(counts.of(one) == 0);
  CHECK(counts.size() == 1);
}
