// tests/unit/worker/http/parser_test.cc
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/worker/http/parsed.h"

using nxb::http::Limits;
using nxb::testing::disagreement;
using nxb::testing::parsed;

namespace {

// Every request of this file is also cut in two at every byte: the result must not depend on it.
std::string read(const std::string& bytes, const Limits& limits = {}) {
  CHECK(disagreement(bytes, limits) == "");
  return parsed(bytes, limits);
}

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /http-bind HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n";

}  // namespace

TEST_CASE("a POST with Content-Length is read, and one behind it as well (H-11)") {
  CHECK(read(post("Content-Length: 5\r\n", "hello") + post("Content-Length: 2\r\n", "ho")) ==
        "POST /http-bind 1.1 keep body=hello\nPOST /http-bind 1.1 keep body=ho\n");
}

TEST_CASE("empty lines in front of a request line are skipped, lone CR or LF are not") {
  CHECK(read("\r\n\r\n" + kGet + "\r\n\r\n") == "GET / 1.1 keep\n");
  CHECK(read("\n" + kGet + "\r\n") == "failed 400\n");
  CHECK(read("\rG" + kGet + "\r\n") == "failed 400\n");
}

TEST_CASE("H-01 Content-Length beside Transfer-Encoding is refused in either order") {
  CHECK(read(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")) == "failed 400\n");
  CHECK(read(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")) == "failed 400\n");
}

TEST_CASE("H-02 Content-Length is digits, once, without overflow") {
  for (const char* value : {"+5", "-5", "5,5", "0x5", "5 5", "", "18446744073709551616", "5a"}) {
    CAPTURE(value);
    CHECK(read(post("Content-Length: " + std::string(value) + "\r\n", "hello")) == "failed 400\n");
  }
  CHECK(read(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")) == "failed 400\n");
  CHECK(read(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")) == "failed 400\n");
}

TEST_CASE("H-03 only chunked, once, alone and in HTTP/1.1 is a transfer coding") {
  CHECK(read(post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")) ==
        "POST /http-bind 1.1 keep body=hello\n");
  CHECK(read(post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")) == "failed 501\n");
  CHECK(read(post("Transfer-Encoding: gzip\r\n")) == "failed 501\n");
  CHECK(read(post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")) == "failed 400\n");
  CHECK(read(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")) == "failed 400\n");
  CHECK(read(post("Transfer-Encoding:\r\n", "0\r\n\r\n")) == "failed 400\n");
  CHECK(read(post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")) == "failed 501\n");
  CHECK(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == "failed 400\n");
}

TEST_CASE("H-04 chunks are exact; extensions and trailers are ignored") {
  const std::string kChunked = "Transfer-Encoding: chunked\r\n";
  CHECK(read(post(kChunked, "3;a=b\r\nabc\r\n2;c=\"d e\"\r\nde\r\n0\r\nTrailer-Field: x\r\nHost: y\r\n\r\n") + kGet +
             "\r\n") == "POST /http-bind 1.1 keep body=abcde\nGET / 1.1 keep\n");
  for (const char* body :
       {"3 \r\nabc\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n", "x\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcXX0\r\n\r\n", "3\r\nabc\n\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\rXabc\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nabc\r\n", "3\r\nabc\r\n0\r\nFolded: a\r\n b\r\n\r\n",
        "3\r\nabc\r\n0\r\nNo: \x01\r\n\r\n", "3\r\nabc\r\n0\r\n\n", "3;a\n\r\nabc\r\n0\r\n\r\n"}) {
    CAPTURE(body);
    CHECK(read(post(kChunked, body)) == "failed 400\n");
  }
}

TEST_CASE("H-05 without either header there is no body") {
  CHECK(read(post("") + kGet + "\r\n") == "POST /http-bind 1.1 keep\nGET / 1.1 keep\n");
}

TEST_CASE("H-06 lines end in CR LF; no folding, no spaces before the colon, no control characters") {
  for (const char* field :
       {"A: b\n", "A: b\rC: d\r\n", "A : b\r\n", "A b: c\r\n", "A: b\r\n c\r\n", "A: b\r\n\tc\r\n", " A: b\r\n",
        "A: \x01\r\n", "A: \x7f\r\n", "A\r\n", ": b\r\n", "(A): b\r\n", "A: b\r\r\n", "A:\r\r\n", "A:\r \r\n"}) {
    CAPTURE(field);
    CHECK(read(kGet + field + "\r\n") == "failed 400\n");
  }
  CHECK(read(kGet + std::string("A: b\0c\r\n", 8) + "\r\n") == "failed 400\n");
  CHECK(read("GET / HTTP/1.1\nHost: x\r\n\r\n") == "failed 400\n");
  CHECK(read(kGet + "A: b\r\n\n") == "failed 400\n");
  CHECK(read(kGet + "A: b\r\n\rX") == "failed 400\n");
  CHECK(read(kGet + "A: \xc3\xa4\tb\r\nEmpty:\r\n\r\n") == "GET / 1.1 keep\n");
}

TEST_CASE("H-07 HTTP/1.1 has exactly one Host, HTTP/1.0 at most one") {
  CHECK(read("GET / HTTP/1.1\r\n\r\n") == "failed 400\n");
  CHECK(read(kGet + "Host: y\r\n\r\n") == "failed 400\n");
  CHECK(read("GET / HTTP/1.0\r\n\r\n") == "GET / 1.0 close\n");
  CHECK(read("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == "failed 400\n");
  CHECK(read("GET / HTTP/1.1\r\nHost:\r\n\r\n") == "GET / 1.1 keep\n");
}

TEST_CASE("H-08 the target: origin and absolute form, escapes decoded once, dots kept") {
  auto target = [](const std::string& text) { return read("GET " + text + " HTTP/1.1\r\nHost: x\r\n\r\n"); };
  CHECK(target("/a/../b?q=%41") == "GET /a/../b 1.1 keep query=q=%41\n");
  CHECK(target("/%68ttp%2Dbind") == "GET /http-bind 1.1 keep\n");
  CHECK(target("/%2541") == "GET /%41 1.1 keep\n");
  CHECK(target("http://other:80/http-bind?x") == "GET /http-bind 1.1 keep query=x\n");
  CHECK(target("http://other") == "GET / 1.1 keep\n");
  CHECK(target("http://other?x=y") == "GET / 1.1 keep query=x=y\n");
  CHECK(target("/a+b?") == "GET /a+b 1.1 keep\n");
  CHECK(target("/a?%zz?b") == "GET /a 1.1 keep query=%zz?b\n");
  for (const char* bad : {"/%00", "/%4", "/%", "/%zz", "*", "ftp://x/", "http:///x", "/a#b", "/\xc3\xa4", "x"}) {
    CAPTURE(bad);
    CHECK(target(bad) == "failed 400\n");
  }
  CHECK(read("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n") == "OPTIONS * 1.1 keep\n");
  CHECK(read("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n") == "OTHER  1.1 keep\n");
}

TEST_CASE("H-08 a CONNECT that announces a body is refused: what follows is neither its body nor the next request") {
  std::string head = "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n";
  CHECK(read(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == "failed 405\n");
  CHECK(read(head + "Content-Length: 5\r\n\r\nhello") == "failed 405\n");
  CHECK(read(head + "Content-Length: 0\r\n\r\n") == "OTHER  1.1 keep\n");
}

TEST_CASE("H-09 HTTP/1.0 and 1.1 only") {
  auto line = [](const std::string& text) { return read(text + "\r\nHost: x\r\n\r\n"); };
  CHECK(line("PRI * HTTP/2.0") == "failed 505\n");
  CHECK(line("GET / HTTP/2.0") == "failed 505\n");
  CHECK(line("GET / HTTP/1.2") == "failed 505\n");
  CHECK(line("GET / HTTP/3.1") == "failed 505\n");
  for (const char* text :
       {"GET /", "GET / RTSP/1.0", "OPTIONS * RTSP/1.0", "SOURCE /x ICE/1.0", "GET /HTTP/1.1", "GET / http/1.1",
        "GET / HTTP/1.1 ", "GET / HTTP/1.1x", "", "get / HTTP/1.1", " GET / HTTP/1.1", "GET\t/ HTTP/1.1"}) {
    CAPTURE(text);
    if (*text != '\0') CHECK(line(text) == "failed 400\n");
  }
  CHECK(read("\x16\x03\x01\x02") == "failed 400\n");
}

TEST_CASE("H-12 persistence follows the version and the list in Connection") {
  CHECK(read(kGet + "Connection: close\r\n\r\n" + kGet + "\r\n") == "GET / 1.1 close\nGET / 1.1 keep\n");
  CHECK(read(kGet + "Connection: x, CLOSE\r\n\r\n") == "GET / 1.1 close\n");
  CHECK(read(kGet + "Connection: keep-alive\r\nConnection: close\r\n\r\n") == "GET / 1.1 close\n");
  CHECK(read(kGet + "Connection: closed\r\n\r\n") == "GET / 1.1 keep\n");
  CHECK(read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n") == "GET / 1.0 keep\n");
  CHECK(read("GET / HTTP/1.0\r\n\r\n" + kGet + "\r\n") == "GET / 1.0 close\nGET / 1.1 keep\n");
}

TEST_CASE("H-13 Expect: 100-continue is noted, another expectation is refused") {
  CHECK(read(post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x")) ==
        "POST /http-bind 1.1 keep continue body=x\n");
  CHECK(read(post("Expect: tea\r\nContent-Length: 1\r\n", "x")) == "failed 417\n");
  CHECK(read("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n") == "GET / 1.0 close\n");
}

TEST_CASE("H-14 other methods are told apart from what is no HTTP") {
  CHECK(read("PUT /x HTTP/1.1\r\nHost: x\r\n\r\n") == "OTHER /x 1.1 keep\n");
  CHECK(read("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n") == "HEAD /x 1.1 keep\n");
  CHECK(read("BREW /x HTTP/1.1\r\nHost: x\r\n\r\n") == "failed 405\n");
  CHECK(read("GETX /x HTTP/1.1\r\nHost: x\r\n\r\n") == "failed 405\n");
  CHECK(read("<html>\r\n\r\n") == "failed 400\n");
}

TEST_CASE("H-15 registered content codings are refused, anything else there is ignored") {
  for (const char* coding : {"gzip", "Deflate", "br", "zstd", "identity, gzip", "x-gzip"}) {
    CAPTURE(coding);
    CHECK(read(post("Content-Encoding: " + std::string(coding) + "\r\nContent-Length: 1\r\n", "x")) == "failed 415\n");
  }
  CHECK(read(post("Content-Encoding: text/xml; charset=utf-8\r\nContent-Length: 1\r\n", "x")) ==
        "POST /http-bind 1.1 keep body=x\n");
  CHECK(read(post("Content-Encoding: identity\r\nContent-Length: 1\r\n", "x")) == "POST /http-bind 1.1 keep body=x\n");
}

TEST_CASE("H-17 Upgrade to anything is ignored by the parser") {
  CHECK(read(kGet + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n" + kGet + "\r\n") ==
        "GET / 1.1 keep\nGET / 1.1 keep\n");
  CHECK(read(post("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n", "ab") + kGet + "\r\n") ==
        "POST /http-bind 1.1 keep body=ab\nGET / 1.1 keep\n");
}

TEST_CASE("H-25 H-44 a body of the limit passes, one byte more is 413, also when it comes in chunks") {
  Limits limits;
  limits.body = 10;
  const std::string kChunked = "Transfer-Encoding: chunked\r\n";
  CHECK(read(post("Content-Length: 10\r\n", "0123456789"), limits) == "POST /http-bind 1.1 keep body=0123456789\n");
  CHECK(read(post("Content-Length: 11\r\n"), limits) == "failed 413\n");
  CHECK(read(post("Content-Length: 11\r\nExpect: 100-continue\r\n"), limits) == "failed 413\n");
  CHECK(read(post(kChunked, "a\r\n0123456789\r\n0\r\n\r\n"), limits) == "POST /http-bind 1.1 keep body=0123456789\n");
  CHECK(read(post(kChunked, "5\r\n01234\r\n6\r\n567890\r\nnonsense"), limits) == "failed 413\n");
}

TEST_CASE("H-26 request line, fields and their number are limited, at the figure and one beyond") {
  Limits limits;
  limits.request_line = 40;
  limits.head = 60;
  limits.fields = 3;
  auto line = [&](std::size_t size) {
    std::string text = "GET / HTTP/1.1";
    text.insert(5, size - text.size(), 'a');
    return read(text + "\r\nHost: x\r\n\r\n", limits);
  };
  CHECK(line(40) == "GET /" + std::string(26, 'a') + " 1.1 keep\n");
  CHECK(line(41) == "failed 414\n");
  auto fields = [&](std::size_t size) {
    std::string text = "Host: x\r\nA: \r\n\r\n";
    text.insert(12, size - text.size(), 'a');
    return read("GET / HTTP/1.1\r\n" + text, limits);
  };
  CHECK(fields(60) == "GET / 1.1 keep\n");
  CHECK(fields(61) == "failed 431\n");
  CHECK(read(kGet + "A: 1\r\nB: 2\r\n\r\n", limits) == "GET / 1.1 keep\n");
  CHECK(read(kGet + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits) == "failed 431\n");
  CHECK(read(post("Transfer-Encoding: chunked\r\n", "1;" + std::string(60, 'x') + "\r\na\r\n0\r\n\r\n"), limits) ==
        "failed 431\n");
  CHECK(read(post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nT: " + std::string(60, 'x') + "\r\n\r\n"),
             limits) == "failed 431\n");
}

TEST_CASE("H-29 H-47 the fields that answers depend on are collected") {
  CHECK(
      read(post("Origin: https://a.example\r\nX-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nX-FORWARDED-FOR:  9.9.9.9 \r\n")) ==
      "POST /http-bind 1.1 keep origin=https://a.example for=1.2.3.4, 5.6.7.8, 9.9.9.9 via-proxy\n");
  CHECK(read(post("X-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4;proto=https\r\nforwarded: for=5.6.7.8\r\n")) ==
        "POST /http-bind 1.1 keep proto=https forwarded=for=1.2.3.4;proto=https, for=5.6.7.8 via-proxy\n");
}

TEST_CASE("H-41 each of the marks that proxies leave is seen") {
  for (const char* field : {"X-Forwarded-For: 127.0.0.1", "X-Forwarded-For:", "Forwarded: for=x", "x-real-ip: ::1",
                            "Via: 1.1 x", "X-Forwarded-Proto: https", "x-forwarded-host: x", "X-Client-IP: ::1",
                            "True-Client-IP: ::1", "CF-Connecting-IP: ::1"}) {
    CAPTURE(field);
    CHECK(read(kGet + field + "\r\n\r\n").find(" via-proxy\n") != std::string::npos);
  }
  CHECK(read(kGet + "X-Forward: x\r\nViable: x\r\n\r\n") == "GET / 1.1 keep\n");
}

TEST_CASE("H-36 H-42 a question for a private network is `true`, and two Authorization fields are none that is good") {
  CHECK(read(kGet + "Access-Control-Request-Private-Network: true\r\n\r\n") == "GET / 1.1 keep private\n");
  CHECK(read(kGet + "Access-Control-Request-Private-Network: 1\r\n\r\n") == "GET / 1.1 keep\n");
  CHECK(read(kGet + "Authorization: Basic x\r\nAuthorization: Basic y\r\n\r\n") ==
        "GET / 1.1 keep auth=Basic x, Basic y\n");
}

TEST_CASE("the bytes of a request are kept for a hand-over, without what follows") {
  nxb::http::ParserPool pool{{}};
  nxb::http::Parser parser{pool};
  std::string first = post("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n");
  std::string second = post("Content-Length: 3\r\n", "xyz");
  std::string bytes = "\r\n" + first + second;
  auto step = parser.feed(bytes);
  REQUIRE(step.state == nxb::http::Parser::State::Complete);
  CHECK(parser.raw() == first);
  CHECK(step.consumed == 2 + first.size());
  parser.next();
  step = parser.feed(second.substr(0, 50));
  CHECK(parser.raw() == second.substr(0, 50));
  CHECK_FALSE(parser.between_requests());
}

TEST_CASE("a parser owns nothing between requests, whatever way it came there") {
  nxb::http::ParserPool pool{{}};
  nxb::http::Parser parser{pool};
  const std::string request = post("Content-Length: 2\r\n", "ab");
  CHECK(pool.lent() == 0);
  CHECK(parser.feed("").state == nxb::http::Parser::State::NeedMore);
  parser.feed("\r\n\r\n");
  CHECK(pool.lent() == 0);
  parser.feed("\r");
  CHECK(pool.lent() == 1);  // the LF must follow
  parser.feed("\n");
  CHECK(pool.lent() == 0);
  parser.feed(request.substr(0, 10));
  CHECK(pool.lent() == 1);
  parser.feed(request.substr(10));
  CHECK(pool.lent() == 1);
  CHECK(parser.body() == "ab");
  parser.next();
  CHECK(pool.lent() == 0);
  CHECK(parser.between_requests());
  CHECK(parser.request().path.empty());
  CHECK(parser.raw().empty());
  {
    nxb::http::Parser other{pool};
    other.feed("nonsense");
    CHECK(pool.lent() == 1);
  }
  CHECK(pool.lent() == 0);
}

TEST_CASE("nothing of a request reaches the one that is read by the same means") {
  nxb::http::ParserPool pool{{}};
  nxb::http::Parser first{pool}, second{pool};
  first.feed(post("Origin: x\r\nAuthorization: Basic y\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n"));
  first.next();  // it was not whole
  CHECK(pool.idle() == 1);
  REQUIRE(second.feed(kGet + "\r\n").state == nxb::http::Parser::State::Complete);
  CHECK(pool.idle() == 0);
  CHECK(second.request().authorization.empty());
  CHECK(second.request().origin.empty());
  CHECK(second.body().empty());
  CHECK_FALSE(second.has_body());
  CHECK(second.raw() == kGet + "\r\n");
}

TEST_CASE("H-25 O-33 other limits hold for requests that begin later") {
  nxb::http::ParserPool pool{{.body = 3}};
  nxb::http::Parser first{pool}, second{pool};
  const std::string request = post("Content-Length: 3\r\n", "abc");
  first.feed(request.substr(0, 20));
  pool.change({.body = 2});
  CHECK(first.feed(request.substr(20)).state == nxb::http::Parser::State::Complete);
  CHECK(second.feed(request).state == nxb::http::Parser::State::Failed);
  CHECK(second.error_status() == 413);
  first.next();
  CHECK(first.feed(request).state == nxb::http::Parser::State::Failed);
}

TEST_CASE("of many requests that were read at once, the means of a few are kept") {
  nxb::http::ParserPool pool{{}};
  std::vector<std::unique_ptr<nxb::http::Parser>> parsers;
  for (int i = 0; i < 100; ++i) {
    parsers.push_back(std::make_unique<nxb::http::Parser>(pool));
    parsers.back()->feed("POST");
  }
  CHECK(pool.lent() == 100);
  parsers.clear();
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() > 0);
  CHECK(pool.idle() <= 8);
}
