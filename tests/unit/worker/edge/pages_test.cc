// tests/unit/worker/edge/pages_test.cc - who sees which page, and what is on it.
// SPDX-License-Identifier: MIT
#include <array>

#include "common/base/secret.h"
#include "tests/support/contains.h"
#include "tests/unit/worker/edge/one_answer.h"
#include "worker/edge/template.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

TEST_CASE("C-29 the monitor page has the four figures of all workers together, and the host's name") {
  EdgeRig rig;
  rig.open();
  std::array<stats::Counters, 2> workers{stats::Counters(rig.segment->slot(0)), stats::Counters(rig.segment->slot(1))};
  for (stats::Counters& worker : workers) {
    worker.add(Counter::sessions, 2);
    worker.add(Counter::sessions_opened, 10);
    worker.add(Counter::streams, 3);
    worker.add(Counter::streams_requested, 12);
  }
  std::string page = answer_to(rig, get("/"));
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  CHECK(contains(page, "<title>nxb on " + std::string(host.data()) + "</title>"));
  CHECK(contains(page, "<h1>nxb on " + std::string(host.data()) + "</h1>"));
  CHECK(contains(page, ">4/20 active sessions<"));
  CHECK(contains(page, ">6/24 active streams<"));
  CHECK(contains(page, ">Uptime: 00:00:0"));
  CHECK(
      contains(page, "The supervisor did not answer"));  // nobody can be asked here: the figures are there all the same
  CHECK(contains(page, "Content-Type: text/html; charset=utf-8\r\n"));
  CHECK(contains(page, "Cache-Control: no-store\r\n"));
}

TEST_CASE("C-29 uptime is [N day(s) ]HH:MM:SS") {
  CHECK(edge::uptime_text(0s) == "00:00:00");
  CHECK(edge::uptime_text(86'399'999ms) == "23:59:59");
  CHECK(edge::uptime_text(24h) == "1 day 00:00:00");
  CHECK(edge::uptime_text(24h * 100 + 1h + 2min + 3s) == "100 days 01:02:03");
}

TEST_CASE("H-21 O-21 the monitor page may run its own script, use its own style and ask nxb, and nothing else") {
  EdgeRig rig;
  rig.open();
  std::string page = answer_to(rig, get("/"));
  auto hash_of = [&page](const std::string& element) {
    std::size_t begin = page.find("<" + element + ">") + element.size() + 2;
    return "'sha256-" + sha256_base64(page.substr(begin, page.find("</" + element + ">") - begin)) + "'";
  };
  CHECK(contains(page, "\r\nContent-Security-Policy: default-src 'none'; script-src " + hash_of("script") +
                           "; style-src " + hash_of("style") +
                           "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"));
  CHECK_FALSE(contains(page, "style="));
  CHECK_FALSE(contains(page, "src="));
  CHECK_FALSE(contains(page, "href="));
  CHECK_FALSE(contains(page, "{{"));
  CHECK_FALSE(contains(page, "Access-Control"));
}

