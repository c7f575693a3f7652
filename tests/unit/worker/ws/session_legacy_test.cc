// tests/unit/worker/ws/session_legacy_test.cc - the draft's framing: stream headers and end tags in messages.
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::ws {

const std::string kHeader =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'";
const std::string kServersHeader =
    "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" from=\"a.example\" "
    "id=\"U77\" version=\"1.0\" xml:lang=\"en\"";
const std::string kOwnHeader =
    "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" from=\"a.example\" "
    "id=\"name\" version=\"1.0\"";

TEST_CASE("W-50 W-51 C-57 C-58 a header is answered in its own form, with what the server says") {
  for (const std::string end : {">", "/>"}) {
    Rig rig;
    CHECK(rig.says("<?xml version='1.0'?>" + kHeader + end) == "OpenStream a.example 1.0  \n");
    CHECK(rig.opened() == "S " + kServersHeader + end + "\n");
    CHECK(rig.server_says(kFeatures) == "S " + kFeatures + "\n");
    CHECK(rig.says("<a/>") == "Forward 1 <a/>\n");
    CHECK(rig.server_says("<b/>") == "S <b xml:lang=\"en\"/>\n");
  }
}

TEST_CASE("W-51 W-38 C-59 again is a restart, answered in the form of that header") {
  Rig rig;
  rig.open(kHeader + ">");
  CHECK(rig.says(kHeader + "/>") == "RestartStream\n");
  CHECK(rig.opened() == "S " + kServersHeader + "/>\n");
  CHECK(rig.says(kHeader + ">") == "RestartStream\n");
  CHECK(rig.pass(1'500ms) == "S " + kOwnHeader + ">\n");
}

TEST_CASE("W-52 W-42 C-60 the end tag alone closes and is answered by the same") {
  Rig rig;
  rig.open(kHeader + ">");
  CHECK(rig.says("</stream:stream>") == "S </stream:stream>\nCloseStream closed\nEnded client closed/\n");
  CHECK(rig.pass(5s) == "Close 1000\n");
}

TEST_CASE("W-53 W-43 C-60 a server's end is the end tag; the client's is waited for") {
  Rig rig;
  rig.open(kHeader + ">");
  CHECK(rig.server(upstream::Closed{}) == "S </stream:stream>\nEnded server closed/\n");
  CHECK(rig.says(kClientsClose).empty());
  CHECK(rig.says("</stream:stream>") == "Close 1000\n");
}

TEST_CASE("W-53 W-40 errors have a header before them and the end tag behind them") {
  Rig rig;
  rig.says(kHeader + ">");
  CHECK(rig.server(upstream::Closed{bosh::Condition::HostUnknown, {}, {}}) ==
        lines({"S " + kOwnHeader + ">", "S " + stream_error("host-unknown"), "S </stream:stream>",
               "Ended server lost/host-unknown", "Close 1000"}));
}

TEST_CASE("W-31 D-64 a header without a domain is improper-addressing") {
  Rig rig;
  CHECK(rig.says("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>") ==
        lines({"S <stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" id=\"name\" "
               "version=\"1.0\">",
               "S " + stream_error("improper-addressing"), "S </stream:stream>", "Ended no domain/improper-addressing",
               "Close 1000"}));
}

TEST_CASE("W-50 W-39 one framing for a connection") {
  for (const std::string& other : {kOpen, kClientsClose}) {
    Rig rig;
    rig.open(kHeader + ">");
    CHECK(rig.says(other) == lines({"S " + stream_error("bad-format"), "S </stream:stream>", "CloseStream lost",
                                    "Ended another framing/bad-request", "Close 1000"}));
  }
  Rig framed;
  framed.open();
  CHECK(framed.says(kHeader + ">") == error_end("", "bad-format", "CloseStream lost\n", "another framing/bad-request"));
}

TEST_CASE("W-46 the draft cannot send a client elsewhere, so it stays") {
  SessionLimits limits;
  limits.see_other_uri = "wss://b.example/ws";
  Rig rig(limits);
  CHECK(rig.says(kHeader + ">") == "OpenStream a.example 1.0  \n");
}

}  // namespace nxb::ws
