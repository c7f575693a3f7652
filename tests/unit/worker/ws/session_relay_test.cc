// tests/unit/worker/ws/session_relay_test.cc - elements both ways, signs of life, and clients that are slow or too fast.
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::ws {

TEST_CASE("W-20 W-34 W-35 W-49 each element is a message of its own, both ways, unchanged") {
  Rig rig;
  rig.open();
  for (const char* element : {"<message xmlns='jabber:client'><body/></message>", "<r xmlns='urn:xmpp:sm:3'/>",
                              "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<c:iq xmlns:c='jabber:client'/>"}) {
    CHECK(rig.says(element) == "Forward 1 " + std::string(element) + "\n");
  }
  CHECK(rig.server(upstream::Arrived{{{xmpp::Kind::Message, "<message xml:lang='de'/>"},
                                      {xmpp::Kind::Other, "<a xmlns='urn:xmpp:sm:3' h='1'/>"},
                                      {xmpp::Kind::Features, "<f xml:lang=''/>"}}}) ==
        "S <message xml:lang='de'/>\nS <a xmlns='urn:xmpp:sm:3' h='1'/>\nS <f xml:lang=''/>\n");
}

TEST_CASE("W-36 elements get the language of the server's last header, if that has one") {
  Rig rig;
  rig.open();
  CHECK(rig.server_says("<message/>") == "S <message xml:lang=\"en\"/>\n");
  rig.says(kOpen);
  rig.server(upstream::Opened{"U78", "1.0", "a.example", ""});
  CHECK(rig.server_says("<message/>") == "S <message/>\n");
  rig.says(kOpen);
  rig.server(upstream::Opened{"U79", "1.0", "a.example", std::string(65, 'x')});  // no language is as long
  CHECK(rig.server_says("<message/>") == "S <message/>\n");
}

TEST_CASE("W-47 whitespace of the client is not passed on") {
  Rig rig;
  rig.open();
  CHECK(rig.says(" ").empty());
  CHECK(rig.says("").empty());
  CHECK(rig.says(" <a/> \n") == "Forward 1 <a/>\n");
}

TEST_CASE("W-24 a ping gets its pong, before a stream, in it and while it ends") {
  Rig rig;
  CHECK(rig.feed(PingArrived{"a"}) == "Pong a\n");
  rig.open();
  CHECK(rig.feed(PingArrived{""}) == "Pong \n");
  rig.says(kClientsClose);
  CHECK(rig.feed(PingArrived{"b"}) == "Pong b\n");
  rig.pass(5s);
  CHECK(rig.feed(PingArrived{"c"}).empty());  // behind Close (W-22)
}

TEST_CASE("W-24 more than 20 pings in a second: 1008") {
  Rig rig;
  rig.open();
  for (int second = 0; second < 3; ++second) {
    for (int i = 0; i < 20; ++i) CHECK(rig.feed(PingArrived{"x"}) == "Pong x\n");
    rig.pass(1s);
  }
  for (int i = 0; i < 20; ++i) rig.feed(PingArrived{"x"});
  CHECK(rig.feed(PingArrived{"x"}) ==
        lines({"Close 1008", "CloseStream lost", "Ended too many pings/policy-violation", "HangUp"}));
}

TEST_CASE("W-25 C-18 a ping every 30 s, one more when nothing came for two of them, and the end soon after") {
  Rig rig;
  rig.open();
  CHECK(rig.pass(29'999ms).empty());
  CHECK(rig.pass(1ms) == "Ping \n");
  rig.feed(PongArrived{});
  CHECK(rig.pass(30s) == "Ping \n");
  CHECK(rig.pass(29'999ms).empty());
  CHECK(rig.pass(1ms) == "Ping \n");
  CHECK(rig.pass(4'999ms).empty());
  CHECK(rig.pass(1ms) == lines({"CloseStream lost", "Ended no pong/", "HangUp"}));
}

TEST_CASE("W-25 after a stall of the worker nobody is lost before what waits to be read was read") {
  Rig rig;
  rig.open();
  CHECK(rig.pass(30s) == "Ping \n");
  rig.now += 10min;  // its pong waits all the time
  CHECK(rig.feed(TimePassed{}) == "Ping \n");
  rig.feed(PongArrived{});
  CHECK(rig.pass(29'999ms).empty());
  CHECK(rig.pass(30s) == "Ping \n");
  CHECK(rig.pass(1ms) == "Ping \n");
  CHECK(rig.pass(5s) == lines({"CloseStream lost", "Ended no pong/", "HangUp"}));
}

TEST_CASE("W-25 the last wait is never longer than an interval") {
  SessionLimits limits;
  limits.ping_interval = 1s;
  Rig rig(limits);
  rig.open();
  CHECK(rig.pass(2'999ms) == "Ping \nPing \n");
  CHECK(rig.pass(1ms) == lines({"CloseStream lost", "Ended no pong/", "HangUp"}));
}

TEST_CASE("W-25 C-18 any frame counts as life; 0 turns pings off") {
  for (int kind = 0; kind < 3; ++kind) {
    Rig rig;
    rig.open();
    for (int i = 0; i < 10; ++i) {
      rig.pass(29s);
      if (kind == 0) rig.says("<a/>");
      if (kind == 1) rig.says(" ");
      if (kind == 2) rig.feed(PingArrived{});
    }
    CHECK(rig.ended == 0);
  }
  SessionLimits limits;
  limits.ping_interval = 0ms;
  Rig off(limits);
  off.open();
  CHECK_FALSE(off.session.next_deadline());
  CHECK(off.pass(1h).empty());
}

TEST_CASE("W-25 a frame that comes together with the last moment is in time") {
  Rig rig;
  rig.open();
  rig.pass(59'999ms);
  rig.now += 1ms;
  CHECK(rig.feed(PongArrived{}) == "Ping \n");
  CHECK(rig.ended == 0);
}

TEST_CASE("W-25 a slow client whose pongs are stuck behind a backlog is not lost while it takes some of that") {
  Rig rig;
  rig.open();
  for (std::uint64_t left = 900'000; left > 0; left -= 100'000) {
    CHECK(rig.pass(29s).find("Ended") == std::string::npos);
    rig.feed(Unsent{left, true});
  }
  rig.feed(Unsent{900'000});  // there is more of it; that says nothing of the client
  CHECK(rig.pass(70s).find("Ended no pong/") != std::string::npos);
}

TEST_CASE("W-26 above 1 MiB unsent the server is not read, until nothing is left") {
  Rig rig;
  rig.open();
  CHECK(rig.feed(Unsent{1 << 20}).empty());
  CHECK(rig.feed(Unsent{(1 << 20) + 1}) == "ReadServer off\n");
  CHECK(rig.feed(Unsent{(1 << 20) + 2}).empty());
  CHECK(rig.feed(Unsent{1}).empty());
  CHECK(rig.feed(Unsent{0}) == "ReadServer on\n");
  CHECK(rig.feed(Unsent{0}).empty());
}

TEST_CASE("W-26 above 4 MiB unsent: 1008") {
  Rig rig;
  rig.open();
  CHECK(rig.feed(Unsent{4 << 20}) == "ReadServer off\n");
  CHECK(rig.feed(Unsent{(4 << 20) + 1}) ==
        lines({"Close 1008", "CloseStream lost", "Ended client does not read/policy-violation", "HangUp"}));
}

TEST_CASE("W-26 who does not read its goodbye is let go as well, without a second Close") {
  Rig rig;
  rig.open();
  rig.feed(ShutDown{});
  CHECK(rig.feed(Unsent{2 << 20}).empty());
  CHECK(rig.feed(Unsent{5 << 20}) == "HangUp\n");
}

}  // namespace nxb::ws
