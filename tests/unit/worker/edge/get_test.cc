// tests/unit/worker/edge/get_test.cc - BOSH by GET and JSONP, from the request line to the answer.
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/edge/rig.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

namespace {

constexpr const char* kTerminate =
    "/**/f({\"reply\":\"\\u003cbody xmlns='http://jabber.org/protocol/httpbind' type='terminate' "
    "condition='bad-request'/\\u003e\"});";

}  // namespace

TEST_CASE(
    "H-37 C-27 a body in the query is processed as a POST, and its answer is raw XML with everything a POST's has") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  const std::string text = "<body xmlns='http://jabber.org/protocol/httpbind' rid='5' sid='" + rig.sid_of(0) +
                           "'><message><body>a+b &amp; c</body></message></body>";
  client.send(get_body(text));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].body.rid == Rid{5});
  CHECK(rig.requests.seen[0].body.payloads.find("<body>a+b &amp; c</body>") != std::string::npos);
  CHECK(rig.requests.seen[0].client == "192.0.2.7");
  client.read();
  CHECK(client.received.empty());  // held
  rig.answer(0, "<body/>");
  REQUIRE(client.gets("\r\n\r\n<body/>"));
  CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  for (const char* line : {"Content-Type: text/xml; charset=utf-8", "Content-Length: 7",
                           "Access-Control-Allow-Origin: *", "Cache-Control: no-store",
                           "X-Content-Type-Options: nosniff", "Content-Security-Policy: sandbox; default-src 'none'"}) {
    CAPTURE(line);
    CHECK(client.has("\r\n" + std::string(line) + "\r\n"));
  }
}

TEST_CASE("H-37 in the query + is a space and %2B a plus") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(get("/http-bind/?_=1&data=%3Cbody+xmlns='http://jabber.org/protocol/httpbind'+rid='5'+sid='" +
                  rig.sid_of(0) + "'+key='a%2Bb'/%3E"));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].body.key == "a+b");
}

TEST_CASE("H-37 data given twice, or a broken escape, is 400 and reaches no session") {
  EdgeRig rig;
  rig.open();
  const std::string ours = get_body(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  for (const char* more : {"&data=x", "&x=%", "&x=%zz", "&data", "&callback=f&callback=f"}) {
    CAPTURE(more);
    std::string request = ours;
    request.insert(request.find(" HTTP/1.1"), more);
    Client client(rig);
    client.send(request + get("/healthz"));
    REQUIRE(client.gets("ok\n"));
    CHECK(client.received.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(client.has("Access-Control-Allow-Origin: *\r\n"));
  }
  CHECK(rig.requests.seen.empty());
}

TEST_CASE("H-37 enable_get = false: GET with a body is refused, the page is still there") {
  EdgeRig rig;
  rig.config.http.enable_get = false;
  rig.open();
  Client client(rig);
  client.send(get_body(body("rid='1' sid='" + rig.sid_of(0) + "'")));
  REQUIRE(client.gets("403 Forbidden: "));
  client.send(get("/http-bind"));
  CHECK(client.gets("nxb is alive"));
  CHECK(rig.requests.seen.empty());
}

TEST_CASE("H-14 H-37 HEAD is GET without the body: processed, and answered with the length of what is not sent") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string request = get_body(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  client.send("HEAD" + request.substr(3) + get("/healthz"));
  REQUIRE(rig.until_seen(1));
  rig.answer(0, "<body>x</body>");
  REQUIRE(client.gets("ok\n"));
  CHECK(client.has("Content-Length: 14\r\n"));
  CHECK_FALSE(client.has("<body>"));
}

TEST_CASE("H-37 H-48 a GET of another owner leaves with its connection, and is understood where it arrives") {
  EdgeRig rig;
  rig.open();
  rig.open_other();
  std::string theirs = get_body(body("rid='5' sid='" + rig.sid_of(1) + "'"), "&callback=f");
  Client client(rig);
  client.send(theirs + get("/healthz"));
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  CHECK(rig.handed_over[0].bytes == theirs + get("/healthz"));
  CHECK(rig.requests.seen.empty());

  Client arrived(rig, Family::Unix, 0, 1, "", theirs);  // not ours either: nobody's
  REQUIRE(arrived.gets("});"));
  CHECK(arrived.entity().starts_with("/**/f({\"reply\":\""));
  CHECK(arrived.has("condition='item-not-found'"));

  std::string sid = rig.sid_of(0);
  Client creation(rig, Family::Unix, 0, 1, sid, get_body(body("rid='5' to='example.org'"), "&callback=f"));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].sid == sid);
}