TEST_CASE("O-21 pages wait for what the supervisor tells, one question for all, and it is kept a second") {
  EdgeRig rig;
  std::vector<ipc::Ask> asked;
  rig.ask = [&asked](const ipc::Ask& ask) { asked.push_back(ask); };
  rig.open();
  Client first = Client::from(rig, "127.0.0.1:4000"), second = Client::from(rig, "127.0.0.1:4001");
  first.send(get("/"));
  second.send(get("/monitor.json"));
  REQUIRE(rig.run_until([&] { return rig.count(Counter::requests) == 2; }));
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].what == ipc::kFigures);
  ipc::Figures figures;
  figures.state = "draining";
  figures.workers.push_back({0, 4711, "ready", 5'000, 0, "", 1, 0.5, 1 << 20});
  figures.workers.push_back({1, 0, "waiting", 0, 3, "signal 9 (<Killed>)", 0, 0, 0});
  rig.edge->told({asked[0].id + 1, "not ours"});
  CHECK(first.received.empty());
  rig.edge->told({asked[0].id, ipc::encode(figures)});
  REQUIRE(first.gets("</html>"));
  REQUIRE(second.gets("\"supervisor\":{"));
  CHECK(contains(first.received, ">4711</td>"));
  CHECK(contains(first.received, ">50.0 %</td>"));
  CHECK(contains(first.received, "nxb is draining"));
  CHECK(contains(first.received, "Worker 1 does not serve: waiting, last exit: signal 9 (&lt;Killed&gt;)."));
  CHECK(contains(second.received, "\"Worker 1 does not serve: waiting, last exit: signal 9 (<Killed>).\""));
  CHECK(contains(answer_to(rig, get("/")), ">4711</td>"));  // kept for a second
  CHECK(asked.size() == 1);
}

TEST_CASE(
    "O-31 O-23 a proxy that cuts what clients hold open is told by the page and by /metrics, at the highest age") {
  EdgeRig rig;
  rig.open();
  CHECK_FALSE(contains(answer_to(rig, get("/")), "A proxy in front cuts"));
  stats::Counters(rig.segment->slot(0)).add(Counter::proxy_cut_age_seconds, 30);
  stats::Counters(rig.segment->slot(1)).add(Counter::proxy_cut_age_seconds, 60);
  CHECK(contains(answer_to(rig, get("/")), "A proxy in front cuts what clients hold open after 60 s"));
  CHECK(contains(answer_to(rig, get("/metrics")), "\nnxb_proxy_cut_age_seconds 60\n"));
}

TEST_CASE("O-21 O-23 a worker that drains is up, and the page says that it drains") {
  EdgeRig rig;
  std::uint32_t id = 0;
  rig.ask = [&id](const ipc::Ask& ask) { id = ask.id; };
  rig.open();
  Client page = Client::from(rig, "127.0.0.1:4000"), metrics = Client::from(rig, "127.0.0.1:4001");
  page.send(get("/"));
  metrics.send(get("/metrics"));
  REQUIRE(rig.run_until([&] { return rig.count(Counter::requests) == 2; }));
  ipc::Figures figures;
  figures.state = "running";
  figures.workers.push_back({0, 4711, "draining", 5'000, 0, "", 1, 0.5, 1 << 20});
  figures.workers.push_back({1, 4712, "stuck", 5'000, 0, "", 1, 0.5, 1 << 20});
  figures.workers.push_back({2, 4713, "ready", 5'000, 0, "", 0, 0, 0});
  rig.edge->told({id, ipc::encode(figures)});
  REQUIRE(page.gets("</html>"));
  REQUIRE(metrics.gets("nxb_worker_cpu_seconds_total{worker=\"1\"}"));
  CHECK(contains(page.received, "Worker 0 is draining: it takes no new sessions."));
  CHECK_FALSE(contains(page.received, "Worker 0 does not serve"));
  CHECK(contains(page.received, "Worker 1 does not serve: stuck."));
  CHECK(contains(metrics.received, "nxb_worker_up{worker=\"0\"} 1\n"));
  CHECK(contains(metrics.received, "nxb_worker_up{worker=\"1\"} 0\n"));
  CHECK(contains(metrics.received, "nxb_worker_memory_bytes{worker=\"1\"} 1048576\n"));
  CHECK(contains(metrics.received, "nxb_worker_cpu_seconds_total{worker=\"1\"} 1"));
  CHECK_FALSE(contains(metrics.received, "nxb_worker_memory_bytes{worker=\"2\"}"));  // what is not known is not 0
  CHECK_FALSE(contains(metrics.received, "nxb_worker_cpu_seconds_total{worker=\"2\"}"));
}

TEST_CASE("O-21 a supervisor that does not answer is done without") {
  EdgeRig rig;
  int asked = 0;
  rig.ask = [&asked](const ipc::Ask&) { ++asked; };
  rig.open();
  Client client = Client::from(rig, "127.0.0.1:4000"), gone = Client::from(rig, "127.0.0.1:4001");
  gone.send(get("/"));
  client.send(get("/metrics"));
  REQUIRE(rig.run_until([&] { return rig.count(Counter::requests) == 2; }));
  gone.close();  // who waited may be gone
  REQUIRE(client.gets("nxb_sessions{"));
  CHECK_FALSE(contains(client.received, "nxb_worker_up"));
  CHECK(asked == 1);
}

TEST_CASE("O-21 templates: values are escaped unless they may not be, lists repeat, what is empty says so") {
  edge::Fields fields;
  fields.values = {{"a", "<&>"}};
  fields.lists["some"] = {{{{"v", "1"}}, {}}, {{{"v", "2"}}, {}}};
  CHECK(edge::filled("{{a}} {{{a}}} {{b}}.", fields) == "&lt;&amp;&gt; <&> .");
  CHECK(edge::filled("{{#some}}[{{v}}]{{/some}}{{^some}}none{{/some}}", fields) == "[1][2]");
  CHECK(edge::filled("{{#none}}[{{v}}]{{/none}}{{^none}}none{{/none}}!", fields) == "none!");
  CHECK(edge::filled("{{#some}}never ended", fields) == "never endednever ended");
  CHECK(edge::filled("x {{", fields) == "x ");
}

TEST_CASE("H-41 access = local: loopback and unix peers, unless a proxy passes the request on") {
  EdgeRig rig;
  rig.open();
  for (const char* local : {"127.0.0.1:4", "127.8.8.8:4", "[::1]:4", "[::ffff:127.0.0.1]:4", "unix:", "unix:/x"}) {
    CAPTURE(local);
    CHECK(status_of(answer_to(rig, get("/"), local)) == "200");
    for (const char* mark : {"X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1\r\n", "X-Real-IP: ::1\r\n",
                             "Via: 1.1 x\r\n", "X-Forwarded-Proto: https\r\n"}) {
      CHECK(status_of(answer_to(rig, get("/", mark), local)) == "403");
    }
  }
  for (const char* remote : {"192.0.2.7:4", "10.0.0.1:4", "[fe80::1]:4", "[::ffff:10.0.0.1]:4"}) {
    CAPTURE(remote);
    std::string answer = answer_to(rig, get("/"), remote);
    CHECK(status_of(answer) == "403");
    CHECK_FALSE(contains(answer, "sessions"));
  }
}

TEST_CASE("H-41 access = local: the request is for this machine by an address or name that cannot be another's") {
  EdgeRig rig;
  rig.open();
  auto status = [&rig](const std::string& host, const std::string& peer = "127.0.0.1:4") {
    return status_of(answer_to(rig, "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", peer));
  };
  for (const std::string good :
       {"127.0.0.1", "127.0.0.1:5280", "127.8.8.8:1", "[::1]", "[::1]:5280", "localhost", "LocalHost:5280"}) {
    CAPTURE(good);
    CHECK(status(good) == "200");
  }
  for (const std::string other :
       {"", ":5280", "evil.example", "evil.example:5280", "localhost.evil.example", "10.0.0.1", "[", "[]", "[:", "[::1",
        "[fe80::1]:5280", "127.0.0.1.evil.example:1", "xlocalhost", "::1"}) {
    CAPTURE(other);
    CHECK(status(other) == "403");
    CHECK(status(other, "unix:") == "200");
  }
  CHECK(status_of(answer_to(rig, "GET / HTTP/1.0\r\n\r\n")) == "403");
}

TEST_CASE("H-41 access = public shows it to everybody, off to nobody") {
  EdgeRig rig;
  SUBCASE("public") {
    rig.config.monitor.access = config::MonitorAccess::Public;
    rig.open();
    CHECK(status_of(answer_to(rig, get("/", "X-Forwarded-For: 192.0.2.9\r\n"), "192.0.2.7:4")) == "200");
    std::string head = answer_to(rig, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(status_of(head) == "200");
    CHECK(head.ends_with("\r\n\r\n"));
  }
  SUBCASE("off") {
    rig.config.monitor.access = config::MonitorAccess::Off;
    rig.open();
    CHECK(status_of(answer_to(rig, get("/"))) == "404");
  }
}

TEST_CASE("H-43 O-25 /healthz is 200 while nxb serves and 503 when it shuts down, without CORS") {
  EdgeRig rig;
  rig.open();
  std::string good = answer_to(rig, get("/healthz", "Origin: https://a.example\r\n"), "192.0.2.7:4");
  CHECK(status_of(good) == "200");
  CHECK(good.ends_with("\r\n\r\nok\n"));
  CHECK_FALSE(contains(good, "Access-Control"));
  Client late(rig);
  late.send(get("/healthz").substr(0, 20));
  rig.run_turns(2);
  rig.edge->shut_down();
  late.send(get("/healthz").substr(20));
  REQUIRE(late.is_closed_by_nxb());
  CHECK(status_of(late.received) == "503");
}

TEST_CASE("O-25 O-29 /readyz is 200 while some worker takes new sessions, else 503 that says when to ask again") {
  EdgeRig rig;
  rig.open();
  auto ready = [&rig] { return answer_to(rig, get("/readyz"), "192.0.2.7:4"); };
  CHECK(status_of(ready()) == "200");
  stats::Pulse own(rig.segment->pulse(0));
  stats::Pulse other(rig.segment->pulse(1));
  own.set_open(false);
  CHECK(status_of(ready()) == "200");  // asked for here, it is made there
  other.set_open(false);
  CHECK(status_of(ready()) == "503");
  CHECK(contains(ready(), "Retry-After: "));
  CHECK(status_of(answer_to(rig, get("/healthz"), "192.0.2.7:4")) == "200");
  own.set_open(true);
  stats::Counters sessions(rig.segment->slot(0));
  sessions.add(stats::Counter::sessions, rig.config.server.max_sessions);
  CHECK(status_of(ready()) == "503");
  sessions.sub(stats::Counter::sessions);
  CHECK(status_of(ready()) == "200");
}

TEST_CASE("C-32 C-33 D-34 favicon is 204; the Flash policy is 404 unless it is configured") {
  for (bool configured : {false, true}) {
    EdgeRig rig;
    rig.config.http.crossdomain = configured;
    rig.open();
    CHECK(status_of(answer_to(rig, get("/favicon.ico"))) == "204");
    std::string policy = answer_to(rig, get("/crossdomain.xml"));
    CHECK(status_of(policy) == (configured ? "200" : "404"));
    CHECK(contains(policy, "<allow-access-from domain=\"*\"/>") == configured);
  }
}

TEST_CASE("D-33 H-08 paths are compared whole: what only contains one is 404") {
  EdgeRig rig;
  rig.config.monitor.system_info_password = "secret";
  rig.open();
  for (const char* path :
       {"/x/http-bind/", "/http-bindx", "/http-bind/x", "/http-bind/sysinfoX", "/http-bind/sysinfo/x", "/sysinfo",
        "/x/http-bind/sysinfo", "/http-bind/../http-bind", "/favicon.icon", "/healthz/", "//", "/HTTP-BIND"}) {
    CAPTURE(path);
    CHECK(status_of(answer_to(rig, get(path))) == "404");
    CHECK(status_of(answer_to(rig, "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n")) == "404");
  }
  for (const char* path : {"/http-bind/sysinfo", "/http-bind/sysinfo/", "/http%2Dbind/sysinfo"}) {
    CHECK(status_of(answer_to(rig, get(path))) == "401");
  }
}
