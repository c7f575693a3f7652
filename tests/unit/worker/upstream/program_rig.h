// tests/unit/worker/upstream/program_rig.h - streams of kind external, and a program that the test plays by hand.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "tests/support/folder.h"
#include "tests/support/turns.h"
#include "tests/unit/worker/upstream/fake_server.h"
#include "worker/upstream/streams.h"

namespace nxb::upstream {

struct ProgramRig : Events {
  ProgramRig() {
    config.upstream.kind = config::UpstreamKind::External;
    config.external.socket = folder.file("program");
    config.external.reconnect_min = Duration{10};
    config.external.reconnect_max = Duration{20};
  }
  ~ProgramRig() {
    streams.reset();
    program.reset();
  }
  ProgramRig(const ProgramRig&) = delete;
  ProgramRig& operator=(const ProgramRig&) = delete;

  void start_program() {
    std::filesystem::remove(config.external.socket);
    program =
        std::make_unique<test::FakeServer>(turns.loop, "unix:" + config.external.socket, std::vector<test::Act>{});
  }
  void start_streams() {
    streams = std::make_unique<Streams>(StreamsContext{turns.loop, config, pool, deadlines, counters, *this, 2});
  }
  // Both sides have greeted.
  void begin() {
    start_program();
    start_streams();
    greet();
  }
  void greet() {
    REQUIRE(heard("\"hello\""));
    program->say("{\"type\":\"hello\",\"version\":1,\"name\":\"test\"}\n");
  }
  Upstream& open(std::uint64_t id, const std::string& domain = "example.org") {
    Upstream& up = streams->make(StreamId{id});
    StreamSpec spec;
    spec.domain = domain;
    spec.session = "session-" + std::to_string(id);
    spec.client_address = "192.0.2.7";
    up.open(spec);
    return up;
  }
  // Asked for, and added by the program.
  Upstream& add(std::uint64_t id) {
    Upstream& up = open(id);
    REQUIRE(heard("\"stream-add\",\"stream\":" + std::to_string(id)));
    say("stream-added", id, R"(,"id":"s1","features":"<stream:features/>")");
    REQUIRE(until(id, "A:<stream:features"));
    ears[id].log.clear();
    return up;
  }
  void say(const std::string& type, std::uint64_t id, const std::string& more = "") {
    program->say("{\"type\":\"" + type + "\",\"stream\":" + std::to_string(id) + more + "}\n");
  }
  bool heard(const std::string& text) {
    return turns.until([&] { return program->heard.find(text) != std::string::npos; });
  }
  bool until(std::uint64_t id, const std::string& event) {
    return turns.until([&] { return ears[id].log.find(event) != std::string::npos; });
  }
  void on_stream_event(StreamId stream, Event event) override {
    bool last = std::holds_alternative<Closed>(event);
    ears[stream.value].on_stream_event(stream, std::move(event));
    if (last) streams->drop(stream);
  }

  testing::TemporaryFolder folder;
  test::Turns turns;
  uv::Deadlines deadlines{turns.loop};
  config::Config config;
  xml::Pool pool;
  stats::Counters::Slot slot{};
  stats::Counters counters{&slot};
  std::map<std::uint64_t, test::Ears> ears;
  std::unique_ptr<test::FakeServer> program;
  std::unique_ptr<Streams> streams;
};

}  // namespace nxb::upstream
