// tests/unit/common/config/websocket_test.cc - [websocket] and [discovery]: what they take.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "tests/unit/common/config/support.h"

namespace nxb::config {

using namespace std::chrono_literals;

TEST_CASE("W-08 W-25 W-50 [websocket] has its paths, its pings and the old framing, as node-xmpp-bosh had them") {
  const Config::WebSocket initial = load("").config.websocket;
  CHECK(initial.path == std::vector<std::string>{"/xmpp-websocket"});
  CHECK(initial.ping_interval == 30s);
  CHECK(initial.legacy_framing);
  const std::vector<std::string> two{"/a", "/b"};
  CHECK(good("[websocket]\npath = ['/a/', '/b']\n").websocket.path == two);
  CHECK(good("[websocket]\npath = '/http-bind'\n").websocket.path[0] == "/http-bind");  // both at one URL
  CHECK(good("[websocket]\nping_interval = 0\n").websocket.ping_interval == 0s);
  CHECK(contains(joined(load("[websocket]\npath = []\n").errors), "websocket.path"));
  CHECK(contains(joined(load("[websocket]\nping_interval = '2h'\n").errors), "websocket.ping_interval"));
}

TEST_CASE("W-19 W-26 a client's message and what it does not take are bounded by keys of their own") {
  CHECK(load("").config.websocket.max_message == 500'000);
  CHECK(load("").config.websocket.max_buffer == 4 << 20);
  CHECK(good("[websocket]\nmax_message = '1MiB'\nmax_buffer = '16MiB'\n").websocket.max_buffer == 16 << 20);
  for (const char* wrong : {"max_message = 9999", "max_message = 10000001", "max_buffer = 0", "max_buffer = '1MiB'",
                            "max_buffer = '2GiB'"}) {
    INFO(wrong);
    CHECK(load(std::string("[websocket]\n") + wrong + "\n").errors.size() == 1);
  }
}

TEST_CASE("W-26 max_buffer has room for the largest stanza behind what a client may be late with") {
  CHECK(good("[websocket]\nmax_buffer = 1548576\n").websocket.max_buffer == 1'548'576);
  std::string error = joined(load("[log]\n[websocket]\nmax_buffer = 1548575\n").errors);
  CHECK(contains(error, "f.toml:3: websocket.max_buffer"));
  CHECK(contains(error, "1548576 bytes"));
  CHECK(contains(error, "one stanza of max_xmpp_stanza_size could end a client"));
  error = joined(load("[upstream]\nmax_xmpp_stanza_size = 9000000\n").errors);
  CHECK(contains(error, "f.toml:2: upstream.max_xmpp_stanza_size"));
  CHECK(contains(error, "10048576 bytes"));
  CHECK(good("[upstream]\nmax_xmpp_stanza_size = 9000000\n[websocket]\nmax_buffer = '16MiB'\n").websocket.max_buffer ==
        16 << 20);
}

TEST_CASE("W-25 C-18 pings are off or at least a second apart") {
  CHECK(good("[websocket]\nping_interval = 0\n").websocket.ping_interval == 0s);
  CHECK(good("[websocket]\nping_interval = '1s'\n").websocket.ping_interval == 1s);
  for (const char* wrong : {"1ms", "999ms"}) {
    std::string error = joined(load("[websocket]\nping_interval = '" + std::string(wrong) + "'\n").errors);
    CHECK(contains(error, "f.toml:2: websocket.ping_interval"));
    CHECK(contains(error, "allowed: 0, or \"1s\" to \"1h\""));
  }
}

TEST_CASE("H-27 a message has a time to be whole, which is never without end") {
  CHECK(load("").config.websocket.message_timeout == 60s);
  CHECK(contains(joined(load("[websocket]\nmessage_timeout = 0\n").errors), "websocket.message_timeout"));
}

TEST_CASE("H-46 a client's messages have a rate and a burst; none is no limit") {
  CHECK(load("").config.websocket.message_rate == 500);
  CHECK(load("").config.websocket.message_burst == 1000);
  CHECK(good("[websocket]\nmessage_rate = 0\n").websocket.message_rate == 0);
  CHECK(contains(joined(load("[websocket]\nmessage_burst = 0\n").errors), "websocket.message_burst"));
}

TEST_CASE("W-46 the other URI of a WebSocket is one, and no less secure than any that nxb serves") {
  for (const char* url : {"wss://b.example/ws", "wss://[::1]:5280/x", "WSS://b.example"}) {
    CHECK(good("[websocket]\nsee_other_uri = '" + std::string(url) + "'\n").websocket.see_other_uri == url);
  }
  for (const char* wrong :
       {"https://b.example/", "ws://b.example/", "wss://", "wss:///x", "wss://u@b.example/", "b.example"}) {
    INFO(wrong);
    const Loaded loaded = load("[websocket]\nsee_other_uri = '" + std::string(wrong) + "'\n");
    CHECK(contains(joined(loaded.errors), "allowed: a wss:// URL"));
  }
}

TEST_CASE("W-11 only https and wss are told in host-meta, and nothing unless configured") {
  CHECK(load("").config.discovery == Config::Discovery{});
  const Config::Discovery set =
      good("[discovery]\nbosh_url = 'https://c.example/b'\nwebsocket_url = 'wss://c.example/w'\n").discovery;
  CHECK(set.bosh_url == "https://c.example/b");
  CHECK(set.websocket_url == "wss://c.example/w");
  for (const char* wrong : {"bosh_url = 'http://c.example/b'", "bosh_url = 'wss://c.example/b'",
                            "websocket_url = 'ws://c.example/w'", "websocket_url = 'https://c.example/w'"}) {
    INFO(wrong);
    CHECK(load(std::string("[discovery]\n") + wrong + "\n").errors.size() == 1);
  }
}

}  // namespace nxb::config
