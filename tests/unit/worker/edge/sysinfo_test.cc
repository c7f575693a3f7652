// tests/unit/worker/edge/sysinfo_test.cc - the page with a password: what is on it, and how often one may guess.
// SPDX-License-Identifier: MIT
#include "common/base/secret.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/edge/one_answer.h"

using namespace nxb;
using namespace nxb::testing;

namespace {

// An address whose failures this worker counts, and one that the other does.
std::string address_of(const EdgeRig& rig, std::uint32_t worker) {
  for (int i = 1;; ++i) {
    std::string ip = "198.51.100." + std::to_string(i);
    if (rig.route.owner(Network::of(ip)->bytes()) == worker) return ip;
  }
}

const std::string kWrong = "Authorization: Basic YWRtaW46d3Jvbmc=\r\n";  // admin:wrong

}  // namespace

TEST_CASE("C-30 O-22 H-42 sysinfo: 403 without a configured password, 401 with a challenge, else version and options") {
  EdgeRig rig;
  SUBCASE("no password") {
    rig.open();
    CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo"))) == "403");
    std::string peer = address_of(rig, 0) + ":1";
    CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo", "Authorization: Basic YWRtaW46\r\n"), peer)) == "403");
  }
  SUBCASE("with one") {
    rig.config.monitor.system_info_password = "secret";
    rig.config.http.path = {"/http-bind", "/other"};
    rig.config.http.headers = {{"X-Odd", "<b>&"}};
    rig.open();
    std::string asked = answer_to(rig, get("/other/sysinfo/"));
    CHECK(status_of(asked) == "401");
    CHECK(contains(asked, "\r\nWWW-Authenticate: Basic realm=\"nxb\", charset=\"UTF-8\"\r\n"));
    std::string page = answer_to(rig, get("/http-bind/sysinfo", kGoodPassword), address_of(rig, 0) + ":1");
    CHECK(status_of(page) == "200");
    CHECK(contains(page, "<td>version</td><td>" NXB_VERSION "</td>"));
    CHECK(contains(page, "<td>build.compiler</td><td>"));  // O-22
    CHECK(contains(page, "<td>build.checks</td><td>"));
    CHECK(contains(page, "<td>http.path</td><td>[&quot;/http-bind&quot;, &quot;/other&quot;]</td>"));
    CHECK(contains(page, "<td>monitor.system_info_password</td><td>(hidden)</td>"));
    CHECK(contains(page, "&lt;b&gt;&amp;"));
    CHECK_FALSE(contains(page, "secret"));
  }
}

TEST_CASE("H-42 D-04 every Authorization that is not exactly right is 401, and none is a fault") {
  EdgeRig rig;
  rig.config.monitor.system_info_password = "secret";
  rig.open();
  int host = 0;
  for (const char* value : {"x", "", "Basic", "Basic ", "Basic !", "Basic YWRtaW4=", "Bearer YWRtaW46c2VjcmV0",
                            "Basic YWRtaW46d3Jvbmc=", "Basic YWRtaW46c2VjcmV", "Basic YWRtaW46c2VjcmV0MQ==",
                            "Basic Um9vdDpzZWNyZXQ=", "Basic OnNlY3JldA==", "Basic YWRtaW46"}) {
    CAPTURE(value);
    std::string peer;
    do peer = "203.0.113." + std::to_string(++host);
    while (rig.route.owner(Network::of(peer)->bytes()) != 0);
    std::string answer =
        answer_to(rig, get("/http-bind/sysinfo", "Authorization: " + std::string(value) + "\r\n"), peer + ":1");
    CHECK(status_of(answer) == "401");
    CHECK(contains(answer, "realm=\"nxb\""));
  }
  CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo", kGoodPassword), address_of(rig, 0) + ":1")) == "200");
}

TEST_CASE("H-42 after five wrong passwords of an address even the right one is 429 with Retry-After, for others not") {
  EdgeRig rig;
  rig.config.monitor.system_info_password = "secret";
  rig.open();
  std::string peer = address_of(rig, 0) + ":1";
  for (int i = 0; i < 5; ++i) {
    CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo"), peer)) == "401");  // without one: no failure
    CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo", kWrong), peer)) == "401");
  }
  std::string blocked = answer_to(rig, get("/http-bind/sysinfo", kGoodPassword), peer);
  CHECK(status_of(blocked) == "429");
  const std::size_t field = blocked.find("Retry-After: ");
  REQUIRE(field != std::string::npos);
  const int seconds = std::stoi(blocked.substr(field + 13));
  CHECK(seconds >= 1);
  CHECK(seconds <= 60);
  int host = 0;
  std::string other;
  do other = "203.0.113." + std::to_string(++host);
  while (rig.route.owner(Network::of(other)->bytes()) != 0);
  CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo", kGoodPassword), other + ":1")) == "200");
}

TEST_CASE("H-42 whoever has a /64 of IPv6 guesses five times, not 2^64 times") {
  EdgeRig rig;
  rig.config.monitor.system_info_password = "secret";
  rig.open();
  std::string net;
  int i = 0;
  do net = "2001:db8:0:" + std::to_string(++i) + "::";
  while (rig.route.owner(Network::of(net + "1")->bytes()) != 0);
  for (int host = 1; host <= 5; ++host) {
    std::string peer = "[" + net + std::to_string(host) + "]:1";
    CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo", kWrong), peer)) == "401");
  }
  CHECK(status_of(answer_to(rig, get("/http-bind/sysinfo", kGoodPassword), "[" + net + "6]:1")) == "429");
}

TEST_CASE("H-42 an address's failures are counted by one worker: its connection goes there, once") {
  EdgeRig rig;
  rig.config.monitor.system_info_password = "secret";
  rig.open();
  rig.open_other();
  std::string peer = address_of(rig, 1) + ":1";
  Client client = Client::from(rig, peer);
  client.send(get("/http-bind/sysinfo", kGoodPassword));
  REQUIRE(rig.run_until([&] { return rig.handed_over.size() == 1; }));
  CHECK(rig.handed_over[0].bytes == get("/http-bind/sysinfo", kGoodPassword));
  CHECK(rig.handed_over[0].hops == 1);
  Client arrived(rig, Family::Unix, 0, 1, "", get("/http-bind/sysinfo", kGoodPassword), peer);
  CHECK(arrived.gets("System information"));
  Client unsigned_one = Client::from(rig, peer);  // nothing to count
  unsigned_one.send(get("/http-bind/sysinfo"));
  CHECK(unsigned_one.gets("401 Unauthorized\n"));
}

TEST_CASE("H-21 H-41 sysinfo runs no script, and its policy names its own style and nothing else") {
  EdgeRig rig;
  rig.config.monitor.system_info_password = "secret";
  rig.open();
  const std::string page = answer_to(rig, get("/http-bind/sysinfo", kGoodPassword), address_of(rig, 0) + ":1");
  REQUIRE(status_of(page) == "200");
  const std::size_t begin = page.find("<style>") + 7;
  const std::string style = page.substr(begin, page.find("</style>") - begin);
  CHECK(contains(page, "\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-" + sha256_base64(style) +
                           "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"));
  for (const char* foreign : {"<script", "style=", "http://", "Access-Control"}) CHECK_FALSE(contains(page, foreign));
  CHECK(sha256_base64("abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}
