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

}  // namespace nxb::ws
