// tests/unit/supervisor/admin_test.cc - the admin socket's words, and its bounds over a real socket.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "admin_rig.h"
#include "supervisor/ctl/client.h"
#include "supervisor/ctl/render.h"

using namespace nxb;
using namespace nxb::supervisor;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

admin::Snapshot two_workers() {
  admin::Snapshot now;
  now.pid = 42;
  now.uptime = 7'500ms;
  now.state = "running";
  now.config_path = "/etc/nxb/n\xffxb.toml";
  now.warnings = {"nxb.toml:3: odd"};
  now.log_file = "/var/log/nxb.log";
  now.lately_over = 15min;
  now.lately = {{"streams_failed", 7}};
  now.listen = {"127.0.0.1:5280", "unix:/run/nxb/http.sock"};
  now.workers.push_back({0, 100, 1, "ready", 7s, 0, "", {}});
  now.workers.push_back({1, 0, 1, "waiting", 0ms, 3, "signal 9 (Killed)", {}});
  now.workers.push_back({2, 102, 1, "ready", 7s, 0, "", {}});
  now.workers[0].counters[static_cast<std::size_t>(stats::Counter::sessions)] = 5;
  now.workers[0].counters[static_cast<std::size_t>(stats::Counter::connections)] = 6;
  now.workers[1].counters[static_cast<std::size_t>(stats::Counter::bytes_to_clients)] = 1536;
  now.total[static_cast<std::size_t>(stats::Counter::sessions)] = 5;
  now.total[static_cast<std::size_t>(stats::Counter::bytes_to_clients)] = 1536;
  return now;
}

admin::Source source() {
  return {two_workers, [](int pid) {
            if (pid == 102) return std::optional(Usage{1.5, 2048, {}});
            return pid == 100 ? std::optional(Usage{1.5, 2048, 1024}) : std::nullopt;
          }};
}

std::string line(const std::string& request) {
  auto parsed = admin::parse_request(request);
  std::string text = parsed ? admin::answer(parsed->command, source()) : admin::refusal(parsed.error().text);
  CHECK(text.find('\n') == text.size() - 1);
  return text;
}
json ask(const std::string& request) { return json::parse(line(request)); }

struct Rig : AdminRig {
  Rig() : AdminRig(source()) {}
};

const std::string kStatus = "{\"command\":\"status\"}\n";

}  // namespace

TEST_CASE("O-15: status tells version, process, uptime, file, addresses, workers and sessions") {
  json status = ask("{\"command\":\"status\"}");
  CHECK(status["ok"] == true);
  CHECK(status["version"] == NXB_VERSION);
  CHECK(status["pid"] == 42);
  CHECK(status["uptime_seconds"] == 7.5);
  CHECK(status["listen"].size() == 2);
  CHECK(status["workers"]["ready"] == 2);
  CHECK(status["workers"]["total"] == 3);
  CHECK(status["log_file"] == "/var/log/nxb.log");
  CHECK(status["warnings"] == json::array({"nxb.toml:3: odd"}));
  CHECK(status["sessions"] == 5);
}

TEST_CASE("O-15: stats has every counter per worker and in total, and names those that may go down") {
  json stats = ask("{\"command\":\"stats\"}");
  CHECK(stats["workers"].size() == 3);
  CHECK(stats["total"].size() == stats::kCounters.size());
  CHECK(stats["workers"][0]["counters"]["sessions"] == 5);
  CHECK(stats["workers"][1]["counters"]["sessions"] == 0);
  CHECK(stats["total"]["bytes_to_clients"] == 1536);
  CHECK(stats["lately"] == json{{"seconds", 900.0}, {"total", {{"streams_failed", 7}}}});  // O-20: for doctor
  CHECK(stats["gauges"] == json::array({"sessions", "websockets", "streams", "connections", "requests_held",
                                        "proxy_cut_age_seconds", "tls_connections"}));
}

