// tests/unit/common/address_test.cc - addresses as text, and which lie inside (U-16).
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/address.h"

namespace nxb {
namespace {

TEST_CASE("an address that parses prints as it was written") {
  for (const char* text : {"127.0.0.1:5280", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:5280", "[2001:db8::7]:443",
                           "unix:/run/nxb/http.sock", "unix:relative.sock"}) {
    CAPTURE(text);
    auto address = Address::parse(text);
    REQUIRE(static_cast<bool>(address));
    CHECK(address->text() == text);
    Address copy = Address::from_sockaddr(address->get(), address->size());
    CHECK(copy.text() == text);
    CHECK(copy.family() == address->family());
  }
}

TEST_CASE("what is not an address is an error that names the text") {
  for (const char* text : {"",
                           "127.0.0.1",
                           "127.0.0.1:",
                           ":5280",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:80x",
                           "127.0.0.1: 80",
                           "localhost:5280",
                           "::1:5280",
                           "[::1]",
                           "[::1]5280",
                           "[::1:5280",
                           "[127.0.0.1]:1",
                           "[]:1",
                           "1.2.3:4",
                           "1.2.3.4.5:6",
                           "unix:",
                           "unix",
                           "[fe80::1%lo]:1"}) {
    CAPTURE(text);
    auto address = Address::parse(text);
    REQUIRE_FALSE(static_cast<bool>(address));
    CHECK(address.error().code == Code::BadInput);
    CHECK(address.error().text.find(text) != std::string::npos);
  }
}

TEST_CASE("the path of a unix socket fits the system's structure or is refused") {
  CHECK(static_cast<bool>(Address::parse("unix:/" + std::string(106, 'x'))));
  CHECK_FALSE(static_cast<bool>(Address::parse("unix:/" + std::string(107, 'x'))));
  CHECK_FALSE(static_cast<bool>(Address::parse(std::string("unix:/a\0b", 9))));
}

TEST_CASE("loopback is 127/8, ::1, the mapped form and unix sockets") {
  CHECK(Address::from_ip("127.9.9.9", 1)->is_loopback());
  CHECK(Address::from_ip("::1", 1)->is_loopback());
  CHECK(Address::from_ip("::ffff:127.0.0.1", 1)->is_loopback());
  CHECK(Address::parse("unix:/x")->is_loopback());
  CHECK_FALSE(Address::from_ip("::", 1)->is_loopback());
  CHECK_FALSE(Address::from_ip("10.0.0.1", 1)->is_loopback());
}

TEST_CASE("the address without its port shows a mapped IPv4 client as IPv4") {
  CHECK(Address::parse("10.1.2.3:4")->ip_text() == "10.1.2.3");
  CHECK(Address::parse("[2001:db8::1]:4")->ip_text() == "2001:db8::1");
  CHECK(Address::from_ip("::ffff:10.1.2.3", 4)->ip_text() == "10.1.2.3");
  CHECK(Address::parse("unix:/x")->ip_text() == "unix");
}

TEST_CASE("the peer of a socket is known: TCP by address, an unnamed unix peer as unix:") {
  std::array<int, 2> pair{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0);
  CHECK(Address::peer_of(pair[0])->text() == "unix:");
  close(pair[0]);
  close(pair[1]);
  CHECK_FALSE(static_cast<bool>(Address::peer_of(pair[0])));

  int server = socket(AF_INET, SOCK_STREAM, 0);
  auto any = Address::parse("127.0.0.1:0");
  REQUIRE(bind(server, any->get(), any->size()) == 0);
  REQUIRE(listen(server, 1) == 0);
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  REQUIRE(getsockname(server, reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  Address target = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&bound), size);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(connect(client, target.get(), target.size()) == 0);
  CHECK(Address::peer_of(client)->text() == target.text());
  close(client);
  close(server);
}

TEST_CASE("host and port are taken apart without resolving") {
  auto name = parse_host_port("xmpp.example.org:5222");
  CHECK(name->host == "xmpp.example.org");
  CHECK(name->port == 5222);
  CHECK(parse_host_port("[2001:db8::1]:5223")->host == "2001:db8::1");
  CHECK(parse_host_port("127.0.0.1:1")->host == "127.0.0.1");
  for (const char* text : {"example.org", "example.org:", ":5222", "example.org:0", "example.org:99999",
                           "2001:db8::1:5222", "[example.org]:1", "[1.2.3.4]:1", "a b:1", "a/b:1", "me@host:1", ""}) {
    CAPTURE(text);
    CHECK_FALSE(static_cast<bool>(parse_host_port(text)));
  }
}

}  // namespace
}  // namespace nxb
