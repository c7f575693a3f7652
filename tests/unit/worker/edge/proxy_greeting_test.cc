// tests/unit/worker/edge/proxy_greeting_test.cc - listeners with accept_proxy: who is heard, and who is the client then.
// SPDX-License-Identifier: MIT
#include "worker/edge/proxy_greeting.h"

#include "tests/unit/worker/edge/rig.h"
#include "tests/unit/worker/edge/socket_client.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

namespace {

const std::string kHeader = "PROXY TCP4 203.0.113.7 198.51.100.1 4242 80\r\n";

const std::string kLocal("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);  // of version 2

struct ProxyRig : EdgeRig {
  explicit ProxyRig(std::vector<std::string> trusted = {"127.0.0.1"}) {
    config.listen[0].trusted_proxies = std::move(trusted);
    config.listen[0].accept_proxy = true;
    config.http.head_timeout = 60s;  // longer than a test waits: nothing is closed by it unless it is set
  }
  void start() {
    open();
    REQUIRE(edge->listen(listening.fd(), 0));
  }
  std::unique_ptr<Client> connect() {
    auto client = std::make_unique<Client>(*this, Descriptor(connected_to(listening.address())));
    const auto before = count(Counter::connections_accepted);
    REQUIRE(run_until([&] { return count(Counter::connections_accepted) > before; }));
    return client;
  }
  std::string request() const { return post(body("rid='1' sid='" + sid_of(0) + "'")); }
  bool nobody_is_left() {
    return run_until([&] { return edge->idle(); }) && count(Counter::connections) == 0;
  }
  Listening listening{Family::Tcp};
};

}  // namespace

TEST_CASE("O-30 the header names the client, its port too, and what follows it is HTTP") {
  for (std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{20}, kHeader.size()}) {
    CAPTURE(cut);
    ProxyRig rig;
    rig.start();
    auto client = rig.connect();
    const std::string bytes = kHeader + rig.request();
    if (cut > 0) {
      client->send(bytes.substr(0, cut));
      REQUIRE(rig.run_until([&] { return rig.count(Counter::bytes_from_clients) == cut; }));
      CHECK(rig.count(Counter::connections) == 1);
    }
    client->send(bytes.substr(cut));
    REQUIRE(rig.until_seen(1));
    CHECK(rig.requests.seen[0].client == "203.0.113.7");
    CHECK(rig.requests.seen[0].port == 4242);
    CHECK(rig.count(Counter::bytes_from_clients) == bytes.size());
    CHECK(rig.count(Counter::connections) == 1);
    rig.answer(0, "<answer/>");
    CHECK(client->gets("<answer/>"));
    client->send(rig.request());  // no second header
    CHECK(rig.until_seen(2));
    client->close();
    CHECK(rig.nobody_is_left());
    CHECK(rig.count(Counter::connections_refused_proxy) == 0);
  }
}

TEST_CASE("O-30 X-Forwarded-For is believed of whom the header names, if he is trusted") {
  struct Row {
    std::string header, fields, client;
  };
  for (const Row& row : {
           Row{"PROXY TCP4 203.0.113.7 1.1.1.1 4242 80\r\n", "X-Forwarded-For: 6.6.6.6\r\n", "203.0.113.7"},
           Row{"PROXY TCP4 10.0.0.9 1.1.1.1 4242 80\r\n", "X-Forwarded-For: 6.6.6.6\r\n", "6.6.6.6"},
           Row{"PROXY TCP4 10.0.0.9 1.1.1.1 4242 80\r\n", "", "10.0.0.9"},
           Row{"PROXY UNKNOWN\r\n", "X-Forwarded-For: 6.6.6.6\r\n", "127.0.0.1"},
           Row{"PROXY UNKNOWN\r\n", "Forwarded: for=6.6.6.6\r\n", "127.0.0.1"},
           Row{kLocal, "X-Forwarded-For: 6.6.6.6\r\n", "127.0.0.1"},
           Row{"PROXY UNKNOWN\r\n", "", "127.0.0.1"},
           Row{"PROXY TCP6 2001:db8::7 2001:db8::1 4242 80\r\n", "", "2001:db8::7"},
           Row{"PROXY TCP4 127.0.0.1 1.1.1.1 4242 80\r\n", "X-Forwarded-For: 6.6.6.6\r\n", "6.6.6.6"},
       }) {
    CAPTURE(row.header);
    CAPTURE(row.fields);
    ProxyRig rig({"127.0.0.1", "10.0.0.0/8"});
    rig.start();
    auto client = rig.connect();
    client->send(row.header + post(body("rid='1' sid='" + rig.sid_of(0) + "'"), row.fields));
    REQUIRE(rig.until_seen(1));
    CHECK(rig.requests.seen[0].client == row.client);
  }
}

TEST_CASE("O-30 H-47 who is named by nobody does not come by https, whatever his request says") {
  for (const bool named : {true, false}) {
    CAPTURE(named);
    ProxyRig rig({"127.0.0.1", "10.0.0.0/8"});
    rig.start();
    auto client = rig.connect();
    client->send((named ? "PROXY TCP4 10.0.0.9 1.1.1.1 4242 80\r\n" : "PROXY UNKNOWN\r\n") +
                 post(body("rid='1' sid='" + rig.sid_of(0) + "'"), "X-Forwarded-Proto: https\r\n"));
    REQUIRE(rig.until_seen(1));
    CHECK(rig.requests.seen[0].secure == named);
  }
}

