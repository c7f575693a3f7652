// tests/unit/worker/edge/client_address_test.cc
// SPDX-License-Identifier: MIT
#include "worker/edge/client_address.h"

#include <doctest/doctest.h>

using namespace nxb;
using edge::TrustedProxies;

namespace {

std::string client_address(const TrustedProxies& trusted, std::string_view peer, std::string_view x_forwarded_for,
                           std::string_view forwarded = "") {
  http::Request request;
  request.x_forwarded_for = x_forwarded_for;
  request.forwarded = forwarded;
  return edge::client_of(trusted, {peer}, request).address;
}

bool is_secure(std::string_view peer, std::string_view x_forwarded_for, std::string_view x_forwarded_proto,
               std::string_view forwarded = "") {
  http::Request request;
  request.x_forwarded_for = x_forwarded_for;
  request.x_forwarded_proto = x_forwarded_proto;
  request.forwarded = forwarded;
  return edge::client_of(TrustedProxies({"10.0.0.0/8"}), {peer}, request).secure;
}

}  // namespace

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

TEST_CASE("H-47 Forwarded counts where there is no X-Forwarded-For, and for trusted peers only") {
  TrustedProxies trusted({"10.0.0.0/8"});
  CHECK(client_address(trusted, "10.0.0.1", "", R"(for=6.6.6.6, for="[2001:db8::9]:4711", for=10.0.0.2)") ==
        "2001:db8::9");
  CHECK(client_address(trusted, "198.51.100.1", "", "for=1.1.1.1") == "198.51.100.1");
  CHECK(client_address(trusted, "10.0.0.1", "1.1.1.1", "for=6.6.6.6") == "1.1.1.1");  // what nginx passes on
  CHECK(client_address(trusted, "10.0.0.1", "", "for=1.1.1.1, for=_hidden") == "10.0.0.1");
  CHECK(client_address(trusted, "10.0.0.1", "", "proto=https") == "10.0.0.1");
}

TEST_CASE("O-30 the port is the client's where it is known: the peer's own, or beside the address that a proxy says") {
  auto port = [](std::string_view peer, std::string_view x_forwarded_for, std::string_view forwarded = "") {
    http::Request request;
    request.x_forwarded_for = x_forwarded_for;
    request.forwarded = forwarded;
    return edge::client_of(TrustedProxies({"10.0.0.0/8"}), {peer, 4711}, request).port;
  };
  CHECK(port("198.51.100.1", "1.1.1.1:5678") == 4711);  // nobody we trust: he is the client
  CHECK(port("10.0.0.1", "") == 4711);                  // nobody is said to be behind it
  CHECK(port("10.0.0.1", "unknown") == 4711);
  CHECK(port("10.0.0.1", "1.1.1.1") == 0);
  CHECK(port("10.0.0.1", "1.1.1.1:5678") == 5678);
  CHECK(port("10.0.0.1", "[2001:db8::9]:5678") == 5678);
  CHECK(port("10.0.0.1", "2001:db8::5678") == 0);
  CHECK(port("10.0.0.1", "[2001:db8::9]") == 0);
  CHECK(port("10.0.0.1", "1.1.1.1:5678, 10.0.0.2:81") == 5678);
  CHECK(port("10.0.0.1", "1.1.1.1, 10.0.0.2:81") == 0);
  CHECK(port("10.0.0.1", "", R"(for="1.2.3.4:5678")") == 5678);
  CHECK(port("10.0.0.1", "", R"(for="[2001:db8::9]:5678";proto=https)") == 5678);
  for (const char* odd : {"1.2.3.4:", "1.2.3.4:_obscure", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4:80x"}) {
    CAPTURE(odd);
    CHECK(port("10.0.0.1", odd) == 0);
  }
}

TEST_CASE("H-47 the scheme is what the client's hop says, and nothing when nobody trusted says it") {
  CHECK(is_secure("10.0.0.1", "1.1.1.1", "https"));
  CHECK(is_secure("10.0.0.1", "1.1.1.1", "HTTPS"));
  CHECK(is_secure("10.0.0.1", "", "https"));
  CHECK_FALSE(is_secure("198.51.100.1", "1.1.1.1", "https"));
  CHECK_FALSE(is_secure("10.0.0.1", "1.1.1.1", ""));
  CHECK_FALSE(is_secure("10.0.0.1", "1.1.1.1", "http"));
  CHECK_FALSE(is_secure("10.0.0.1", "1.1.1.1", "https, http"));      // the client said the first
  CHECK(is_secure("10.0.0.1", "1.1.1.1, 10.0.0.2", "https, http"));  // a proxy in front of a proxy
  CHECK_FALSE(is_secure("10.0.0.1", "1.1.1.1, 10.0.0.2", "http, https"));
  CHECK(is_secure("10.0.0.1", "1.1.1.1, 10.0.0.2", "https"));
  CHECK(is_secure("10.0.0.1", "", "", "for=1.1.1.1;proto=https"));
  CHECK(is_secure("10.0.0.1", "", "", "for=1.1.1.1;proto=https, for=10.0.0.2;proto=http"));
  CHECK_FALSE(is_secure("10.0.0.1", "", "", "for=6.6.6.6;proto=https, for=1.1.1.1;proto=http"));
  CHECK_FALSE(is_secure("10.0.0.1", "", "http", "for=1.1.1.1;proto=https"));
}

TEST_CASE("H-47 who speaks TLS with us is secure, whatever he says; a trusted proxy's word on its client comes first") {
  const TrustedProxies trusted({"10.0.0.0/8"});
  const auto secure = [&](std::string_view peer, std::string_view proto, std::string_view forwarded = "") {
    http::Request request;
    request.x_forwarded_proto = proto;
    request.forwarded = forwarded;
    return edge::client_of(trusted, {peer, 0, true}, request).secure;
  };
  CHECK(secure("198.51.100.1", ""));
  CHECK(secure("198.51.100.1", "http"));
  CHECK(secure("10.0.0.1", ""));
  CHECK(secure("10.0.0.1", "", "for=1.1.1.1"));
  CHECK(secure("10.0.0.1", "https"));
  CHECK_FALSE(secure("10.0.0.1", "http"));
}

TEST_CASE("H-47 a peer's text taken apart, in each of its forms") {
  auto apart = [](std::string_view peer) {
    auto [ip, port] = edge::address_and_port(peer);
    return ip + " " + std::to_string(port);
  };
  CHECK(apart("192.0.2.1:54321") == "192.0.2.1 54321");
  CHECK(apart("[2001:db8::1]:80") == "2001:db8::1 80");
  CHECK(apart("[::ffff:192.0.2.1]:80") == "192.0.2.1 80");
  CHECK(apart("unix:/run/proxy.sock") == "unix 0");
  CHECK(apart("unix:") == "unix 0");
}
