// tests/unit/worker/edge/requests_test.cc - which answer a request gets, and in which order.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/edge/rig.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

TEST_CASE("a POST with a sid of ours reaches the gateway, and its answer the client") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string sid = rig.sid_of(0);
  client.send(post(body("rid='5' sid='" + sid + "'")));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].body.sid == sid);
  CHECK(rig.requests.seen[0].sid.empty());
  CHECK(rig.requests.seen[0].client == "192.0.2.7");
  rig.answer(0, "<body/>");
  REQUIRE(client.gets("\r\n\r\n<body/>"));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(client.received.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(client.received.find("Content-Type: text/xml; charset=utf-8\r\n") != std::string::npos);
  CHECK(client.received.find("Connection:") == std::string::npos);
  CHECK(rig.count(Counter::requests) == 1);
  CHECK(rig.count(Counter::connections) == 1);
  CHECK(rig.count(Counter::bytes_to_clients) == client.received.size());
}

TEST_CASE("a request cut at every byte is the same request (ARCHITECTURE, Stanzas are bytes)") {
  EdgeRig rig;
  rig.open();
  std::string request = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  rig.requests.at_once = [&rig](RequestId id) { rig.edge->reply(id, rig.reply("<body/>")); };
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    CAPTURE(cut);
    Client client(rig);
    client.send(request.substr(0, cut));
    rig.run_turns(1);
    CHECK(rig.requests.seen.size() == cut - 1);
    client.send(request.substr(cut));
    REQUIRE(client.gets("<body/>"));
    CHECK(client.answers() == 1);
  }
}

TEST_CASE("B-42 a body that is no body is answered bad-request, and nobody else hears of it") {
  EdgeRig rig;
  rig.open();
  for (const std::string text : {"<body", "<x/>", "", "<body xmlns='other'/>"}) {
    CAPTURE(text);
    Client client(rig);
    client.send(post(text));
    REQUIRE(client.gets("condition='bad-request'"));
    CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(client.received.find("type='terminate'") != std::string::npos);
    CHECK(client.received.find("Access-Control-Allow-Origin: *\r\n") != std::string::npos);
    client.received.clear();
    client.send(get("/healthz"));  // the connection goes on
    CHECK(client.gets("ok\n"));
  }
  CHECK(rig.requests.seen.empty());
  CHECK(rig.count(Counter::requests_refused) == 0);
}

TEST_CASE("B-03 the Content-Type of a request is nobody's business: absent, odd and wrong ones are served alike") {
  EdgeRig rig;
  rig.open();
  rig.requests.at_once = [&rig](RequestId id) { rig.edge->reply(id, rig.reply("<body/>")); };
  std::string text = body("rid='1' sid='" + rig.sid_of(0) + "'");
  Client client(rig);
  for (const std::string field :
       {"", "Content-Type:\r\n", "Content-Type: text/xml; charset=utf-8\r\n", "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n", "Content-Type: application/json; charset=utf-16\r\n",
        "Content-Type: ;;=\"\r\n", "Content-Type: text/xml\r\nContent-Type: image/png\r\n"}) {
    CAPTURE(field);
    client.received.clear();
    client.send(post(text, field));
    REQUIRE(client.gets("\r\n\r\n<body/>"));
    CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  }
  CHECK(rig.requests.seen.size() == 8);
}