TEST_CASE("O-15: workers has process, state, load, age, restarts and the last exit; what is unknown is null") {
  json workers = ask("{\"command\":\"workers\"}")["workers"];
  REQUIRE(workers.size() == 3);
  CHECK(workers[2]["rss_bytes"] == 2048);  // the kernel shows no more of that one
  CHECK(workers[2]["pss_bytes"].is_null());
  CHECK(workers[0]["pid"] == 100);
  CHECK(workers[0]["connections"] == 6);
  CHECK(workers[0]["cpu_seconds"] == 1.5);
  CHECK(workers[0]["rss_bytes"] == 2048);
  CHECK(workers[0]["pss_bytes"] == 1024);
  CHECK(workers[0]["last_exit"].is_null());
  CHECK(workers[1]["pid"].is_null());
  CHECK(workers[1]["rss_bytes"].is_null());
  CHECK(workers[1]["state"] == "waiting");
  CHECK(workers[1]["restarts"] == 3);
  CHECK(workers[1]["last_exit"] == "signal 9 (Killed)");
}

TEST_CASE("O-13: what is not a request is answered with ok false and a reason, in one line") {
  for (const char* wrong : {"", "status", "[]", "{}", "{\"command\":1}", "{\"command\":\"halt\"}",
                            "{\"command\":\"stat", "{\"command\":\"\xff\"}", "null", "\x80\x81"}) {
    json reply = ask(wrong);
    CHECK(reply["ok"] == false);
    CHECK(!reply["error"].get<std::string>().empty());
  }
}

TEST_CASE("O-14: the tables of nxbctl are aligned and readable") {
  auto status = ctl::render("status", line("{\"command\":\"status\"}"));
  REQUIRE(static_cast<bool>(status));
  CHECK(status->find("workers      2 of 3 ready\n") != std::string::npos);
  CHECK(status->find("uptime       7.5s\n") != std::string::npos);

  auto stats = ctl::render("stats", line("{\"command\":\"stats\"}"));
  REQUIRE(static_cast<bool>(stats));
  CHECK(stats->starts_with("counter  "));
  std::size_t row = stats->find("\nbytes_to_clients ") + 1;
  std::string bytes = stats->substr(row, stats->find('\n', row) - row);
  CHECK(bytes.ends_with("     0 B   1.5 KiB       0 B  1.5 KiB"));
  CHECK(bytes.size() == stats->find('\n'));  // right-aligned under the heading

  auto workers = ctl::render("workers", line("{\"command\":\"workers\"}"));
  REQUIRE(static_cast<bool>(workers));
  CHECK(workers->find("     1    -    1  waiting ") != std::string::npos);
  CHECK(workers->find("signal 9 (Killed)\n") != std::string::npos);
}

TEST_CASE("O-14: an answer that is no answer, or a refusal, is an error of nxbctl and never a crash") {
  CHECK(!ctl::render("status", "hello"));
  CHECK(!ctl::render("status", "{\"ok\":true}"));
  CHECK(!ctl::render("stats", "{\"ok\":true,\"workers\":[1],\"total\":{\"a\":1}}"));
  auto refused = ctl::render("status", admin::refusal("no"));
  REQUIRE(!refused);
  CHECK(refused.error().text == "no");
}

TEST_CASE("O-14: whoever answers, nothing that nxbctl prints steers a terminal") {
  auto refused = ctl::render("status", R"({"ok":false,"error":"\u001b]0;owned\u0007:\n \u009b \"a b\""})");
  REQUIRE(!refused);
  CHECK(refused.error().text == "\\u001b]0;owned\\u0007:\n \\u009b \"a b\"");  // it may have lines

  const std::string evil = R"("\u001b[2J\n\u009b")";
  const std::string safe = "\\u001b[2J\\n\\u009b";
  auto explained = ctl::render("explain", R"({"ok":true,"verdict":)" + evil + R"(,)" + evil + ":1}");
  REQUIRE(static_cast<bool>(explained));
  CHECK(explained->find("verdict            " + safe + "\n") != std::string::npos);
  auto reload = ctl::render("reload", R"({"ok":true,"changed":[)" + evil + R"(],"needs_restart":[],"warnings":[)" +
                                          evil + R"(],"workers":[{"index":0,"state":)" + evil + "}]}");
  REQUIRE(static_cast<bool>(reload));
  CHECK(reload->starts_with("warning: " + safe + "\n"));
  auto stop = ctl::render("stop", R"({"ok":true,"verdict":)" + evil + "}");
  REQUIRE(static_cast<bool>(stop));
  CHECK(*stop == safe + "\n");
  auto other = ctl::render("other", R"({"ok":true,"a":)" + evil + "}");
  REQUIRE(static_cast<bool>(other));
  const std::string event = ctl::render_event("{" + evil + R"(:"x","type":"error"})");
  for (const std::string* text :
       std::initializer_list<const std::string*>{&refused.error().text, &*explained, &*reload, &*other, &event}) {
    CHECK(text->find('\x1b') == std::string::npos);
    CHECK(text->find("\xc2\x9b") == std::string::npos);
  }
}