TEST_CASE("O-30 H-45 connections that nobody is named for count for max_connections_per_address, proxy or not") {
  for (const std::string& header : {std::string("PROXY UNKNOWN\r\n"), kLocal}) {
    ProxyRig rig;
    rig.config.server.max_connections_per_address = 1;
    rig.start();
    auto first = rig.connect();
    first->send(header + rig.request());
    REQUIRE(rig.until_seen(1));
    auto second = rig.connect();
    second->send(header + rig.request());
    CHECK(second->gets("HTTP/1.1 503 "));
    first->close();
    second->close();
    REQUIRE(rig.nobody_is_left());
    auto third = rig.connect();  // what was counted was forgotten
    third->send(header + rig.request());
    CHECK(rig.until_seen(2));
  }
}

TEST_CASE("O-30 a peer that is not trusted is closed, whatever it says, and counted") {
  ProxyRig rig({"192.0.2.1"});
  rig.start();
  auto client = rig.connect();
  CHECK(client->is_closed_by_nxb());
  CHECK(client->received.empty());
  CHECK(rig.requests.seen.empty());
  CHECK(rig.count(Counter::connections_refused_proxy) == 1);
  CHECK(rig.nobody_is_left());
}

TEST_CASE(
    "O-30 no header, a broken one, half of one, or none in time: closed unanswered; a mere connect is not counted") {
  ProxyRig rig;
  rig.start();
  struct Row {
    const char* bytes;
    Duration head_timeout;  // long: it is not the time that closes
  };
  std::uint64_t refused = 0;
  for (const Row& row : {Row{"GET / HTTP/1.1\r\n", 60s}, Row{"PROXY TCP4 203.0.113.7 198.51.100.1 4242\r\n", 60s},
                         Row{"PROXY UNK", 20ms}, Row{"", 20ms}}) {
    CAPTURE(std::string(row.bytes));
    rig.config.http.head_timeout = row.head_timeout;
    auto client = rig.connect();
    client->send(row.bytes);
    CHECK(client->is_closed_by_nxb());
    CHECK(client->received.empty());
    CHECK(rig.count(Counter::connections_refused_proxy) == ++refused);
  }
  rig.config.http.head_timeout = 60s;
  auto cut = rig.connect();
  cut->send("PROXY UNK");
  cut->half_close();
  CHECK(cut->is_closed_by_nxb());
  CHECK(rig.count(Counter::connections_refused_proxy) == ++refused);
  auto check = rig.connect();
  check->close();
  CHECK(rig.nobody_is_left());
  CHECK(rig.count(Counter::connections_refused_proxy) == refused);
}

TEST_CASE("O-30 H-45 whom the header names is who is counted: for max_connections_per_address, and in a hand-over") {
  ProxyRig rig;
  rig.config.server.max_connections_per_address = 1;
  rig.start();
  rig.open_other();
  auto first = rig.connect();
  first->send(kHeader + rig.request());
  REQUIRE(rig.until_seen(1));
  auto second = rig.connect();
  second->send(kHeader + rig.request());
  CHECK(second->gets("HTTP/1.1 503 "));
  auto third = rig.connect();
  third->send("PROXY TCP4 203.0.113.8 198.51.100.1 4243 80\r\n" + post(body("rid='1' sid='" + rig.sid_of(1) + "'")));
  REQUIRE(rig.run_until([&] { return !rig.handed_over.empty(); }));
  CHECK(rig.handed_over[0].peer == "203.0.113.8:4243");
}

TEST_CASE("O-30 a WebSocket is of whom the header names, and so are its frames") {
  ProxyRig rig;
  rig.start();
  auto client = rig.connect();
  client->send(kHeader + handshake());
  REQUIRE(client->gets("101 Switching Protocols"));
  REQUIRE(rig.run_until([&] { return !rig.sockets.opened.empty(); }));
  CHECK(rig.sockets.opened[0].client.address == "203.0.113.7");
  CHECK(rig.sockets.opened[0].client.port == 4242);
}

TEST_CASE("O-30 who has not said from whom he is counts for max_connections, and ends with the worker") {
  ProxyRig rig;
  rig.config.server.max_connections = 2;
  rig.start();
  auto first = rig.connect();
  auto second = rig.connect();
  CHECK(rig.count(Counter::connection_limit_pauses) == 1);
  first->close();
  auto third = rig.connect();
  rig.edge->shut_down();
  CHECK(second->is_closed_by_nxb());
  CHECK(third->is_closed_by_nxb());
  CHECK(rig.nobody_is_left());
}

TEST_CASE("O-30 H-41 behind accept_proxy no request is one of this machine") {
  ProxyRig rig;
  rig.start();
  for (const char* header : {"PROXY UNKNOWN\r\n", "PROXY TCP4 127.0.0.1 127.0.0.1 4242 80\r\n"}) {
    auto client = rig.connect();
    client->send(header + get("/"));
    CHECK(client->gets("HTTP/1.1 403 "));
  }
}
