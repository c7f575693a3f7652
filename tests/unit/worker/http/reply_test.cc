// tests/unit/worker/http/reply_test.cc
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "worker/http/reply.h"

using namespace nxb;
using namespace nxb::http;

namespace {

constexpr std::int64_t kNow = 1795440000123;  // Mon, 23 Nov 2026 13:20:00 GMT

std::string bosh_head(Replies& replies, std::string_view origin, Persistence persistence = Persistence::Implied) {
  Answer answer;
  answer.purpose = Purpose::Bosh;
  answer.content_type = "text/xml; charset=utf-8";
  answer.content_length = 42;
  answer.cors = replies.cors().judge(origin);
  answer.persistence = persistence;
  return replies.head(answer, kNow);
}

bool has(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

config::Config::Http listing(std::vector<std::string> origins) {
  config::Config::Http http;
  http.allowed_origins = std::move(origins);
  return http;
}

}  // namespace

TEST_CASE("H-18 H-20 H-21 a BOSH answer has date, type, length, no-store and the safety headers") {
  Replies replies{config::Config::Http{}};
  std::string head = bosh_head(replies, "https://a.example");
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(has(head, "Date: Mon, 23 Nov 2026 13:20:00 GMT"));
  CHECK(has(head, "Content-Type: text/xml; charset=utf-8"));
  CHECK(has(head, "Content-Length: 42"));
  CHECK(has(head, "Cache-Control: no-store"));
  CHECK(has(head, "X-Content-Type-Options: nosniff"));
  CHECK(has(head, "Content-Security-Policy: sandbox; default-src 'none'"));
  CHECK(head.find("Server:") == std::string::npos);
  CHECK(head.find("Connection:") == std::string::npos);
}

TEST_CASE("H-18 the date changes with the second and has two digits everywhere") {
  Date date;
  CHECK(date.at(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date.at(999) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date.at(1000) == "Thu, 01 Jan 1970 00:00:01 GMT");
  CHECK(date.at(951868799000) == "Tue, 29 Feb 2000 23:59:59 GMT");
}

TEST_CASE("H-12 Connection is written only where it says something") {
  Replies replies{config::Config::Http{}};
  CHECK(has(bosh_head(replies, "", Persistence::Close), "Connection: close"));
  CHECK(has(bosh_head(replies, "", Persistence::KeepAlive), "Connection: keep-alive"));
}

TEST_CASE("H-31 any origin: the wildcard, without credentials and without Vary") {
  Replies replies{listing({"*"})};
  for (const char* origin : {"https://a.example", "null", ""}) {
    std::string head = bosh_head(replies, origin);
    CHECK(has(head, "Access-Control-Allow-Origin: *"));
    CHECK(head.find("Vary") == std::string::npos);
    CHECK(head.find("Credentials") == std::string::npos);
  }
}

TEST_CASE("H-32 a list: the matching origin is echoed, Vary always, nothing for a stranger") {
  Replies replies{listing({"https://a.example", "https://b.example:8443"})};
  std::string head = bosh_head(replies, "https://b.example:8443");
  CHECK(has(head, "Access-Control-Allow-Origin: https://b.example:8443"));
  CHECK(has(head, "Vary: Origin"));
  for (const char* stranger : {"https://b.example", "https://A.example", "null", "", "https://a.example "}) {
    CAPTURE(stranger);
    head = bosh_head(replies, stranger);
    CHECK(has(head, "Vary: Origin"));
    CHECK(head.find("Access-Control") == std::string::npos);
  }
  Replies with_null{listing({"null"})};
  CHECK(has(bosh_head(with_null, "null"), "Access-Control-Allow-Origin: null"));
}

TEST_CASE("H-33 credentials are allowed on answers and preflights when configured") {
  auto http = listing({"https://a.example"});
  http.allow_credentials = true;
  Replies replies{http};
  CHECK(has(bosh_head(replies, "https://a.example"), "Access-Control-Allow-Credentials: true"));
  Answer preflight;
  preflight.purpose = Purpose::Preflight;
  preflight.cors = replies.cors().judge("https://a.example");
  CHECK(has(replies.head(preflight, kNow), "Access-Control-Allow-Credentials: true"));
  preflight.cors = replies.cors().judge("https://c.example");
  CHECK(replies.head(preflight, kNow).find("Access-Control") == std::string::npos);
}

TEST_CASE("C-35 H-29 H-30 H-35 a preflight names methods, headers and an age; no content") {
  config::Config::Http http;
  http.headers = {{"X-Mine", "1"}, {"content-type", "ignored here"}};
  http.cors_headers = {"Authorization", "x-mine"};
  Replies replies{http};
  Answer preflight;
  preflight.purpose = Purpose::Preflight;
  preflight.cors = replies.cors().judge("https://a.example");
  std::string head = replies.head(preflight, kNow);
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(head, "Content-Length: 0"));
  CHECK(has(head, "Access-Control-Allow-Origin: *"));
  CHECK(has(head, "Access-Control-Allow-Methods: OPTIONS, GET, POST"));
  CHECK(has(head, "Access-Control-Allow-Headers: Content-Type, X-Requested-With, X-Mine, Authorization"));
  CHECK(has(head, "Access-Control-Max-Age: 14400"));
  CHECK(has(head, "X-Mine: 1"));
  CHECK(head.find("Content-Type:") == std::string::npos);
}

TEST_CASE("H-36 a private network is allowed only if configured, to an allowed origin, and when asked for") {
  auto http = listing({"https://a.example"});
  const std::string line = "Access-Control-Allow-Private-Network: true";
  for (bool configured : {false, true}) {
    http.allow_private_network = configured;
    Replies replies{http};
    Answer preflight;
    preflight.purpose = Purpose::Preflight;
    preflight.private_network = true;
    preflight.cors = replies.cors().judge("https://a.example");
    CHECK(has(replies.head(preflight, kNow), line) == configured);
    preflight.cors = replies.cors().judge("https://b.example");
    CHECK_FALSE(has(replies.head(preflight, kNow), line));
    preflight.cors = replies.cors().judge("https://a.example");
    preflight.private_network = false;
    CHECK_FALSE(has(replies.head(preflight, kNow), line));
    preflight.private_network = true;
    preflight.purpose = Purpose::Bosh;
    CHECK_FALSE(has(replies.head(preflight, kNow), line));
  }
}

TEST_CASE("H-42 D-04 a challenge has its realm in quotes") {
  Replies replies{config::Config::Http{}};
  Answer answer;
  answer.status = 401;
  answer.challenge = true;
  std::string head = replies.head(answer, kNow);
  CHECK(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
  CHECK(has(head, "WWW-Authenticate: Basic realm=\"nxb\", charset=\"UTF-8\""));
}

TEST_CASE("C-32 204 has neither type nor length") {
  Replies replies{config::Config::Http{}};
  Answer answer;
  answer.status = 204;
  std::string head = replies.head(answer, kNow);
  CHECK(head.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(head.find("Content-Type:") == std::string::npos);
  CHECK(head.find("Content-Length:") == std::string::npos);
}

TEST_CASE("H-21 a page may bring its own policy; without one nothing is allowed") {
  Replies replies{config::Config::Http{}};
  Answer answer;
  CHECK(has(replies.head(answer, kNow), "Content-Security-Policy: sandbox; default-src 'none'"));
  answer.policy = "default-src 'none'; style-src 'sha256-x'";
  CHECK(has(replies.head(answer, kNow), "Content-Security-Policy: default-src 'none'; style-src 'sha256-x'"));
}

TEST_CASE("H-34 H-43 errors carry CORS headers, what is for the operator does not") {
  Replies replies{config::Config::Http{}};
  Answer answer;
  answer.cors = replies.cors().judge("");
  for (int status : {400, 404, 405, 408, 413, 503}) {
    answer.status = status;
    CHECK(has(replies.head(answer, kNow), "Access-Control-Allow-Origin: *"));
  }
  answer.status = 200;
  answer.purpose = Purpose::Operator;
  CHECK(replies.head(answer, kNow).find("Access-Control") == std::string::npos);
}

TEST_CASE("H-14 O-29 Allow and Retry-After are written when asked for") {
  Replies replies{config::Config::Http{}};
  Answer answer;
  answer.status = 405;
  answer.allow = "GET, HEAD";
  CHECK(has(replies.head(answer, kNow), "Allow: GET, HEAD"));
  answer = {};
  answer.status = 503;
  answer.retry_after_seconds = 5;
  std::string head = replies.head(answer, kNow);
  CHECK(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(has(head, "Retry-After: 5"));
}

TEST_CASE("O-41 an answer that begins a session names the node; the cookie is as wide as the request was safe") {
  auto http = listing({"https://a.example"});
  config::Config::Sticky sticky{.node = "b2", .cookie = "nxb_node", .header = "X-Node"};
  Replies replies{http, sticky};
  Answer answer;
  answer.purpose = Purpose::Bosh;
  CHECK(replies.head(answer, kNow).find("b2") == std::string::npos);
  answer.node = replies.node_lines(false);
  std::string head = replies.head(answer, kNow);
  CHECK(has(head, "Set-Cookie: nxb_node=b2; Path=/; HttpOnly; SameSite=Lax"));
  CHECK(has(head, "X-Node: b2"));
  answer.node = replies.node_lines(true);
  CHECK(has(replies.head(answer, kNow), "Set-Cookie: nxb_node=b2; Path=/; HttpOnly; SameSite=Lax; Secure"));
  http.allow_credentials = true;
  Replies for_other_sites{http, sticky};
  answer.node = for_other_sites.node_lines(true);
  CHECK(has(for_other_sites.head(answer, kNow), "Set-Cookie: nxb_node=b2; Path=/; HttpOnly; SameSite=None; Secure"));
  answer.node = for_other_sites.node_lines(false);
  CHECK(has(for_other_sites.head(answer, kNow), "Set-Cookie: nxb_node=b2; Path=/; HttpOnly; SameSite=Lax"));
  head = replies.upgrade_head("key", "xmpp", kNow, false, replies.node_lines(true));
  CHECK(has(head, "Set-Cookie: nxb_node=b2; Path=/; HttpOnly; SameSite=Lax; Secure"));
  CHECK(has(head, "X-Node: b2"));
}

TEST_CASE("O-41 cookie and header are asked for one by one, and by nobody") {
  CHECK(Replies{config::Config::Http{}}.node_lines(true).empty());
  CHECK(Replies{config::Config::Http{}, {.node = "a", .cookie = {}, .header = "X-Node"}}.node_lines(false) ==
        "X-Node: a\r\n");
  CHECK(Replies{config::Config::Http{}, {.node = "a", .cookie = "n", .header = {}}}.node_lines(false) ==
        "Set-Cookie: n=a; Path=/; HttpOnly; SameSite=Lax\r\n");
}

TEST_CASE("O-41 H-30 scripts of an allowed origin may read the node's header and send it back") {
  Replies replies{listing({"https://a.example"}), {.node = "a", .cookie = {}, .header = "X-Node"}};
  CHECK(has(bosh_head(replies, "https://a.example"), "Access-Control-Expose-Headers: X-Node"));
  CHECK(bosh_head(replies, "https://b.example").find("X-Node") == std::string::npos);
  Answer preflight;
  preflight.purpose = Purpose::Preflight;
  preflight.cors = replies.cors().judge("https://a.example");
  CHECK(has(replies.head(preflight, kNow), "Access-Control-Allow-Headers: Content-Type, X-Requested-With, X-Node"));
}
