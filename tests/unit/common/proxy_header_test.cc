// tests/unit/common/proxy_header_test.cc - the PROXY protocol, byte by byte.
// SPDX-License-Identifier: MIT
#include "common/base/proxy_header.h"

#include <doctest/doctest.h>

#include <string>

using namespace nxb;
using std::string_literals::operator""s;

namespace {

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

// Version 2 with this command, family and payload.
std::string v2(int command, int family, const std::string& payload) {
  std::string out = kSignature + static_cast<char>(command) + static_cast<char>(family);
  return out + static_cast<char>(payload.size() >> 8) + static_cast<char>(payload.size() & 0xff) + payload;
}

const std::string kFour = "\xcb\0\x71\x07\xc6\x33\x64\x01\x10\x92\x14\x66"s;  // 203.0.113.7:4242, 198.51.100.1:5222
const std::string kSix =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x10\x92\x14\x66"s;

// What is read of it, in one word: "more", "error", or the source and how many bytes are not the header's.
std::string read(std::string_view bytes) {
  auto header = read_proxy_header(bytes);
  if (!header) return "error";
  if (!*header) return "more";
  const std::string source = (*header)->source ? (*header)->source->text() : "unknown";
  return source + " +" + std::to_string(bytes.size() - (*header)->size);
}

std::optional<Address> at(const char* text) { return *Address::parse(text); }

}  // namespace

TEST_CASE("O-30 version 1: TCP4, TCP6, UNKNOWN; the bytes behind the line are the connection's") {
  CHECK(read("PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\r\n") == "203.0.113.7:4242 +0");
  CHECK(read("PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\r\nGET / HTTP/1.1\r\n") == "203.0.113.7:4242 +16");
  CHECK(read("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n") == "255.255.255.255:65535 +0");
  CHECK(read("PROXY TCP6 2001:db8::7 2001:db8::1 4242 5222\r\nx") == "[2001:db8::7]:4242 +1");
  CHECK(read("PROXY TCP6 ::ffff:203.0.113.7 ::ffff:198.51.100.1 1 2\r\n") == "[::ffff:203.0.113.7]:1 +0");
  CHECK(read("PROXY UNKNOWN\r\nxyz") == "unknown +3");
  CHECK(read("PROXY UNKNOWN ffff::1 whatever 65535 65535\r\n") == "unknown +0");
  CHECK(read("PROXY UNKNOWN " + std::string(91, 'f') + "\r\n") == "unknown +0");  // 107 bytes
}

TEST_CASE("O-30 version 1: what is not exactly such a line is an error") {
  for (const char* bytes : {
           "PROXY TCP4 203.0.113.7 198.51.100.1 4242\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222 \r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222 1\r\n",
           "PROXY TCP4  203.0.113.7 198.51.100.1 4242 5222\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 65536 5222\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4242 -1\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 04242 5222\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\rX",
           "PROXY TCP4 2001:db8::7 2001:db8::1 4242 5222\r\n",
           "PROXY TCP4 203.0.113.7 2001:db8::1 4242 5222\r\n",
           "PROXY TCP6 203.0.113.7 198.51.100.1 4242 5222\r\n",
           "PROXY TCP6 fe80::1%lo fe80::2 4242 5222\r\n",
           "PROXY TCP4 203.0.113 198.51.100.1 4242 5222\r\n",
           "PROXY TCP4 localhost 198.51.100.1 4242 5222\r\n",
           "PROXY tcp4 203.0.113.7 198.51.100.1 4242 5222\r\n",
           "PROXY TCP5 203.0.113.7 198.51.100.1 4242 5222\r\n",
           "PROXY UNKNOWNS\r\n",
           "PROXY \r\n",
           "PROXY\r\n",
           "proxy TCP4 203.0.113.7 198.51.100.1 4242 5222\r\n",
           "GET / HTTP/1.1\r\n",
           "P\r\n",
           "\r\n\r\nGET / HTTP/1.1\r\n",
           " PROXY UNKNOWN\r\n",
       }) {
    CAPTURE(bytes);
    CHECK(read(bytes) == "error");
  }
  CHECK(read("PROXY UNKNOWN " + std::string(92, 'f') + "\r\n") == "error");  // 108 bytes
  CHECK(read("PROXY UNKNOWN " + std::string(91, 'f')) == "more");
  CHECK(read("PROXY UNKNOWN " + std::string(91, 'f') + "\r") == "more");
  CHECK(read("PROXY UNKNOWN " + std::string(92, 'f')) == "error");  // before its end came
}

