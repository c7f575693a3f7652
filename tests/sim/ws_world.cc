// tests/sim/ws_world.cc - see ws_world.h.
// SPDX-License-Identifier: MIT
#include "ws_world.h"

#include "ws_client.h"

namespace nxb::sim {

namespace {

constexpr std::uint64_t kMostSteps = 3'000'000;  // of one session

ws::SessionLimits limits_for(World& world) {
  ws::SessionLimits limits;
  if (world.dice.percent(30)) limits.ping_interval = 5'000ms + world.dice.upto(20'000ms);
  if (world.dice.percent(30)) {  // so that clients that do not read come to feel it
    limits.slow_above = 1'000;
    limits.max_unsent = 6'000 + world.dice.below(20'000);  // more than one burst
  }
  return limits;
}

// Whoever falls silent in the end must be found out: nothing happens any more only when the session is gone.
void play_out(World& world, WsStage& stage) {
  std::uint64_t steps = 0;
  while (world.step()) world.expect(++steps < kMostSteps, "the world stands still");
  if (!world.failed()) stage.witness().check_at_end();
}

void play_correct_session(World& world) {
  WsStage stage(world, limits_for(world));
  WsClient client(world, stage);
  client.start();
  play_out(world, stage);
  if (!world.failed()) client.check_at_end();
}

void play_hostile_session(World& world) {
  ws::SessionLimits limits = limits_for(world);
  limits.legacy_framing = world.dice.percent(70);
  if (world.dice.percent(5)) limits.see_other_uri = "wss://b.example/";
  WsStage stage(world, limits);
  if (world.dice.percent(30)) stage.server().never_pause();
  WsHostile hostile(world, stage);
  hostile.start();
  play_out(world, stage);
}

}  // namespace

Outcome play_websocket(const Setting& setting) {
  constexpr std::uint64_t kScenes[] = {5, 20, 200, 2'000};
  World world(setting.seed, setting.operations, setting.trace);
  std::uint64_t sessions = 0;
  while (!world.failed() && !world.used_up()) {
    world.scene(1 + world.dice.below(kScenes[world.dice.below(4)]));
    world.dice.percent(60) ? play_correct_session(world) : play_hostile_session(world);
    ++sessions;
  }
  return {world.failure(), world.hash(), world.operations_done(), sessions};
}

}  // namespace nxb::sim