TEST_CASE("H-22 on GET the content type is XML, whatever content says now or said when the session was made") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  client.send(get_body(body("rid='5' content='text/html' sid='" + rig.sid_of(0) + "'")));
  REQUIRE(rig.until_seen(1));
  CHECK(rig.requests.seen[0].body.content.empty());
  gateway::Reply html = rig.reply("<script>alert(1)</script>");
  html.content_type = "text/html; charset=utf-8";
  rig.edge->reply(rig.requests.seen[0].id, html);
  REQUIRE(client.gets("</script>"));
  CHECK(client.has("\r\nContent-Type: text/xml; charset=utf-8\r\n"));

  client.received.clear();
  client.send(post(body("rid='6' content='text/html' sid='" + rig.sid_of(0) + "'")));
  REQUIRE(rig.until_seen(2));
  CHECK(rig.requests.seen[1].body.content == "text/html");
  rig.edge->reply(rig.requests.seen[1].id, html);
  REQUIRE(client.gets("</script>"));
  CHECK(client.has("\r\nContent-Type: text/html; charset=utf-8\r\n"));
}

TEST_CASE("H-38 D-32 a callback that is no name is 400, and nothing of it comes back") {
  EdgeRig rig;
  rig.open();
  for (const std::string& callback : {std::string(), std::string("alert(1);f"), std::string("%3Cscript%3E"),
                                      std::string("f%0A"), std::string("f%00"), std::string(129, 'f')}) {
    CAPTURE(callback);
    Client client(rig);
    client.send(get_body(body("rid='1' sid='" + rig.sid_of(0) + "'"), "&callback=" + callback));
    REQUIRE(client.gets("name\n"));
    CHECK(client.received.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(client.has("Content-Type: text/plain; charset=utf-8\r\n"));
    for (const char* echo : {"alert", "script>", "ffff"}) CHECK_FALSE(client.has(echo));
  }
  CHECK(rig.requests.seen.empty());
}

TEST_CASE("H-39 C-28 with a callback the answer is a script, also a late one, each in its own form") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  std::string text = body("rid='5' sid='" + rig.sid_of(0) + "'");
  client.send(get_body(text, "&callback=a.b") + post(text) + get_body(text) + get_body(text, "&callback=$"));
  REQUIRE(rig.until_seen(4));
  for (std::size_t i : {3u, 2u, 1u, 0u}) rig.answer(i, "<n>" + std::to_string(i) + "</n>");
  REQUIRE(client.gets("/**/$({\"reply\":\"\\u003cn\\u003e3\\u003c/n\\u003e\"});"));
  CHECK(client.has("\r\n\r\n/**/a.b({\"reply\":\"\\u003cn\\u003e0\\u003c/n\\u003e\"});"));
  CHECK(client.has("\r\n\r\n<n>1</n>"));
  CHECK(client.has("\r\n\r\n<n>2</n>"));
  CHECK(client.received.find("Content-Type: text/javascript; charset=utf-8\r\n") != std::string::npos);
  CHECK(client.has("X-Content-Type-Options: nosniff\r\n"));
  CHECK(client.has("Content-Length: 48\r\n"));
}

TEST_CASE("H-40 errors are wrapped too, with status 200") {
  EdgeRig rig;
  rig.config.bosh.max_data_held = 1000;
  rig.open();
  auto answer_to = [&rig](const std::string& request) {
    Client client(rig);
    client.send(request);
    REQUIRE(client.gets("});"));
    CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(client.has("Content-Type: text/javascript; charset=utf-8\r\n"));
    return client.entity();
  };
  CHECK(answer_to(get_body("<body", "&callback=f")) == kTerminate);
  CHECK(answer_to(get("/http-bind?callback=f&data=")) == kTerminate);
  CHECK(answer_to(get("/http-bind?callback=f&data=" + std::string(1001, 'x'))) == kTerminate);
  rig.requests.at_once = [&rig](RequestId id) {  // what a client older than 1.6 is told
    gateway::Reply gone = rig.reply("<gone/>");
    gone.status = 404;
    rig.edge->reply(id, gone);
  };
  CHECK(answer_to(get_body(body("rid='1' sid='" + rig.sid_of(0) + "'"), "&callback=f")) ==
        "/**/f({\"reply\":\"\\u003cgone/\\u003e\"});");
}

