// tests/unit/worker/gateway/trace_test.cc - XML in the log: at TRACE only, cut, and without secrets.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>

#include "tests/support/captured_log.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/gateway/journal_rig.h"

using namespace nxb;
using namespace nxb::gateway;
using testing::contains;

namespace {

// What the log says of a session whose client sent and whose server answered.
std::string told_at(std::string_view level, std::uint32_t length = 256) {
  nxb::testing::CapturedLog captured;
  config::Config config;
  config.log.trim_default_length = length;
  log::configure(level, "text", "");
  {
    Watched world(config);
    world.create_bosh(world.sid);
    world.say_bosh("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>S3CRET</auth>");
    world.bring_message(StreamId{1},
                        "<message xmlns='jabber:client'><body>hello</body><password>S3CRET</password></message>");
    SocketId socket = world.login();
    world.say(socket, "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:register'>S3CRET</query></iq>");
  }
  log::configure("INFO", "text", "");
  return captured.text();
}

}  // namespace

TEST_CASE("C-16 O-27 XML is in the log at TRACE only, of both directions and kinds, without secrets") {
  const std::string text = told_at("TRACE");
  CAPTURE(text);
  CHECK(contains(text, " trace event=stanza.from_client sid="));
  CHECK(contains(text, "mechanism='PLAIN'>[redacted]</auth>"));
  CHECK(contains(text, " trace event=stanza.from_server sid="));
  CHECK(contains(text, "<body>hello</body><password>[redacted]</password></message>"));
  CHECK(contains(text, "<query xmlns='jabber:iq:register'>[redacted]</query></iq>"));
  CHECK_FALSE(contains(text, "S3CRET"));
  for (const char* level : {"DEBUG", "INFO"}) {
    const std::string less = told_at(level);
    CHECK_FALSE(contains(less, "mechanism"));
    CHECK_FALSE(contains(less, "hello"));
    CHECK_FALSE(contains(less, "S3CRET"));
  }
}

TEST_CASE("C-16 trim_default_length is the most of it that a line shows") {
  CHECK(contains(told_at("TRACE", 20), "xml=\"<auth xmlns='urn:iet... ["));
}
