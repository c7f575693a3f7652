// tests/unit/worker/xmpp/features_test.cc - what nxb takes out of features, and what it sends back for lost stanzas.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "worker/xmpp/splitter.h"

using namespace nxb;
using namespace nxb::xmpp;

namespace {

std::string features(std::string_view inside) {
  return "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>" + std::string(inside) +
         "</stream:features>";
}

std::string bounced(Kind kind, std::string bytes) {
  xml::Pool pool;
  return bounce(pool, Stanza{kind, std::move(bytes)});
}

constexpr std::string_view kMechanisms =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>B</mechanism> "
    "<mechanism>A</mechanism></mechanisms>";

}  // namespace

TEST_CASE("B-37: starttls and compression are taken out, everything else stays byte for byte") {
  xml::Pool pool;
  std::string_view tls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
  std::string_view compress =
      "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";
  std::string inside =
      " " + std::string(tls) + "\n" + std::string(kMechanisms) + std::string(compress) + "<ver xmlns='urn:v'/>";
  auto read = read_features(pool, features(inside));
  REQUIRE(static_cast<bool>(read));
  CHECK(read->starttls);
  CHECK(read->starttls_required);
  CHECK(read->stripped == features(" \n" + std::string(kMechanisms) + "<ver xmlns='urn:v'/>"));
}

TEST_CASE("U-39: starttls is found by its namespace; required is a child of it") {
  xml::Pool pool;
  auto optional = read_features(pool, features("<t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'/>"));
  REQUIRE(static_cast<bool>(optional));
  CHECK(optional->starttls);
  CHECK_FALSE(optional->starttls_required);
  CHECK(optional->stripped == features(""));
  auto misplaced = read_features(pool, features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression "
                                                "xmlns='http://jabber.org/features/compress'><required "
                                                "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></compression>"));
  REQUIRE(static_cast<bool>(misplaced));
  CHECK_FALSE(misplaced->starttls_required);
  std::string other = features("<starttls xmlns='urn:other'/><required xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  auto none = read_features(pool, other);
  REQUIRE(static_cast<bool>(none));
  CHECK_FALSE(none->starttls);
  CHECK_FALSE(none->starttls_required);
  CHECK(none->stripped == other);
  CHECK_FALSE(static_cast<bool>(read_features(pool, "<features xmlns='urn:other'><starttls/></features>")));
  CHECK_FALSE(static_cast<bool>(read_features(pool, "<stream:features><starttls/></stream:features>")));
}

TEST_CASE("B-37: features in which nothing is nxb's stay as they are, and no parser is asked") {
  xml::Pool pool;
  std::string inside = std::string(kMechanisms) + "<start xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  auto read = read_features(pool, features(inside));
  REQUIRE(static_cast<bool>(read));
  CHECK(read->stripped == features(inside));
  CHECK_FALSE(read->starttls);
  CHECK(pool.made() == 0);
  REQUIRE(static_cast<bool>(read_features(pool, features("<compression xmlns='urn:other'/>"))));
  CHECK(pool.made() == 1);
}

TEST_CASE("B-103: a request that nobody collected is answered service-unavailable") {
  for (std::string type : {"get", "set"}) {
    CHECK(bounced(Kind::Iq,
                  "<iq xmlns='jabber:client' type='" + type + "' id='a&amp;b' from='x@y/z' to='me@h/r'><q/></iq>") ==
          "<iq xmlns='jabber:client' type='error' id='a&amp;b' to='x@y/z'><error type='cancel'><service-unavailable "
          "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  }
  CHECK(bounced(Kind::Iq, "<iq xmlns='jabber:client' type='get' id='1'/>").find(" to=") == std::string::npos);
}

TEST_CASE("B-103: a message that nobody collected is answered recipient-unavailable") {
  CHECK(bounced(Kind::Message, "<message xmlns='jabber:client' from='x@y' type='chat'>text<body>hi</body></message>") ==
        "<message xmlns='jabber:client' type='error' to='x@y'><error type='wait'><recipient-unavailable "
        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
  CHECK_FALSE(bounced(Kind::Message, "<message xmlns='jabber:client'/>").empty());
}

TEST_CASE("B-103 U-61: no error for presence, results, errors, or what is no stanza") {
  CHECK(bounced(Kind::Presence, "<presence xmlns='jabber:client'/>").empty());
  CHECK(bounced(Kind::Iq, "<iq xmlns='jabber:client' type='result' id='1'/>").empty());
  CHECK(bounced(Kind::Iq, "<iq xmlns='jabber:client' type='error' id='1'/>").empty());
  CHECK(bounced(Kind::Iq, "<iq xmlns='jabber:client' id='1'/>").empty());
  CHECK(bounced(Kind::Message, "<message xmlns='jabber:client' type='error'/>").empty());
  CHECK(bounced(Kind::Other, "<r xmlns='urn:xmpp:sm:3'/>").empty());
}
