// tests/unit/worker/ws/session_login_test.cc - from the first message to the features, and restarts.
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::ws {

TEST_CASE("W-29 W-32 W-34 W-38 W-42 W-44 D-58 the login of example 2, with its restart and its end") {
  Rig rig;
  CHECK(rig.says(kOpen) == "OpenStream a.example 1.0  \n");
  CHECK(rig.session.state() == State::Opening);
  CHECK(rig.opened() == "S " + kServersOpen + "\n");
  CHECK(rig.session.state() == State::Open);
  CHECK(rig.server_says(kFeatures, xmpp::Kind::Features) == "S " + kFeatures + "\n");
  const std::string auth = "<auth xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" mechanism=\"PLAIN\">AHUAcA==</auth>";
  CHECK(rig.says(auth) == "Forward 1 " + auth + "\n");
  CHECK(rig.server_says("<success xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"/>") ==
        "S <success xml:lang=\"en\" xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"/>\n");
  CHECK(rig.says(kOpen) == "RestartStream\n");
  CHECK(rig.opened("U78").find("id=\"U78\"") != std::string::npos);
  CHECK(rig.server_says(kFeatures, xmpp::Kind::Features) == "S " + kFeatures + "\n");
  CHECK(rig.says(kClientsClose) == lines({"S <close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />",
                                          "CloseStream closed", "Ended client closed/"}));
  CHECK(rig.feed(CloseArrived{1000}) == lines({"Close 1000", "HangUp"}));
  CHECK(rig.session.state() == State::Gone);
}

TEST_CASE("W-29 the header's attributes go upstream as written") {
  Rig rig;
  CHECK(rig.says(open_with("to='A.example.' from='me@a.example' version='1.0' xml:lang='de'")) ==
        "OpenStream A.example. 1.0 de me@a.example\n");
  Rig long_language;
  CHECK(long_language.says(open_with("to='a' xml:lang='" + std::string(65, 'a') + "'")) == "OpenStream a   \n");
}

TEST_CASE("W-29 W-40 W-53 any other first message is bad-format") {
  const std::string header = "<stream:stream to='a' xmlns:stream='http://etherx.jabber.org/streams'>";
  for (const std::string& first : {std::string("<message/>"), kClientsClose, std::string("</stream:stream>"), header,
                                   std::string("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")}) {
    CAPTURE(first);
    SessionLimits limits;
    limits.legacy_framing = false;
    Rig rig(limits);
    CHECK(rig.says(first) == error_end(kBareOpen, "bad-format", "", "no open at first/bad-request"));
    CHECK(rig.session.state() == State::Closing);
    CHECK(rig.says(kOpen).empty());
    CHECK(rig.feed(CloseArrived{1000}) == "HangUp\n");
  }
}

TEST_CASE("W-27 W-28 W-30 a first message that is no good XML hears open, the error, close") {
  struct Row {
    const char *text, *condition;
  };
  for (const Row& row : {Row{"<a", "not-well-formed"}, Row{"<!--x--><a/>", "restricted-xml"},
                         Row{"<open xmlns='jabber:client'/>", "invalid-namespace"}}) {
    Rig rig;
    CHECK(rig.says(" \n").empty());  // whitespace is no message
    CHECK(rig.says(row.text) == error_end(kBareOpen, row.condition, "", std::string(row.condition) + "/bad-request"));
  }
}

TEST_CASE("W-31 D-64 no domain is improper-addressing, and nothing is looked up") {
  for (const std::string& to : {std::string(), std::string("to=''"), "to='" + std::string(3'072, 'a') + "'"}) {
    Rig rig;
    CHECK(rig.says(open_with(to)) == error_end(kBareOpen, "improper-addressing", "", "no domain/improper-addressing"));
  }
}

TEST_CASE("W-31 a version before 1.0 is unsupported-version, none is 1.0") {
  for (const std::string version : {"0.9", "00.1", "1", "1.", ".0", "x.y", "1.0.0", "-1.0", "1234567.89"}) {
    CAPTURE(version);
    Rig rig;
    CHECK(rig.says(open_with("to='a.example' version='" + version + "'")) ==
          error_end(kOwnOpen, "unsupported-version", "", "unsupported version/bad-request"));
  }
  for (const std::string version : {"1.0", "1.1", "2.0", "01.0"}) {
    Rig rig;
    CHECK(rig.says(open_with("to='a' version='" + version + "'")) == "OpenStream a " + version + "  \n");
  }
  Rig none;
  CHECK(none.says(open_with("to='a'")) == "OpenStream a   \n");
}

TEST_CASE("W-31 W-40 example 3: a refused domain, before open was said") {
  for (auto condition :
       {bosh::Condition::HostUnknown, bosh::Condition::ImproperAddressing, bosh::Condition::RemoteConnectionFailed}) {
    Rig rig;
    rig.says(kOpen);
    std::string name(wire_name(condition));
    CHECK(rig.server(upstream::Closed{condition, {}, "why"}) == error_end(kOwnOpen, name, "", "server lost/" + name));
    CHECK(rig.feed(CloseArrived{1000}) == "HangUp\n");
  }
}

TEST_CASE("W-32 C-58 D-60 open waits for the server's header and says what that says") {
  Rig rig;
  rig.says(kOpen);
  CHECK(rig.pass(1'499ms).empty());
  CHECK(rig.server(upstream::Opened{"<\"'&", "1.1", "b.example", ""}) ==
        "S <open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"b.example\" id=\"&lt;&quot;&apos;&amp;\" "
        "version=\"1.0\"/>\n");
  Rig bare;
  bare.says(kOpen);  // a server before 1.0 that says nothing of itself: there will be no features
  CHECK(bare.server(upstream::Opened{"", ""}) ==
        "S <open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"a.example\"/>\n");
}

TEST_CASE("W-33 open is said after 1.5 s, and the server's header swallowed when it comes") {
  Rig rig;
  rig.says(kOpen);
  CHECK(rig.pass(1'500ms) == "S " + kOwnOpen + "\n");
  CHECK(rig.session.state() == State::Open);
  CHECK(rig.pass(5s).empty());
  CHECK(rig.opened().empty());
  CHECK(rig.server_says(kFeatures) == "S " + kFeatures + "\n");
  CHECK(rig.server_says("<a/>") == "S <a xml:lang=\"en\"/>\n");  // but what it told of the language counts
}

TEST_CASE("W-33 W-40 a failure after the early open is an error without another one") {
  Rig rig;
  rig.says(kOpen);
  rig.pass(2s);
  CHECK(rig.server(upstream::Closed{bosh::Condition::HostUnknown, {}, {}}) ==
        error_end("", "host-unknown", "", "server lost/host-unknown"));
}

TEST_CASE("W-37 what the client says before the server is ready goes on its way, in order") {
  Rig rig;
  rig.says(kOpen);
  CHECK(rig.says("<a/>") == "Forward 1 <a/>\n");
  rig.opened();
  CHECK(rig.says("<b/>") == "Forward 1 <b/>\n");
}

TEST_CASE("W-38 C-59 C-76 a restart has the same rule of 1.5 s, and the new header's id") {
  Rig rig;
  rig.open();
  CHECK(rig.says(open_with("to='A.EXAMPLE'")) == "RestartStream\n");
  CHECK(rig.says("<early/>") == "Forward 1 <early/>\n");
  CHECK(rig.pass(1'499ms).empty());
  CHECK(rig.pass(1ms) == "S " + kOwnOpen + "\n");
  CHECK(rig.opened("U78").empty());
  CHECK(rig.says(kOpen) == "RestartStream\n");
  CHECK(rig.opened("U79").find("id=\"U79\"") != std::string::npos);
  CHECK(rig.pass(27s).empty());
  CHECK(rig.opened("U80").empty());  // nobody asked
}

TEST_CASE("W-38 W-39 a restart for another domain is host-unknown") {
  Rig rig;
  rig.open();
  CHECK(rig.says(open_with("to='b.example'")) ==
        error_end("", "host-unknown", "CloseStream lost\n", "another domain/host-unknown"));
  Rig none;
  none.open();
  CHECK(none.says(open_with("")) ==
        error_end("", "improper-addressing", "CloseStream lost\n", "no domain/improper-addressing"));
}

TEST_CASE("W-38 W-39 open again before the stream was ready is bad-format, it could not be answered") {
  Rig first;
  first.says(kOpen);
  std::string ended = "open before the stream was ready/bad-request";
  CHECK(first.says(kOpen) == error_end(kOwnOpen, "bad-format", "CloseStream lost\n", ended));
  Rig late;
  late.says(kOpen);
  late.pass(2s);
  CHECK(late.says(kOpen) == error_end("", "bad-format", "CloseStream lost\n", ended));
  Rig again;
  again.open();
  again.says(kOpen);
  CHECK(again.says(kOpen) == error_end(kOwnOpen, "bad-format", "CloseStream lost\n", ended));
}

TEST_CASE("W-46 where new streams are sent elsewhere, open is answered and close says where") {
  SessionLimits limits;
  limits.see_other_uri = "wss://b.example/ws";
  Rig rig(limits);
  CHECK(rig.says(kOpen) ==
        lines({"S " + kOwnOpen,
               "S <close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" see-other-uri=\"wss://b.example/ws\"/>",
               "Ended see other uri/see-other-uri"}));
  CHECK(rig.says(kClientsClose) == "Close 1000\n");
  CHECK(rig.feed(CloseArrived{1000}) == "HangUp\n");
}

TEST_CASE("W-10 no open in 15 s: 1008") {
  Rig rig;
  CHECK(rig.pass(14'999ms).empty());
  CHECK(rig.says("  ").empty());
  CHECK(rig.pass(1ms) == lines({"Ended no open in time/policy-violation", "HangUp"}).insert(0, "Close 1008\n"));
}

}  // namespace nxb::ws
