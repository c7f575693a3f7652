// tests/unit/supervisor/doctor_test.cc - what `nxbctl doctor` makes of what it sees.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/doctor.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/base/descriptor.h"
#include "tests/support/folder.h"

using namespace nxb;
using namespace nxb::ctl;

namespace {

const std::string kStatus = R"({"ok":true,"version":")" NXB_VERSION R"(","state":"running"})";
const std::string kStats =
    R"({"ok":true,"total":{"requests":9000},"lately":{"seconds":900,"total":)"
    R"({"requests":5000,"client_aborts":3,"dns_queries":100,"dns_failures":2,"streams_requested":50,"streams_failed":5}}})";
const std::string kWorkers =
    R"({"ok":true,"workers":[{"index":0,"pid":10,"state":"ready","restarts":0,"last_exit":null}]})";
const Machine kHealthy{{{10, {100, 65536}}}, true};

// "what: text" of all that is not good.
std::string complaints(const std::string& status, const std::string& stats, const std::string& workers,
                       const Machine& machine) {
  auto findings = diagnose(status, stats, workers, machine);
  REQUIRE(static_cast<bool>(findings));
  std::string all;
  for (const Finding& one : *findings) {
    if (one.kind != Finding::Kind::Good) all += one.what + ": " + one.text + "\n";
  }
  return all;
}

// An admin socket that answers those three questions in turn, from a process of its own.
class AnsweringSocket {
 public:
  explicit AnsweringSocket(const std::string& workers) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    socket_ = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(socket_.get(), 8) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      for (const std::string& answer : {kStatus, kStats, workers}) serve(answer + "\n");
      _exit(0);
    }
  }
  ~AnsweringSocket() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::string path() const { return folder_.file("s"); }

 private:
  void serve(const std::string& answer) const {
    Descriptor client(accept(socket_.get(), nullptr, nullptr));
    for (char c = 0; c != '\n' && read(client.get(), &c, 1) == 1;) {
    }
    if (write(client.get(), answer.data(), answer.size()) < 0) _exit(1);
  }
  testing::TemporaryFolder folder_;
  Descriptor socket_;
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("O-20 doctor looks at a worker's process; a slot that has none is told, and does not end it") {
  AnsweringSocket socket(R"({"ok":true,"workers":[{"index":0,"pid":)" + std::to_string(getpid()) +
                         R"(,"state":"ready","restarts":0,"last_exit":null},)"
                         R"({"index":1,"pid":null,"state":"waiting","restarts":3,"last_exit":"signal 9"}]})");
  auto findings = examine(socket.path());
  REQUIRE(static_cast<bool>(findings));
  REQUIRE(findings->size() >= 4);
  CHECK((*findings)[2].text == "worker 1 is waiting");
  CHECK((*findings)[3].what == "descriptors");
  CHECK((*findings)[3].text.find(" for each worker") != std::string::npos);
}

TEST_CASE("O-20 doctor: nothing to complain of") {
  CHECK(complaints(kStatus, kStats, kWorkers, kHealthy).empty());
  CHECK(diagnose(kStatus, kStats, kWorkers, kHealthy)->size() == 5);
}

TEST_CASE("O-20 doctor: the configuration's warnings, as at its check") {
  CHECK(complaints(R"({"version":")" NXB_VERSION R"(","state":"running","warnings":["nxb.toml:3: a.b: is odd"]})",
                   kStats, kWorkers, kHealthy) == "configuration: nxb.toml:3: a.b: is odd\n");
}

TEST_CASE("O-20 doctor: version, state, workers, descriptors and clock that an operator has to look at") {
  CHECK(complaints(R"({"version":"0.0.1","state":"stopping"})", kStats, kWorkers, kHealthy) ==
        "version: nxb 0.0.1, nxbctl " NXB_VERSION ": restart nxb-supervisor\nstate: stopping\n");
  CHECK(complaints(kStatus, kStats,
                   R"({"workers":[{"index":0,"pid":10,"state":"stuck","restarts":0,"last_exit":null}]})",
                   kHealthy) == "workers: worker 0 is stuck\n");
  CHECK(complaints(kStatus, kStats,
                   R"({"workers":[{"index":0,"pid":10,"state":"ready","restarts":2,"last_exit":"signal 9"}]})",
                   kHealthy) == "workers: all serve, but some were replaced: worker 0: signal 9\n");
  CHECK(complaints(kStatus, kStats, kWorkers, {{{10, {100, 1024}}}, false}) ==
        "descriptors: 1024 for each worker, 9% in use at most: a session needs two, under TLS four; raise LimitNOFILE\n"
        "clock: not synchronised: certificates and logs need the time\n");
  CHECK(complaints(kStatus, kStats, kWorkers, {{{10, {60000, 65536}}}, true})
            .starts_with("descriptors: 65536 for each worker, 91%"));
  CHECK(complaints(kStatus, kStats, kWorkers, {{}, std::nullopt}) ==
        "descriptors: only root and nxb's own user may see them\nclock: the system does not say\n");
}