TEST_CASE("H-25 H-37 data over max_data_held is 413 with a terminate body, of the limit it passes") {
  EdgeRig rig;
  rig.config.bosh.max_data_held = 1000;
  rig.open();
  Client client(rig);
  std::string text = body("rid='1' sid='" + rig.sid_of(0) + "'");
  client.send(get_body(text + std::string(1000 - text.size(), ' ')));
  REQUIRE(rig.until_seen(1));
  rig.answer(0, "<body/>");
  client.send(get_body(text + std::string(1001 - text.size(), ' ')));
  REQUIRE(client.gets("condition='bad-request'"));
  CHECK(client.has("HTTP/1.1 413 "));
  CHECK(rig.requests.seen.size() == 1);
}

TEST_CASE("H-26 H-37 data may fill a request line of 8 KiB, and one byte more is 414") {
  EdgeRig rig;
  rig.open();
  const std::string request = get_body(body("rid='1' sid='" + rig.sid_of(0) + "'"));
  const std::size_t line = request.find("\r\n");
  for (std::size_t size : {8192u, 8193u}) {
    Client client(rig);
    std::string padded = request;
    padded.insert(request.find(" HTTP/1.1"), size - line, '+');
    client.send(padded);
    if (size == 8192) {
      CHECK(rig.until_seen(1));
    } else {
      CHECK(client.gets("HTTP/1.1 414 "));
    }
  }
  CHECK(rig.requests.seen.size() == 1);
}

TEST_CASE("H-40 O-29 a hand-over that cannot be delivered is told to a script, too") {
  EdgeRig rig;
  rig.patience = 20ms;
  rig.open();
  std::string theirs = get_body(body("rid='5' sid='" + rig.sid_of(1) + "'"), "&callback=f");
  auto clients = until_one_waits(rig, theirs);
  REQUIRE(clients.back()->is_closed_by_nxb());
  CHECK(clients.back()->received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(clients.back()->entity() ==
        "/**/f({\"reply\":\"\\u003cbody xmlns='http://jabber.org/protocol/httpbind' type='error'/\\u003e\"});");
  clients.back()->close();
  CHECK(rig.run_until([&] { return rig.edge->idle(); }));
}

TEST_CASE("D-03 a query with the names of an object's own functions is a query") {
  EdgeRig rig;
  rig.open();
  Client client(rig);
  for (const char* name : {"hasOwnProperty", "__proto__", "constructor"}) {
    client.received.clear();
    client.send(get("/http-bind?" + std::string(name) + "=1"));
    CHECK(client.gets("nxb is alive"));
  }
  client.send(get_body(body("rid='1' sid='" + rig.sid_of(0) + "'"), "&hasOwnProperty=x"));
  CHECK(rig.until_seen(1));
}

TEST_CASE("D-30 H-34 errors on GET and POST have a Content-Type and CORS headers, JSONP's too") {
  EdgeRig rig;
  rig.config.http.allowed_origins = {"https://a.example"};
  rig.open();
  const std::string origin = "Origin: https://a.example\r\n";
  for (const std::string& request :
       {post("<body", origin), get_body("<body", "", origin), get_body("<body", "&callback=f", origin),
        get("/http-bind?data=%", origin), get_body("<body", "&callback=(", origin), get("/nowhere", origin),
        "DELETE /http-bind HTTP/1.1\r\nHost: x\r\n" + origin + "\r\n", post("", origin + "Expect: x\r\n")}) {
    CAPTURE(request);
    Client client(rig);
    client.send(request);
    REQUIRE(client.gets("\r\n\r\n"));
    CHECK(client.has("\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
    CHECK(client.has("\r\nContent-Type: text/"));
    CHECK(client.has("\r\nContent-Length: "));
  }
}