TEST_CASE("O-30 version 2: TCP over IPv4 and IPv6, TLVs skipped; LOCAL and what is not TCP over IP name nobody") {
  CHECK(read(v2(0x21, 0x11, kFour)) == "203.0.113.7:4242 +0");
  CHECK(read(v2(0x21, 0x11, kFour) + "GET") == "203.0.113.7:4242 +3");
  CHECK(read(v2(0x21, 0x21, kSix)) == "[2001:db8::7]:4242 +0");
  CHECK(read(v2(0x21, 0x11, kFour + "\x03\0\x04\xde\xad\xbe\xef"s)) == "203.0.113.7:4242 +0");  // a wrong checksum
  CHECK(read(v2(0x21, 0x11, kFour + std::string(508, 't'))) == "203.0.113.7:4242 +0");          // 536 bytes
  CHECK(read(v2(0x20, 0x00, "")) == "unknown +0");
  CHECK(read(v2(0x20, 0x11, kFour) + "x") == "unknown +1");  // 2.2: of LOCAL the addresses are not looked at
  CHECK(read(v2(0x20, 0xff, "abc")) == "unknown +0");
  CHECK(read(v2(0x21, 0x00, "")) == "unknown +0");
  CHECK(read(v2(0x21, 0x00, kFour)) == "unknown +0");
  CHECK(read(v2(0x21, 0x12, kFour)) == "unknown +0");                  // UDP
  CHECK(read(v2(0x21, 0x31, std::string(216, 'u'))) == "unknown +0");  // unix
}

TEST_CASE("O-30 version 2: other versions, commands, families, and lengths that cannot be are errors") {
  CHECK(read(v2(0x11, 0x11, kFour)) == "error");
  CHECK(read(v2(0x31, 0x11, kFour)) == "error");
  CHECK(read(v2(0x22, 0x11, kFour)) == "error");
  CHECK(read(v2(0x21, 0x41, kFour)) == "error");
  CHECK(read(v2(0x21, 0x13, kFour)) == "error");
  CHECK(read(v2(0x21, 0x11, kFour.substr(1))) == "error");
  CHECK(read(v2(0x21, 0x21, kSix.substr(1))) == "error");
  CHECK(read(v2(0x21, 0x31, std::string(215, 'u'))) == "error");
  CHECK(read(v2(0x21, 0x11, kFour + std::string(509, 't'))) == "error");
  CHECK(read(v2(0x20, 0x00, std::string(521, 't'))) == "error");
  CHECK(read("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c"s + kFour) == "error");
}

TEST_CASE("O-30 every beginning of a header asks for more, and of an error what tells it is enough") {
  for (const std::string& whole : {"PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\r\n"s, "PROXY UNKNOWN\r\n"s,
                                   v2(0x21, 0x11, kFour), v2(0x21, 0x21, kSix + "tlv"), v2(0x20, 0xff, "x")}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(read(std::string_view(whole).substr(0, size)) == "more");
    }
    CHECK(read(whole).ends_with("+0"));
  }
  CHECK(read("G") == "error");
  CHECK(read("PROXX") == "error");
  CHECK(read("\r\n\n") == "error");
  CHECK(read(kSignature + "\x11") == "error");
  CHECK(read(kSignature + "\x21\x41") == "error");
  CHECK(read(kSignature + "\x21\x11\0\x0b"s) == "error");
}

TEST_CASE("O-30 what is written: both versions, both families") {
  const auto source = at("203.0.113.7:4242"), server = at("198.51.100.1:5222");
  CHECK(write_proxy_header(ProxyVersion::V1, source, server) == "PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\r\n");
  CHECK(write_proxy_header(ProxyVersion::V2, source, server) == v2(0x21, 0x11, kFour));
  const auto source6 = at("[2001:db8::7]:4242"), server6 = at("[2001:db8::1]:5222");
  CHECK(write_proxy_header(ProxyVersion::V1, source6, server6) == "PROXY TCP6 2001:db8::7 2001:db8::1 4242 5222\r\n");
  CHECK(write_proxy_header(ProxyVersion::V2, source6, server6) == v2(0x21, 0x21, kSix));
}

TEST_CASE(
    "O-30 what is written: of two families IPv4 is mapped, of no server the unspecified address, of nobody nothing") {
  const auto four = at("203.0.113.7:4242"), six = at("[2001:db8::1]:5222"), local = at("unix:/run/xmpp");
  auto v1 = [](const auto& source, const auto& to) { return write_proxy_header(ProxyVersion::V1, source, to); };
  CHECK(v1(four, six) == "PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 4242 5222\r\n");
  CHECK(v1(six, four) == "PROXY TCP6 2001:db8::1 ::ffff:203.0.113.7 5222 4242\r\n");
  CHECK(v1(at("[::ffff:203.0.113.7]:4242"), at("198.51.100.1:5222")) ==
        "PROXY TCP4 203.0.113.7 198.51.100.1 4242 5222\r\n");
  CHECK(v1(four, local) == "PROXY TCP4 203.0.113.7 0.0.0.0 4242 0\r\n");
  CHECK(v1(six, std::optional<Address>()) == "PROXY TCP6 2001:db8::1 :: 5222 0\r\n");
  CHECK(v1(local, four) == "PROXY UNKNOWN\r\n");
  CHECK(write_proxy_header(ProxyVersion::V2, std::nullopt, four) == v2(0x20, 0x00, ""));
  CHECK(write_proxy_header(ProxyVersion::V2, four, six).size() == 16 + 36);
}