TEST_CASE("O-20 O-31 doctor: counters that mean something, and shares that are too large") {
  std::string told = complaints(
      kStatus,
      R"({"total":{"accept_pauses":1,"bugs_seen":2,"proxy_cut_age_seconds":60},"lately":{"seconds":900,"total":)"
      R"({"requests":5000,"client_aborts":501,"dns_queries":100,"dns_failures":11}}})",
      kWorkers, kHealthy);
  for (const char* text :
       {"accept_pauses: 1: ", "bugs_seen: 2: ", "proxy_cut_age_seconds: 60: ",
        "dns_failures: in the last 15m 00s of 100 questions 11 ", "client_aborts: in the last 15m 00s 501 of 5000 "}) {
    CHECK(told.find(text) != std::string::npos);
  }
  CHECK(complaints(kStatus, R"({"total":{},"lately":{"seconds":9,"total":{"requests":999,"client_aborts":900}}})",
                   kWorkers, kHealthy)
            .empty());
  CHECK_FALSE(diagnose(kStatus, "{}", kWorkers, kHealthy));
  CHECK_FALSE(diagnose("nothing", kStats, kWorkers, kHealthy));
}

TEST_CASE("O-20 doctor: streams that fail are told with where; what failed weeks ago is not") {
  CHECK(complaints(kStatus,
                   R"({"total":{},"lately":{"seconds":65,"total":{"streams_requested":50,"streams_failed":6,)"
                   R"("streams_failed_policy":0,"streams_failed_tcp":2,"streams_failed_tls":4}}})",
                   kWorkers, kHealthy) ==
        "streams_failed: in the last 1m 05s 6 streams to servers failed (tcp 2, tls 4), 50 were asked for: "
        "see stream.failed in the log, nxbctl doctor --domain DOMAIN\n");
  CHECK(complaints(kStatus,
                   R"({"total":{"streams_requested":90,"streams_failed":90,"dns_failures":7},)"
                   R"("lately":{"seconds":900,"total":{"streams_requested":0,"streams_failed":0}}})",
                   kWorkers, kHealthy)
            .empty());
}

TEST_CASE("O-20 O-26 doctor: a log that has no space left") {
  Machine machine = kHealthy;
  machine.log_bytes_free = 4096;
  CHECK(complaints(kStatus, kStats, kWorkers, machine).empty());
  machine.log_bytes_free = 0;
  CHECK(complaints(kStatus, kStats, kWorkers, machine) ==
        "log: no space is left where [log] file is: lines are lost\n");
}

TEST_CASE("O-20 doctor: as a table, and as JSON") {
  std::vector<Finding> findings{{Finding::Kind::Good, "a", "x"}, {Finding::Kind::Bad, "b", "y"}};
  CHECK(render_findings(findings, false) == "ok    a  x\nLOOK  b  y\n");
  CHECK(render_findings(findings, true) == R"({"ok":true,"findings":[{"good":true,"kind":"ok","what":"a","text":"x"},)"
                                           R"({"good":false,"kind":"problem","what":"b","text":"y"}]})"
                                           "\n");
}

TEST_CASE("O-20 doctor: what a worker found of a domain's servers, or why it found nothing") {
  auto findings =
      findings_of_probe(R"({"ok":true,"worker":0,"domain":"a.example","findings":[{"kind":"ok","what":"a","text":"x"},)"
                        R"({"kind":"warning","what":"b","text":"y"},{"kind":"problem","what":"c","text":"z"}]})");
  CHECK(render_findings(findings, false) == "ok    a  x\nwarn  b  y\nLOOK  c  z\n");
  CHECK(render_findings(findings_of_probe(R"({"ok":false,"error":"busy"})"), false) == "LOOK  domain  busy\n");
  for (const char* answer : {"", "{}", R"({"ok":true})", R"({"ok":true,"findings":[{}]})"}) {
    CHECK(findings_of_probe(answer).front().kind == Finding::Kind::Bad);
  }
}