TEST_CASE("B-02 every answer says its Content-Length once and is that long; none has a Transfer-Encoding") {
  EdgeRig rig;
  rig.config.bosh.max_data_held = 1000;
  rig.open();
  std::string entity = "<body/>";
  rig.requests.at_once = [&](RequestId id) { rig.edge->reply(id, rig.reply(entity)); };
  std::string ours = post(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  std::string request;
  SUBCASE("a BOSH answer") { request = ours; }
  SUBCASE("a long one") { request = ours, entity = "<body>" + std::string(300'000, 'x') + "</body>"; }
  SUBCASE("to HTTP/1.0") { request = ours.replace(ours.find("HTTP/1.1"), 8, "HTTP/1.0"); }
  SUBCASE("bad-request") { request = post("<body"); }
  SUBCASE("too large") { request = post(std::string(1001, 'x')); }
  SUBCASE("a page") { request = get("/http-bind"); }
  SUBCASE("health") { request = get("/healthz"); }
  SUBCASE("a preflight") { request = "OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\n\r\n"; }
  SUBCASE("no such path") { request = get("/other"); }
  SUBCASE("no such method") { request = "PUT /http-bind HTTP/1.1\r\nHost: x\r\n\r\n"; }
  SUBCASE("an HTTP error") { request = "nonsense\r\n\r\n"; }
  Client client(rig, Family::Tcp);
  client.send(request);
  REQUIRE(client.gets("\r\n\r\n"));
  const std::size_t end = client.received.find("\r\n\r\n") + 4;
  const std::string head = client.received.substr(0, end);
  CAPTURE(head);
  CHECK(head.find("Transfer-Encoding") == std::string::npos);
  const std::size_t field = head.find("\r\nContent-Length: ");
  REQUIRE(field != std::string::npos);
  CHECK(field == head.rfind("\r\nContent-Length: "));
  const std::size_t length = std::stoul(head.substr(field + 18));
  CHECK(rig.run_until([&] {
    client.read();
    return client.received.size() >= end + length;
  }));
  rig.run_turns(2);
  client.read();
  CHECK(client.received.size() == end + length);
}

TEST_CASE("C-11 the configured headers are on every answer at a BOSH path") {
  EdgeRig rig;
  rig.config.http.headers = {{"X-Mine", "one, two"}, {"Strict-Transport-Security", "max-age=1"}};
  rig.open();
  rig.requests.at_once = [&rig](RequestId id) { rig.edge->reply(id, rig.reply("<body/>")); };
  for (const std::string& request :
       {post(body("rid='1' sid='" + rig.sid_of(0) + "'")), post("<body"), get("/http-bind"),
        std::string("OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\n\r\n")}) {
    CAPTURE(request);
    Client client(rig);
    client.send(request);
    REQUIRE(client.gets("\r\n\r\n"));
    CHECK(client.received.find("\r\nX-Mine: one, two\r\n") != std::string::npos);
    CHECK(client.received.find("\r\nStrict-Transport-Security: max-age=1\r\n") != std::string::npos);
  }
}

TEST_CASE("H-11 answers come in request order, whatever the order they are made in") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string request = post(body("rid='5' sid='" + rig.sid_of(0) + "'"));
  client.send(request + request + get("/healthz") + request);
  REQUIRE(rig.until_seen(3));
  rig.answer(2, "<third/>");
  rig.answer(1, "<second/>");
  rig.run_turns(2);
  client.read();
  CHECK(client.received.empty());
  rig.answer(0, "<first/>");
  REQUIRE(client.gets("<third/>"));
  auto at = [&](const char* text) { return client.received.find(text); };
  CHECK(at("<first/>") < at("<second/>"));
  CHECK(at("<second/>") < at("ok\n"));
  CHECK(at("ok\n") < at("<third/>"));
  CHECK(client.answers() == 4);
}

TEST_CASE("H-11 eight unanswered requests are taken, the ninth when the first is answered") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string all;
  for (int rid = 1; rid <= 20; ++rid)
    all += post(body("rid='" + std::to_string(rid) + "' sid='" + rig.sid_of(0) + "'"));
  client.send(all);
  REQUIRE(rig.until_seen(8));
  rig.run_turns(3);
  CHECK(rig.requests.seen.size() == 8);
  rig.answer(0, "<a/>");
  CHECK(rig.requests.seen.size() == 8);  // the gateway is never called from within its own call
  REQUIRE(rig.until_seen(9));
  rig.run_turns(3);
  CHECK(rig.requests.seen.size() == 9);
  for (std::size_t i = 1; i < 20; ++i) {
    REQUIRE(rig.until_seen(i + 1));
    rig.answer(i, "<a/>");
  }
  REQUIRE(rig.run_until([&] {
    client.read();
    return client.answers() == 20;
  }));
  for (std::size_t i = 0; i < 20; ++i) CHECK(rig.requests.seen[i].body.rid == Rid{i + 1});
}

TEST_CASE("C-31 C-34 H-14 H-24 H-29 H-41 H-43 what is no BOSH request has an answer of its own") {
  EdgeRig rig;
  rig.open();
  struct Row {
    std::string request;
    const char* status;
    std::vector<const char*> has;
    const char* ends;
  };
  const char* cors = "Access-Control-Allow-Origin: *\r\n";
  const std::vector<Row> rows{
      {get("/http-bind"), "200 OK", {cors, "text/plain"}, "address.\n"},
      {get("/http-bind/?x=data"), "200 OK", {cors}, "address.\n"},
      {get("/http-bind/?callback=f"), "200 OK", {cors}, "address.\n"},
      {"HEAD /http-bind HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", {cors, "Content-Length: "}, "\r\n\r\n"},
      {get("/healthz"), "200 OK", {"Content-Length: 3\r\n"}, "\r\n\r\nok\n"},
      {get("/other"), "404 Not Found", {cors}, "404 Not Found\n"},
      {"POST /other HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", {cors, "text/plain"}, "404 Not Found\n"},
      {"OPTIONS /other HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", {cors}, "404 Not Found\n"},
      {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "405 Method Not Allowed", {"Allow: OPTIONS, GET, HEAD\r\n"}, "\n"},
      {"PUT /http-bind HTTP/1.1\r\nHost: x\r\n\r\n",
       "405 Method Not Allowed",
       {cors, "Allow: OPTIONS, GET, HEAD, POST\r\n"},
       "\n"},
      {"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "405 Method Not Allowed", {"Allow: OPTIONS, GET, HEAD\r\n"}, "\n"},
      {"PUT /other HTTP/1.1\r\nHost: x\r\n\r\n", "405 Method Not Allowed", {cors}, "\n"},
      {"OPTIONS /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
       "200 OK",
       {"Allow: OPTIONS, GET, HEAD\r\n", "Content-Length: 0\r\n"},
       "\r\n\r\n"},
      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", {cors, "Content-Length: 0\r\n"}, "\r\n\r\n"},
      {"OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\n\r\n",
       "200 OK",
       {cors, "Access-Control-Allow-Methods: "},
       "\r\n\r\n"},
  };
  Client client(rig);
  for (const Row& row : rows) {
    CAPTURE(row.request);
    client.received.clear();
    client.send(row.request);
    REQUIRE(client.gets("\r\n\r\n"));
    CHECK(client.received.starts_with("HTTP/1.1 " + std::string(row.status) + "\r\n"));
    for (const char* text : row.has) CHECK(client.received.find(text) != std::string::npos);
    CHECK(client.received.ends_with(row.ends));
  }
  CHECK(rig.requests.seen.empty());
}

TEST_CASE("H-05 a POST without a body is one that is no body: terminate bad-request") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send("POST /http-bind HTTP/1.1\r\nHost: x\r\n\r\n" + get("/healthz"));
  REQUIRE(client.gets("ok\n"));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(client.has("type='terminate' condition='bad-request'"));
}

TEST_CASE("H-16 nothing of a request comes back in a header, and the Origin only if it is configured") {
  EdgeRig rig;
  rig.open();
  rig.requests.at_once = [&rig](RequestId id) { rig.edge->reply(id, rig.reply("<body/>")); };
  const std::string mark = "mark-of-the-request";
  const std::string fields = "Origin: https://" + mark + "\r\nAccess-Control-Request-Headers: " + mark + "\r\n";
  const std::string ours = body("rid='1' content='text/" + mark + "' sid='" + rig.sid_of(0) + "'");
  for (const std::string& request :
       {post(ours, fields), get_body(ours, "&callback=f", fields), get("/" + mark, fields),
        "OPTIONS /http-bind?" + mark + " HTTP/1.1\r\nHost: " + mark + "\r\n" + fields + "\r\n",
        get("/http-bind?data=x&callback=" + mark, fields), post(ours, "Expect: " + mark + "\r\n")}) {
    CAPTURE(request);
    Client client(rig);
    client.send(request);
    REQUIRE(client.gets("\r\n\r\n"));
    CHECK_FALSE(client.has(mark));
  }
}

TEST_CASE("H-17 Upgrade to anything is ignored: the request is served as HTTP/1.1") {
  EdgeRig rig;
  rig.open();
  rig.requests.at_once = [&rig](RequestId id) { rig.edge->reply(id, rig.reply("<body/>")); };
  Client client(rig);
  client.send(post(body("rid='1' sid='" + rig.sid_of(0) + "'"),
                   "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"));
  REQUIRE(client.gets("<body/>"));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  client.received.clear();
  client.send(get("/healthz", "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n"));
  REQUIRE(client.gets("ok\n"));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("H-36 a preflight that asks for a private network is told so if it is configured") {
  for (bool configured : {false, true}) {
    EdgeRig rig;
    rig.config.http.allow_private_network = configured;
    rig.open();
    Client client(rig);
    const std::string options = "OPTIONS /http-bind HTTP/1.1\r\nHost: x\r\n";
    client.send(options + "Access-Control-Request-Private-Network: true\r\n\r\n");
    REQUIRE(client.gets("Access-Control-Max-Age"));
    CHECK(client.has("\r\nAccess-Control-Allow-Private-Network: true\r\n") == configured);
    client.received.clear();
    client.send(options + "\r\n");
    REQUIRE(client.gets("Access-Control-Max-Age"));
    CHECK_FALSE(client.has("Private-Network"));
  }
}

TEST_CASE("H-47 the client's address comes from X-Forwarded-For only through a trusted peer") {
  EdgeRig rig;
  rig.config.listen[0].trusted_proxies = {"192.0.2.0/24", "10.0.0.1"};
  rig.open();
  Client client(rig);
  client.send(
      post(body("rid='1' sid='" + rig.sid_of(0) + "'"), "X-Forwarded-For: 6.6.6.6, 198.51.100.1, 10.0.0.1\r\n"));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].client == "198.51.100.1");
  CHECK_FALSE(rig.requests.seen[0].secure);
}