TEST_CASE("O-14: bytes and times have units a person reads") {
  CHECK(ctl::readable_bytes(0) == "0 B");
  CHECK(ctl::readable_bytes(1023) == "1023 B");
  CHECK(ctl::readable_bytes(1024) == "1.0 KiB");
  CHECK(ctl::readable_bytes(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(ctl::readable_bytes(20ULL << 30) == "20.0 GiB");
  CHECK(ctl::readable_time(0.04) == "0.0s");
  CHECK(ctl::readable_time(59.9) == "59s");
  CHECK(ctl::readable_time(187) == "3m 07s");
  CHECK(ctl::readable_time(7500) == "2h 05m");
  CHECK(ctl::readable_time(86400 * 9 + 3600 * 14) == "9d 14h");
}

TEST_CASE("O-13: several requests in one segment, and one in many, are answered in order") {
  Rig rig;
  Descriptor fd = rig.connect_to();
  rig.say(fd, kStatus + "nonsense\n" + kStatus.substr(0, 7));
  std::string heard = rig.hear(fd);
  CHECK(std::ranges::count(heard, '\n') == 2);
  CHECK(json::parse(heard.substr(0, heard.find('\n')))["ok"] == true);
  CHECK(json::parse(heard.substr(heard.find('\n')))["ok"] == false);
  rig.say(fd, kStatus.substr(7));
  CHECK(json::parse(rig.hear(fd))["ok"] == true);
}

TEST_CASE("O-13: a peer that half-closes after its request still gets the answer, then the end") {
  Rig rig;
  Descriptor fd = rig.connect_to();
  CHECK(send(fd.get(), kStatus.data(), kStatus.size(), 0) > 0);
  shutdown(fd.get(), SHUT_WR);
  rig.turn();
  CHECK(json::parse(rig.hear(fd))["ok"] == true);
  CHECK(rig.closed(fd));
}

TEST_CASE("O-13: a line without end is refused at its limit and the connection dropped") {
  Rig rig;
  Descriptor fd = rig.connect_to();
  rig.say(fd, std::string(admin::kMaxLine, 'x'));
  CHECK(!rig.closed(fd));
  rig.say(fd, "xx");
  CHECK(json::parse(rig.hear(fd))["ok"] == false);
  CHECK(rig.closed(fd));
}

TEST_CASE("O-13: beyond the number of connections the oldest goes, so the operator always gets in") {
  Rig rig;
  std::vector<Descriptor> all;
  for (std::size_t i = 0; i < admin::kMaxConnections; ++i) all.push_back(rig.connect_to());
  CHECK(!rig.closed(all[0]));
  Descriptor last = rig.connect_to();
  CHECK(rig.closed(all[0]));
  CHECK(!rig.closed(all[1]));
  rig.say(last, kStatus);
  CHECK(json::parse(rig.hear(last))["ok"] == true);
}

TEST_CASE("O-13: a reader that never reads is dropped at its limit") {
  Rig rig;
  Descriptor fd = rig.connect_to();
  const std::string stats = "{\"command\":\"stats\"}\n";
  std::size_t asked = 0;
  while (asked < 10'000 && send(fd.get(), stats.data(), stats.size(), MSG_NOSIGNAL) > 0) {
    rig.turn(2);
    ++asked;
  }
  CHECK(asked < 10'000);
}

TEST_CASE("O-13: the admin socket is the owner's alone and goes with the server") {
  Rig rig;
  struct stat at {};
  REQUIRE(lstat(rig.path.c_str(), &at) == 0);
  CHECK((at.st_mode & 0777) == 0600);
  rig.server.reset();
  rig.turn();
  CHECK(lstat(rig.path.c_str(), &at) != 0);
}

TEST_CASE("O-03: nxbctl tells a supervisor that is not there from one that does not answer") {
  testing::TemporaryFolder folder;
  auto nobody = ctl::ask(folder.file("none"), "{}");
  REQUIRE(!nobody);
  CHECK(nobody.error().code == Code::NotFound);
}
