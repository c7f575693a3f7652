// tests/unit/worker/edge/client_address_test.cc
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <doctest/doctest.h>

using nxb::edge::client_address;
using nxb::edge::TrustedProxies;

TEST_CASE("H-47 addresses and prefixes, IPv4 also in its IPv6 form; unix peers only when listed") {
  TrustedProxies trusted({"192.0.2.1", "10.0.0.0/9", "2001:db8::/33", "nonsense", "1.2.3.4/33", "unix:"});
  for (const char* ip :
       {"192.0.2.1", "::ffff:192.0.2.1", "10.0.0.1", "10.127.255.255", "2001:db8::1", "2001:db8:7fff::1"}) {
    CAPTURE(ip);
    CHECK(trusted.contains(ip));
  }
  for (const char* ip : {"192.0.2.2", "10.128.0.0", "2001:db8:8000::1", "1.2.3.4", "unix", "", "nonsense", "::1"}) {
    CAPTURE(ip);
    CHECK_FALSE(trusted.contains(ip));
  }
  CHECK(TrustedProxies({"unix"}).contains("unix"));
  CHECK(TrustedProxies({"0.0.0.0/0"}).contains("1.2.3.4"));
  CHECK_FALSE(TrustedProxies({"0.0.0.0/0"}).contains("2001:db8::1"));
}

TEST_CASE("H-47 the right-most hop that is not trusted is the client") {
  TrustedProxies trusted({"10.0.0.0/8", "unix"});
  CHECK(client_address(trusted, "10.0.0.1", "") == "10.0.0.1");
  CHECK(client_address(trusted, "198.51.100.1", "1.1.1.1") == "198.51.100.1");  // the peer is nobody we trust
  CHECK(client_address(trusted, "10.0.0.1", "6.6.6.6, 1.1.1.1") == "1.1.1.1");
  CHECK(client_address(trusted, "10.0.0.1", "6.6.6.6,1.1.1.1 , 10.0.0.2") == "1.1.1.1");
  CHECK(client_address(trusted, "10.0.0.1", "10.0.0.3, 10.0.0.2") == "10.0.0.3");
  CHECK(client_address(trusted, "unix", "1.1.1.1") == "1.1.1.1");
  CHECK(client_address(trusted, "10.0.0.1", "1.1.1.1, unknown, 10.0.0.2") == "10.0.0.2");
  CHECK(client_address(trusted, "10.0.0.1", "[2001:db8::9]:443") == "2001:db8::9");
  CHECK(client_address(trusted, "10.0.0.1", "1.1.1.1:8080") == "1.1.1.1");
  CHECK(client_address(trusted, "10.0.0.1", "1.1.1.1, unix") == "10.0.0.1");  // a name is no address
}
