// tests/unit/worker/http/websocket_test.cc
// SPDX-License-Identifier: MIT
#include "worker/http/websocket.h"

#include <doctest/doctest.h>

#include "tests/unit/worker/http/parsed.h"
#include "worker/http/reply.h"

using namespace nxb::http;

namespace {

constexpr std::int64_t kNow = 1795440000123;  // Mon, 23 Nov 2026 13:20:00 GMT
const std::string kUpgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const std::string kKey = "Sec-WebSocket-Key: bnhiLXNwZWMtZXhhbXBsZQ==\r\n";
const std::string kVersion = "Sec-WebSocket-Version: 13\r\n";

std::string get(const std::string& fields) { return "GET /xmpp-websocket HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"; }

// "plain", "failed 400", or what judge_handshake says: "101 xmpp", "426".
std::string judged(const std::string& bytes) {
  nxb::http::ParserPool pool{{}};
  Parser parser(pool);
  Parser::Step step = parser.feed(bytes);
  if (step.state == Parser::State::Failed) return "failed " + std::to_string(parser.error_status());
  if (step.state != Parser::State::Complete) return "more";
  if (!asks_for_websocket(parser.request())) return "plain";
  Handshake handshake = judge_handshake(parser.request(), parser.has_body());
  CHECK((handshake.status == 101) == handshake.why.empty());
  CHECK((handshake.status == 101) == !handshake.accept.empty());
  std::string out = std::to_string(handshake.status);
  if (!handshake.protocol.empty()) out += " " + handshake.protocol;
  return out;
}

bool has(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("W-03 the accept value of the key") {
  nxb::http::ParserPool pool{{}};
  Parser parser(pool);
  parser.feed(get(kUpgrade + kKey + kVersion));
  CHECK(judge_handshake(parser.request(), false).accept == "lbuvSEaI2xntHTL5Sy20OS+99gM=");
  parser.next();
  parser.feed(get(kUpgrade + "Sec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ== \r\n" + kVersion));
  CHECK(judge_handshake(parser.request(), false).accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 1.3
}

TEST_CASE("W-08 O-20 a handshake that lost Upgrade or Connection is known by its key; other requests are none") {
  auto lost = [](const std::string& bytes) {
    nxb::http::ParserPool pool{{}};
    Parser parser(pool);
    parser.feed(bytes);
    return lost_upgrade(parser.request());
  };
  CHECK(lost(get(kKey + kVersion)));
  CHECK(lost(get("Connection: close\r\n" + kKey + kVersion)));
  CHECK(lost("GET /xmpp-websocket HTTP/1.0\r\n" + kKey + "\r\n"));
  CHECK_FALSE(lost(get(kUpgrade + kKey + kVersion)));
  CHECK_FALSE(lost(get("")));
  CHECK_FALSE(lost("POST /http-bind HTTP/1.1\r\nHost: x\r\n" + kKey + "\r\n"));
}

TEST_CASE("W-01 Upgrade and Connection are lists, whatever their case, and may be repeated") {
  CHECK(judged(get(kUpgrade + kKey + kVersion)) == "101");
  for (const char* fields :
       {"upgrade: WebSocket\r\nconnection: upgrade\r\n",
        "Upgrade: h2c, websocket\r\nConnection: keep-alive, Upgrade\r\n",
        "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nConnection: keep-alive\r\n",
        "Upgrade: h2c\r\nUPGRADE: WEBSOCKET\r\nConnection: keep-alive\r\nConnection: ,UPGRADE,\r\n"}) {
    CAPTURE(fields);
    CHECK(judged(get(fields + kKey + kVersion)) == "101");
  }
}

TEST_CASE("W-01 the key is 16 bytes in base64, once; the Host is there; HTTP/1.1") {
  for (const char* key : {"", "AAAA", "bnhiLXNwZWMtZXhhbXBsZQ",
                          "bnhiLXNwZWMtZXhhbXBsZQ=", "bnhiLXNwZWMtZXhhbXBsZTE=", "bnhiLXNwZWMtZXhhbXBs",
                          "bnhiLXNwZWMtZXhhbXBsZQ==x", "bnhiLXNwZWMt ZXhhbXBsZQ==", "bnhiLXNwZWMtZXhhbXBs_Q==", "====",
                          "=======================", "bnhiLXNwZWMtZXhhbXBsZQ==, bnhiLXNwZWMtZXhhbXBsZQ=="}) {
    CAPTURE(key);
    CHECK(judged(get(kUpgrade + "Sec-WebSocket-Key: " + key + "\r\n" + kVersion)) == "400");
  }
  CHECK(judged(get(kUpgrade + kVersion)) == "400");
  CHECK(judged(get(kUpgrade + kKey + kKey + kVersion)) == "400");
  CHECK(judged("GET /ws HTTP/1.1\r\n" + kUpgrade + kKey + kVersion + "\r\n") == "failed 400");
  CHECK(judged("GET /ws HTTP/1.0\r\nHost: x\r\n" + kUpgrade + kKey + kVersion + "\r\n") == "400");
}

TEST_CASE("W-02 another version, or none, is 426 and told which") {
  for (const char* version :
       {"", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 14\r\n", "Sec-WebSocket-Version: 8, 13\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 013\r\n"}) {
    CAPTURE(version);
    CHECK(judged(get(kUpgrade + kKey + version)) == "426");
  }
  Replies replies{nxb::config::Config::Http{}};
  Answer answer;
  answer.status = 426;
  answer.persistence = Persistence::Close;
  std::string head = replies.head(answer, kNow);
  CHECK(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(has(head, "Sec-WebSocket-Version: 13"));
  CHECK(has(head, "Upgrade: websocket"));
  CHECK(has(head, "Connection: Upgrade"));
  CHECK(has(head, "Connection: close"));
  answer.status = 400;
  CHECK(replies.head(answer, kNow).find("Upgrade") == std::string::npos);
}

TEST_CASE("W-04 xmpp among the protocols, in one field or several, is answered") {
  const std::string protocol = "Sec-WebSocket-Protocol: ";
  for (const char* value : {"xmpp", "chat, xmpp", "xmpp,chat", " , xmpp ,"}) {
    CAPTURE(value);
    CHECK(judged(get(kUpgrade + kKey + kVersion + protocol + value + "\r\n")) == "101 xmpp");
  }
  CHECK(judged(get(protocol + "chat\r\n" + kUpgrade + kKey + kVersion + protocol + "xmpp\r\n")) == "101 xmpp");
  CHECK(judged(get(protocol + "xmpp\r\n" + kUpgrade + kKey + kVersion + protocol + "chat\r\n")) == "101 xmpp");
}

TEST_CASE("W-05 no protocol offered: none answered; others only: 400") {
  const std::string fields = kUpgrade + kKey + kVersion + "Sec-WebSocket-Protocol: ";
  for (const char* value : {"chat", "XMPP", "xmpp2", "xmp p", "x-xmpp, chat"}) {
    CAPTURE(value);
    CHECK(judged(get(fields + value + "\r\n")) == "400");
  }
  CHECK(judged(get(kUpgrade + kKey + kVersion)) == "101");
  CHECK(judged(get(fields + "\r\n")) == "101");
}

TEST_CASE("W-03 W-05 W-06 D-61 the answer has what the handshake asks for and nothing that was not offered") {
  Replies replies{nxb::config::Config::Http{}};
  CHECK(replies.upgrade_head("lbuvSEaI2xntHTL5Sy20OS+99gM=", "xmpp", kNow) ==
        "HTTP/1.1 101 Switching Protocols\r\nDate: Mon, 23 Nov 2026 13:20:00 GMT\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: lbuvSEaI2xntHTL5Sy20OS+99gM=\r\n"
        "Sec-WebSocket-Protocol: xmpp\r\n\r\n");
  const std::string without = replies.upgrade_head("lbuvSEaI2xntHTL5Sy20OS+99gM=", "", kNow);
  CHECK(without.find("Sec-WebSocket-Protocol") == std::string::npos);
  CHECK(without.find("Sec-WebSocket-Extensions") == std::string::npos);
  CHECK(without.find("Content-Length") == std::string::npos);
  CHECK(without.ends_with("\r\n\r\n"));
}

TEST_CASE("W-06 an extension that is offered does not keep the handshake from succeeding") {
  CHECK(judged(get(kUpgrade + kKey + kVersion +
                   "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")) == "101");
}

TEST_CASE("W-06 compression is answered if it is offered in a way that nxb can take, and configured") {
  auto deflates = [](const std::string& fields, bool may = true) {
    nxb::http::ParserPool pool{{}};
    Parser parser(pool);
    parser.feed(get(kUpgrade + kKey + kVersion + fields));
    Handshake handshake = judge_handshake(parser.request(), false, may);
    CHECK(handshake.status == 101);
    return handshake.deflate;
  };
  auto offer = [&](const std::string& value) { return deflates("Sec-WebSocket-Extensions: " + value + "\r\n"); };
  for (const char* value :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate;client_no_context_takeover ; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=8", "permessage-deflate; client_max_window_bits = \"15\"",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate"}) {
    CAPTURE(value);
    CHECK(offer(value));
  }
  for (const char* value :
       {"", ";", "x", "permessage-deflates", "permessage-deflate; server_max_window_bits=10", "permessage-deflate; x",
        "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=", "permessage-deflate; client_max_window_bits=1",
        "permessage-deflate; client_max_window_bits=010", "permessage-deflate; client_max_window_bits=1/",
        "permessage-deflate; client_max_window_bits=\"", "permessage-deflate; client_no_context_takeover=1",
        "x; permessage-deflate", "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover"}) {
    CAPTURE(value);
    CHECK_FALSE(offer(value));
  }
  CHECK(deflates("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"));
  CHECK(deflates("Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: a\r\n"));
  CHECK_FALSE(deflates("Sec-WebSocket-Extensions: permessage-deflate\r\n", false));
  CHECK_FALSE(deflates(""));
  Replies replies{nxb::config::Config::Http{}};
  CHECK(has(replies.upgrade_head("a", "xmpp", kNow, true),
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
}

TEST_CASE("W-08 H-17 what does not ask for a WebSocket, or not by GET, is plain HTTP") {
  const std::string rest = kKey + kVersion;
  CHECK(judged(get(rest)) == "plain");
  CHECK(judged(get("Upgrade: websocket\r\n" + rest)) == "plain");
  CHECK(judged(get("Connection: Upgrade\r\n" + rest)) == "plain");
  CHECK(judged(get("Upgrade: h2c\r\nConnection: Upgrade\r\n" + rest)) == "plain");
  CHECK(judged(get("Upgrade: websockets\r\nConnection: Upgrade\r\n" + rest)) == "plain");
  CHECK(judged(get("Upgrade: websocket\r\nConnection: Upgraded, close\r\n" + rest)) == "plain");
  for (const char* method : {"POST", "HEAD", "OPTIONS", "PUT"}) {
    CAPTURE(method);
    CHECK(judged(std::string(method) + " /ws HTTP/1.1\r\nHost: x\r\n" + kUpgrade + rest + "\r\n") == "plain");
  }
}

TEST_CASE("W-09 a body with the handshake is refused, an empty one in chunks too") {
  const std::string fields = kUpgrade + kKey + kVersion;
  CHECK(judged(get(fields + "Content-Length: 1\r\n") + "x") == "400");
  CHECK(judged(get(fields + "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n") == "400");
  CHECK(judged(get(fields + "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n") == "400");
  CHECK(judged(get(fields + "Content-Length: 0\r\n")) == "101");
}

TEST_CASE("W-09 bytes behind the head are left to the caller, wherever they are cut") {
  const std::string head = get(kUpgrade + kKey + kVersion);
  const std::string frames("\x81\x85\0\r\n\rGET / HTTP/1.1\r\n\r\n\xff", 25);
  for (std::size_t cut = 0; cut <= head.size(); ++cut) {
    nxb::http::ParserPool pool{{}};
    Parser parser(pool);
    const std::string bytes = head + frames;
    std::size_t taken = cut > 0 ? parser.feed(bytes.substr(0, cut)).consumed : 0;
    REQUIRE(taken == cut);
    Parser::Step step = parser.feed(bytes.substr(cut));
    taken += step.consumed;
    REQUIRE((cut == head.size() || step.state == Parser::State::Complete));
    REQUIRE(taken == head.size());
    CHECK_FALSE(parser.has_body());
  }
}

TEST_CASE("W-08 H-17 a request behind one with Upgrade is read, and asks for nothing") {
  nxb::http::ParserPool pool{{}};
  Parser parser(pool);
  const std::string upgrade = get(kUpgrade + kKey + kVersion + "Sec-WebSocket-Protocol: xmpp\r\n");
  parser.feed(upgrade);
  REQUIRE(asks_for_websocket(parser.request()));
  parser.next();
  CHECK(parser.feed(get("")).state == Parser::State::Complete);
  CHECK_FALSE(asks_for_websocket(parser.request()));
  CHECK(parser.request().websocket.key.empty());
}