TEST_CASE("H-47 B-111 the scheme comes from X-Forwarded-Proto only through a trusted peer") {
  for (bool trusted : {true, false}) {
    EdgeRig rig;
    if (trusted) rig.config.listen[0].trusted_proxies = {"192.0.2.0/24"};
    rig.open();
    Client client(rig);
    std::string text = body("rid='1' sid='" + rig.sid_of(0) + "'");
    client.send(post(text, "X-Forwarded-Proto: https\r\n") + post(text, "Forwarded: for=1.1.1.1;proto=https\r\n") +
                post(text));
    REQUIRE(rig.until_seen(3));
    CHECK(rig.requests.seen[0].secure == trusted);
    CHECK(rig.requests.seen[1].secure == trusted);
    CHECK(rig.requests.seen[1].client == (trusted ? "1.1.1.1" : "192.0.2.7"));
    CHECK_FALSE(rig.requests.seen[2].secure);
  }
}

TEST_CASE("H-32 H-34 the answer to a held request has the CORS headers of its own Origin") {
  EdgeRig rig;
  rig.config.http.allowed_origins = {"https://a.example", "https://b.example"};
  rig.open();
  Client client(rig);
  std::string text = body("rid='1' sid='" + rig.sid_of(0) + "'");
  client.send(post(text, "Origin: https://b.example\r\n") + post(text, "Origin: https://evil.example\r\n"));
  REQUIRE(rig.until_seen(2));
  rig.answer(0, "<first/>");
  REQUIRE(client.gets("<first/>"));
  CHECK(client.received.find("Access-Control-Allow-Origin: https://b.example\r\n") != std::string::npos);
  client.received.clear();
  rig.answer(1, "<second/>");
  REQUIRE(client.gets("<second/>"));
  CHECK(client.received.find("Access-Control") == std::string::npos);
  CHECK(client.received.find("Vary: Origin\r\n") != std::string::npos);
}
